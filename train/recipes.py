"""Compare recipes on sources that none of them saw: ``python -m train.recipes CONFIG --pool POOL --out RUNS``.

Each row of the configuration is one network that is trained, exported and measured by what the app runs, or several put
together. A row whose predictions are there is not run again. The table goes to the screen and to ``recipes.md``.
"""

from __future__ import annotations

import argparse
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from train import bundled, roundtrip
from train.comparison import PREDICTIONS, Comparison
from train.data import PixelStore
from train.errors import ConfigError, RunError, command
from train.metrics import Judged, auc, mean_auc, mean_auc_gain
from train.predictions import Prediction, choose, load, measure, save
from unfake.detector.model import DeepfakeClassifier

ROUNDTRIP = "roundtrip"  # stands for the folder of made twins


def average(models: Sequence[Path], out: Path) -> None:
    """A network with the mean of several networks' weights, all fine-tuned from one start.

    Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy, ICML 2022.
    """
    states = [DeepfakeClassifier.from_pretrained(model, pretrained=False).state_dict() for model in models]
    mean = {
        key: torch.stack([state[key].float() for state in states]).mean(0).to(tensor.dtype)
        for key, tensor in states[0].items()
    }
    model = DeepfakeClassifier.from_pretrained(models[0], pretrained=False)
    model.load_state_dict(mean)
    model.save_pretrained(out)


def together(rows: Sequence[Sequence[Prediction]]) -> list[Prediction]:
    """Predictions whose margin is the sum of the rows' margins, each divided by its standard deviation."""
    sums: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        spread = float(np.std([p.margin for p in row]))
        for p in row:
            sums[p.source, p.label, p.delivery, p.picture].append(p.margin / spread)
    return [Prediction(*key, sum(parts)) for key, parts in sums.items() if len(parts) == len(rows)]


def predictions(name: str, comparison: Comparison, pool: Path, out: Path, taef2: Path | None) -> list[Prediction]:
    """Those of one row, made if they are not there; raises RunError where they come from another command."""
    run, row = out / "recipes" / name, comparison.rows[name]
    file = run / PREDICTIONS
    if "together" in row:
        return together([predictions(other, comparison, pool, out, taef2) for other in row["together"]])
    if not file.is_file():
        if "from" in row:
            raise RunError(f"the row {name} needs {file}: run {row['from']}")
        run.mkdir(parents=True, exist_ok=True)
        checkpoint = _network(name, comparison, pool, out, taef2)
        rows = choose(bundled.rows_of(pool, comparison.measured), comparison.most, comparison.seed)
        save(measure(checkpoint, rows, deliveries=comparison.deliveries, again=False), file)
    return load(file)


def _network(name: str, comparison: Comparison, pool: Path, out: Path, taef2: Path | None) -> Path:
    run, row, networks = out / "recipes" / name, dict(comparison.rows[name]), comparison.networks
    held_out, start = networks["start"]["held_out"], out / "start"
    if "average" in row:
        average([out / other / "model" for other in row["average"]], run / "model")
        shutil.copy(out / row["average"][0] / "config.json", run)
    stage = row.pop("stage", "from_start")
    settings = bundled.recipe(networks, stage, held_out, start if stage == "from_start" else None) | row
    if ROUNDTRIP in settings.get("twins", ()):
        made = out / ROUNDTRIP
        if not (made / "entries.json").is_file():
            if taef2 is None:
                raise RunError(f"the row {name} needs the weights of an autoencoder: give --taef2")
            store = PixelStore(out / bundled.PIXELS).without(set(held_out))
            roundtrip.make(store, frozenset(settings["boosted"]), taef2, 300, made, settings["seed"])
        settings["twins"] = [str(made) if kind == ROUNDTRIP else kind for kind in settings["twins"]]
    return bundled.network(run, settings, pool, out)


def _groups(row: list[Prediction], comparison: Comparison, delivery: str) -> list[Judged]:
    """The row's margins, source by source, in an order that all rows share."""
    groups = []
    for source in comparison.measured:
        group = sorted(
            (p for p in row if p.source == source and p.delivery == delivery), key=lambda p: (p.label, p.picture)
        )
        fake, margin = np.array([p.fake for p in group]), np.array([p.margin for p in group])
        groups.append(Judged(fake, margin, np.full(len(group), "")))
    return groups


def table(found: dict[str, list[Prediction]], comparison: Comparison) -> str:
    """Markdown: AUC by source at each delivery, the mean, and how far it is above the first row's (95 % intervals)."""
    deliveries = comparison.deliveries
    head = [f"{d}: {', '.join(s.split('_')[0] for s in comparison.measured)} | mean | gain" for d in deliveries]
    lines = [f"| row | {' | '.join(head)} |", f"|---|{'---|---|---|' * len(deliveries)}"]
    first: dict[str, list[Judged]] = {}
    for name, row in found.items():
        cells = [name]
        for delivery in deliveries:
            groups = _groups(row, comparison, delivery)
            cells.append(" ".join(f"{auc(g.fake, g.probability):.2f}" for g in groups))
            cells.append("{:.2f} ({:.2f}–{:.2f})".format(*mean_auc(groups)))
            against = first.setdefault(delivery, groups)
            is_first = against is groups
            cells.append("–" if is_first else "{:+.2f} ({:+.2f} to {:+.2f})".format(*mean_auc_gain(groups, against)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv, as extract.py lays it out")
    parser.add_argument("--out", type=Path, required=True, help="where train.bundled has made its first part")
    parser.add_argument("--taef2", type=Path, help="folder with taef2_encoder.pth and taef2_decoder.pth")
    parser.add_argument("--only", nargs="+", help="names of rows")
    args = parser.parse_args()
    comparison = Comparison.load(args.config)
    if unknown := set(args.only or ()) - set(comparison.rows):
        raise ConfigError(f"{args.config} has no row {', '.join(sorted(unknown))}")
    found = {n: predictions(n, comparison, args.pool, args.out, args.taef2) for n in args.only or comparison.rows}
    text = table(found, comparison)
    (args.out / "recipes.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    command(main)
