"""Make ``unfake-clip``, or such a network of another tower: ``python -m train.bundled CONFIG --pool POOL ...``.

The tower's own weights come from the Hub, unless ``--weights`` names a file. With ``steps`` of 0 it stays as it is.

For each fold of the protocol a network that has seen none of the fold's sources is fitted, exported and measured on
them. The network that ships is the mean of the folds' weights, so that it has seen all; what the folds' networks read
calibrates and describes it. A command that was stopped goes on when it is run again.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from train.bundled import tower, tuning
from train.bundled.description import describe
from train.bundled.measured import Shown, Task
from train.bundled.pixels import PixelStore
from train.bundled.recipe import Recipe
from train.bundled.seen import Seen, chances, untuned
from train.checkpoint import export
from train.families import grouped, held_out
from train.measure.predictions import Prediction, choose, header_aucs
from train.measure.protocol import Protocol
from train.pool import Row, read_pool
from train.reuse import listed, made_from
from unfake.detector.checkpoint import load_folder, sha256_of
from unfake.detector.model import load_network
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import ViewRule


def training_rows(rows: Sequence[Row], recipe: Recipe, edits: Sequence[str]) -> list[Row]:
    """What may be trained on: not the ``unused`` sources, and at most ``recipe.most`` pictures of the others.

    ``edits``: sources whose fakes are local edits, of which only the real pictures are used.
    """
    found = []
    for source in sorted({row.source for row in rows} - set(recipe.unused)):
        members = [row for row in rows if row.source == source and not (row.label == "fake" and source in edits)]
        found += choose(members, recipe.most.get(source, len(members)), 0)
    return found


def folded(rows: Sequence[Row], sources: Sequence[str], protocol: Protocol, recipe: Recipe) -> list[Task]:
    """What is measured of a fold: at *web* ``measured`` pictures of a source and label, elsewhere fewer of them."""
    edits = set(protocol.local_edits)
    members = [row for row in rows if row.source in sources and not (row.label == "fake" and row.source in edits)]
    chosen = choose(members, recipe.measured, protocol.seed)
    everywhere = {row.path for row in choose(chosen, recipe.measured_elsewhere, protocol.seed)}
    rule = ViewRule(**recipe.views)
    return [(row, tuple(protocol.deliveries) if row.path in everywhere else ("web",), rule) for row in chosen]


class Making:
    """One network a fold, and the one that ships: what they are made from, and the folder where each stands."""

    def __init__(self, recipe: Recipe, protocol: Protocol, weights: Path, pool: Path, out: Path) -> None:
        self.recipe, self.protocol, self.weights, self.pool, self.out = recipe, protocol, weights, pool, out
        self.rows = grouped(read_pool(pool))
        allowed = training_rows(self.rows, recipe, protocol.local_edits)
        self.store = PixelStore.build(allowed, ViewRule("crops", recipe.drawing.size, recipe.long_side), out / "pixels")
        read = {(e["source"], e["label"], e["name"]) for e in self.store.entries}
        self.used = [row for row in allowed if (row.source, row.label, row.name) in read]
        self.inputs = {"pictures": listed(self.used), "weights": sha256_of(weights)}

    @property
    def seen(self) -> Seen:
        """What the frozen tower passes on, made once."""
        file = self.out / "seen.npz"
        read = {"backbone", "blocks", "mean", "std", "drawing", "seed", "seen"}
        made_from(self.out, self.inputs | {"settings": self.recipe.model_dump(mode="json", include=read)}, file.name)
        if not file.is_file():
            Seen.collect(self.store, self.used, self.recipe, self.weights).save(file)
        return Seen.load(file)

    def settings(self, left_out: set[Path], sources: Sequence[str]) -> str:
        """What stands in a run's ``config.json``."""
        counts = Counter(row.source for row in self.used if row.path not in left_out)
        told = self.recipe.model_dump(mode="json") | {"held_out": list(sources), "training_sources": counts}
        if licence := tower.licence(self.recipe.backbone):
            told["licence"] = licence
        return json.dumps(told | {"dropout": 0.0}, indent=2)

    def fold(self, name: str, sources: Sequence[str]) -> Path:
        """Tune and export a network without ``sources``, unless that is done; gives its run's folder."""
        out = [*sources, *self.protocol.also_left_out.get(name, [])]
        run, left_out = self.out / name, held_out(self.rows, out)
        made_from(run, self.inputs | {"settings": self.settings(left_out, sources)})
        if not (run / "model").is_dir():
            head = self.seen.head(self.used, left_out, self.recipe)
            model = untuned(self.recipe, self.weights, head)
            if self.recipe.steps:
                weights = chances(self.used, left_out, self.recipe)
                tuning.tune(model, self.store, weights, self.recipe, run)
            model.save_pretrained(run / "model")
        return self._exported(run, left_out, sources)

    def predictions(self, name: str, sources: Sequence[str]) -> list[Prediction]:
        """What a fold's network reads off the fold's sources; what its tower passes on for them is made once.

        That lies apart from the fold's run, so that another head on the same tower finds it.
        """
        folder, tasks = self.out / "shown", folded(self.rows, sources, self.protocol, self.recipe)
        file, checkpoint = folder / f"{name}.npz", load_folder(self.out / name / "checkpoint")
        model = load_network(checkpoint.folder)
        if not isinstance(model, TowerClassifier):
            raise TypeError(f"{checkpoint.folder} holds no tower")
        asked = {
            "pictures": listed(row for row, *_ in tasks),
            "deliveries": [names for _, names, _ in tasks],
            "views": self.recipe.views,
            "towers": [tower.digest(model.backbone), model.blocks, self.recipe.mean, self.recipe.std],
        }
        made_from(folder, asked, file.name)
        if not file.is_file():
            Shown.collect(model, tasks, self.recipe).save(file)
        return Shown.load(file).predictions(model, checkpoint.id)

    def final(self, runs: Sequence[Path]) -> Path:
        """The mean of the folds' networks, exported; gives its run's folder."""
        run = self.out / "final"
        made_from(run, self.inputs | {"settings": self.settings(set(), []), "folds": [each.name for each in runs]})
        if not (run / "model").is_dir():
            states = [TowerClassifier.from_pretrained(each / "model").state_dict() for each in runs]
            model = TowerClassifier(self.recipe.backbone, 2, self.recipe.blocks)
            model.load_state_dict(tuning.averaged(states))
            model.save_pretrained(run / "model")
        return self._exported(run, set(), [])

    def _exported(self, run: Path, left_out: set[Path], sources: Sequence[str]) -> Path:
        if not (run / "checkpoint" / "config.json").is_file():
            (run / "config.json").write_text(self.settings(left_out, sources))
            export.export(run, run / "checkpoint")
        return run


def make(recipe: Recipe, protocol: Protocol, weights: Path, pool: Path, out: Path) -> Path:
    """Everything; gives the folder of the finished checkpoint."""
    making = Making(recipe, protocol, weights, pool, out)
    runs = {name: making.fold(name, sources) for name, sources in protocol.folds.items()}
    predictions = [p for name, sources in protocol.folds.items() for p in making.predictions(name, sources)]
    final = making.final(list(runs.values())) / "checkpoint"
    measured = {(p.source, p.label, p.picture) for p in predictions}
    rows = [row for row in making.rows if (row.source, row.label, row.name) in measured]
    describe(final, predictions, header_aucs(rows), protocol, rows)
    return final


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--weights", type=Path, help="safetensors of the configuration's backbone; else from the Hub")
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv, as extract.py lays it out")
    parser.add_argument("--out", type=Path, required=True, help="for runs and the decoded pool, about 15 GB")
    args = parser.parse_args()
    recipe = Recipe.load(args.config)
    protocol = Protocol.load(args.config.parent / recipe.protocol)
    protocol = replace(protocol, most=recipe.measured)
    print(make(recipe, protocol, args.weights or tower.fetched(recipe.backbone), args.pool, args.out))
