"""Write a checkpoint's model card and its plots: ``python -m train.measure card CHECKPOINT``.

Every figure on the card comes from ``metrics.json``, and the plots from ``predictions.csv`` beside it, so the card
cannot say anything else than what was measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from train.measure import plots
from train.measure.calibrate import judge_all
from train.measure.metrics import Judged
from train.measure.predictions import load
from train.measure.protocol import TOGETHER, Protocol
from unfake.detector.calibration import Thresholds
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.config import CARD
from unfake.detector.portrait import FILLS
from unfake.detector.views import ViewRule
from unfake.ui.sources import readable

FRONT = """\
---
{licence}
library_name: unfake
pipeline_tag: image-classification
tags:
  - ai-generated-image-detection
  - deepfake-detection
---

"""
# Of those that timm names, what the Hub's metadata takes as they are (https://huggingface.co/docs/hub/repositories-licenses).
LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0")
PREDICTIONS = "predictions.csv"
DELIVERIES = {
    "clean": "as stored",
    "web": "long side at most 1080 px, JPEG quality 80, as a stock site shows it",
    "hard": "long side at most 512 px, JPEG quality 60, then 50, as a messenger leaves it",
    "webp": "long side at most 1080 px, WebP quality 80",
    "heic": "long side at most 2048 px, HEIC quality 90, as a phone stores it",
    "thumb": "long side at most 400 px, JPEG quality 80",
}


def front(licence: str) -> str:
    """The card's metadata for the Hub, under the licence of the weights that the network was made from."""
    own = f"license: {licence}" if licence in LICENCES else f"license: other\nlicense_name: {licence}"
    return FRONT.format(licence=own)


def _share(figure: list[float] | None) -> str:
    return "–" if figure is None else f"{100 * figure[0]:.0f} %"


def _number(figure: list[float] | None) -> str:
    return "–" if figure is None else f"{figure[0]:.2f}"


def _ranged(figure: list[float] | None, unit: float = 1) -> str:
    if figure is None:
        return "–"
    value, low, high = (unit * each for each in figure)
    return f"{value:.2f} ({low:.2f}–{high:.2f})" if unit == 1 else f"{value:.0f} % ({low:.0f}–{high:.0f})"


def ranking(metrics: dict[str, Any], names: list[str], delivery: str) -> str:
    """How well the network tells the labels apart, a row a source, as Markdown."""
    lines = [
        "| source | real | fake | AUC of headers | AUC (95 %) | balanced accuracy | fakes found at 1 % | at 5 % "
        "| calibration error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        f = metrics["sources"][name][delivery]
        reached = metrics["header_auc"].get(name)
        cells = [
            name,
            str(f["real"]),
            str(f["fake"]),
            "–" if reached is None else f"{reached:.2f}",
            _ranged(f["auc"]),
            _number(f["balanced_accuracy"]),
            _share(f["tpr_at_1_fpr"]),
            _share(f["tpr_at_5_fpr"]),
            _number(f["calibration_error"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(metrics: dict[str, Any], names: list[str], delivery: str) -> str:
    """What the app would say, a row a source, as Markdown."""
    lines = [
        "| source | real called AI (95 %) | real called real | AI called AI (95 %) | AI called real | inconclusive |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        f = metrics["sources"][name][delivery]
        cells = [
            name,
            _ranged(f["real_called_fake"], 100),
            _share(f["real_called_real"]),
            _ranged(f["fake_called_fake"], 100),
            _share(f["fake_called_real"]),
            _share(f["inconclusive"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _worst(metrics: dict[str, Any]) -> str:
    candidates = metrics["protocol"]["paired"] if metrics["protocol"]["folds"] else set(metrics["sources"]) - {TOGETHER}
    both = [n for n in candidates if metrics["sources"][n]["web"]["auc"] is not None]
    ranked = sorted(both, key=lambda n: metrics["sources"][n]["web"]["auc"][0])
    return ", ".join(f"`{n}` ({metrics['sources'][n]['web']['auc'][0]:.2f})" for n in ranked[:3])


def _headline(metrics: dict[str, Any]) -> str:
    lines = [
        "| delivery | mean AUC (95 %) | decided (95 %) | of these wrongly | real called AI | AI called AI "
        "| AI called real | portraits and camera originals called AI (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for delivery, f in metrics["headline"].items():
        reals = metrics["portraits_and_cameras"].get(delivery, {}).get("real_called_fake")
        shares = " | ".join(
            _share(f[s]) for s in ("decided_wrongly", "real_called_fake", "fake_called_fake", "fake_called_real")
        )
        cells = (delivery, _ranged(f["auc"]), _ranged(f["decided"], 100), shares, _ranged(reals, 100))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kinds(metrics: dict[str, Any]) -> str:
    """What is said at *web* of pictures by what they are, as Markdown; empty where that is not known."""
    if not metrics["kinds"]:
        return ""
    lines = [
        "What is said at *web*, by what the pictures are:",
        "",
        "| pictures | real | AI | decided (95 %) | real called AI (95 %) | AI called real (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for kind, by in metrics["kinds"].items():
        f = by["web"]
        ranged = " | ".join(_ranged(f[s], 100) for s in ("decided", "real_called_fake", "fake_called_real"))
        lines.append(f"| {kind} | {f['real']} | {f['fake']} | {ranged} |")
    return "\n".join(lines) + "\n\n"


def _band(limits: Thresholds) -> str:
    """What else the verdict depends on, in a sentence each; empty where on nothing."""
    told = ""
    if limits.portrait:
        told = (
            f" For a picture that a face fills\n(its height at least {FILLS:g} of the picture's short side) it is "
            f"{limits.portrait.likely_fake:.3f} and {limits.portrait.likely_real:.3f}."
        )
    if limits.widening:
        told += (
            f" The band widens by {limits.widening:g} standard errors of the mean\nover the crops, so a picture whose "
            "parts disagree is inconclusive."
        )
    if limits.reencoding:
        told += (
            " A verdict that changes when the picture is shrunk to\nthree quarters and recompressed is inconclusive."
        )
    return told


def _tables(metrics: dict[str, Any]) -> str:
    paired, names = metrics["protocol"]["paired"], sorted(metrics["sources"])
    both = [n for n in names if metrics["sources"][n]["web"]["auc"] is not None]
    ordered = [*sorted(paired), *[n for n in names if n not in paired]]
    parts = []
    for delivery in metrics["headline"]:
        parts.append(f"### {delivery}: {DELIVERIES[delivery]}")
        parts.append(ranking(metrics, [n for n in ordered if n in both], delivery))
        parts.append(verdicts(metrics, ordered, delivery))
    return "\n\n".join(parts)


def _views(rule: ViewRule) -> str:
    if rule.kind == "squash":
        return f"the whole picture, squashed to {rule.size} x {rule.size} px"
    far = f", up to {rule.far_views} more at most {rule.far_side} px long," if rule.far_views else ""
    near = f"up to {len(rule.taken(rule.max_views))} crops of {rule.size} px of it, at most {rule.long_side} px long"
    return f"{near}{far} and averages them" if far else f"{near}, and averages them"


def _edits(protocol: dict[str, Any]) -> str:
    if not protocol["local_edits"]:
        return ""
    return f"""\
The fakes of {" and ".join(protocol["local_edits"])} are local edits: real portraits with a face part replaced by hand
in an image editor. They are reported and never fitted on.
"""


def _how(metrics: dict[str, Any]) -> str:
    paired = metrics["protocol"]["paired"]
    if not metrics["protocol"]["folds"]:
        return """\
on the test split of the corpus that it was trained on, calibrated on the validation split. The training has seen other
pictures of these generators and cameras, so these figures flatter it: of a generator that it never saw they say
nothing."""
    return f"""\
on generators and cameras that the measured networks never saw: for every source below, a network was trained by the
same recipe with that source (and its fold's others) left out, and measured on it. The network in this checkpoint has
seen all of them, so it cannot be measured on these pictures any more. What a picture is said to be follows
a calibration fitted without its network. The protocol is in `docs/protocol.md`.

Over the {len(paired)} sources that have modern fakes and real pictures of their own ({", ".join(paired)}):"""


def card(checkpoint: Checkpoint) -> str:
    """The card, Markdown with front matter. Needs figures by `train.measure.calibrate`."""
    config, metrics = checkpoint.config, checkpoint.metrics()
    training, protocol = config.training, metrics["protocol"]
    limits = config.thresholds
    return (
        front(training.get("licence", "apache-2.0"))
        + f"""\
# {config.name}

Says of a picture how likely it is that an AI generated or manipulated it. Backbone `{config.backbone}`; it sees
{_views(config.views)}. Weights `{checkpoint.id}`.

## What it gets right, and what it doesn't

Measured on {metrics["date"]} {_how(metrics)}

{_headline(metrics)}

An AUC of 0.5 is a coin toss. Worst at *web*: {_worst(metrics) or "not to be said, as no source has both labels"}.

![ROC curves by delivery](plots/roc.svg)
![Reliability diagram at web](plots/reliability.svg)
![AUC of each source at web](plots/sources.svg)

The first two pool the sources of the table above. One threshold for all of them does worse than one for each, so the
pooled AUC is lower than the mean of theirs.

{_kinds(metrics)}{_tables(metrics)}

"–": the source lacks the pictures that the figure needs. *AUC of headers*: what a random forest reaches on size,
format, JPEG quality and bits per pixel of the files as they came, with no look at the picture: where it is near 1 and
the network's near 0.5, the files tell the label and the network does not. *web* and *hard* re-encode both labels alike.
*Fakes found at 1 % (5 %)*: where the threshold is set for that share of the source's own real pictures.
{_edits(protocol)}
## How to read its verdicts

From a probability of {limits.likely_fake:.3f} up it says *likely AI-generated*, from {limits.likely_real:.3f} down
*likely real*, and between them *inconclusive*.{_band(limits)}
The goal at *web* is that at most {100 * protocol["false_alarms"]:.0f} % of
real pictures are called AI-generated and at most {100 * protocol["misses"]:.0f} % of generated ones real; the tables
say what networks with thresholds from other networks' predictions came to. The probability takes real and fake
pictures for equally frequent.

## Not for

- accusing a person: a verdict is an estimate, not proof; nobody should publish, fire, fail or sue on it alone;
- local edits (a retouched face, an erased object), drawings, renderings, screenshots, or pictures of pictures;
- generators newer than its training pictures, without measuring it on them first;
- pictures under about 500 px: see *hard*.

## What it was trained on

{training["pictures"]:,} pictures of {len(training["sources"])} sources: {", ".join(training["sources"])}.
{training["note"]}

Many of these pictures carry no licence for redistribution: they were used for training and measuring only.
"""
    )


def draw_plots(checkpoint: Checkpoint) -> None:
    """ROC curves, reliability diagram and a bar a source, from the predictions beside the metrics."""
    metrics = checkpoint.metrics()
    protocol = Protocol(**metrics["protocol"])
    judged = judge_all(load(checkpoint.folder / PREDICTIONS), protocol, checkpoint.config.thresholds.widening)
    together = {d: Judged.join([judged[s][d] for s in protocol.paired]) for d in protocol.deliveries}
    folder = checkpoint.folder / "plots"
    folder.mkdir(exist_ok=True)
    plots.roc({d: (j.fake, j.probability) for d, j in together.items()}, folder / "roc.svg")
    plots.reliability(together["web"].fake, together["web"].probability, folder / "reliability.svg")
    bars = {readable(s): tuple(f["web"]["auc"]) for s, f in metrics["sources"].items() if f["web"]["auc"] is not None}
    plots.source_bars(bars, folder / "sources.svg", "AUC at web")


def write(folder: Path) -> None:
    """Plots and card of the checkpoint in ``folder``."""
    checkpoint = load_folder(folder)
    draw_plots(checkpoint)
    (folder / CARD).write_text(card(checkpoint))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    write(parser.parse_args().checkpoint)
