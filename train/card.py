"""Write a checkpoint's model card from its configuration and metrics: ``python -m train.card CHECKPOINT``.

Every figure on the card comes from ``metrics.json``, so the card can't say anything else than what was measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unfake.detector.checkpoint import Checkpoint, load_folder

FRONT = """\
---
license: apache-2.0
library_name: unfake
pipeline_tag: image-classification
tags:
  - ai-generated-image-detection
  - deepfake-detection
---

"""


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _auc(figures: dict[str, Any]) -> str:
    if figures["auc"] is None:
        return "–"
    low, high = figures["auc_interval"]
    return f"{figures['auc']:.2f} ({low:.2f}–{high:.2f})"


def table(sources: dict[str, Any], names: list[str], delivery: str) -> str:
    """One delivery's figures, a row a source, as Markdown."""
    lines = [
        "| source | real | fake | AUC (95 %) | real called AI | real called real | AI called AI | AI called real "
        "| inconclusive |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        f = sources[name].get(delivery)
        if f:
            shares = ("real_called_fake", "real_called_real", "fake_called_fake", "fake_called_real", "inconclusive")
            cells = " | ".join(_share(f[s]) for s in shares)
            lines.append(f"| {name} | {f['real']} | {f['fake']} | {_auc(f)} | {cells} |")
    return "\n".join(lines)


def _mean_auc(sources: dict[str, Any], names: list[str], delivery: str) -> float | None:
    found = [sources[n][delivery]["auc"] for n in names if sources[n][delivery]["auc"] is not None]
    return sum(found) / len(found) if found else None


def _worst(sources: dict[str, Any], names: list[str]) -> str:
    ranked = sorted((n for n in names if sources[n]["web"]["auc"] is not None), key=lambda n: sources[n]["web"]["auc"])
    return ", ".join(f"{n} ({sources[n]['web']['auc']:.2f})" for n in ranked[:3])


def card(checkpoint: Checkpoint) -> str:
    """The card, Markdown with front matter."""
    config, metrics = checkpoint.config, checkpoint.metrics()
    sources, training = metrics["sources"], config.training
    calibrated = metrics["calibrated_on"]
    tested = [n for n in sources if n not in calibrated]
    paired = [n for n in tested if sources[n]["web"]["auc"] is not None and n not in training["local_edits"]]
    means = ", ".join(
        f"{mean:.2f} at {delivery}"
        for delivery in metrics["deliveries"]
        if (mean := _mean_auc(sources, paired, delivery)) is not None
    )
    deliveries = "\n".join(f"- *{name}*: {what}" for name, what in metrics["deliveries"].items())
    tables = "\n\n".join(f"**{d}**\n\n{table(sources, tested, d)}" for d in metrics["deliveries"])
    rule = training["threshold_rule"]
    return (
        FRONT
        + f"""\
# {config.name}

Says of a picture how likely it is that an AI generated or manipulated it. Backbone `{config.backbone}`, up to
{config.views.max_views} crops of {config.views.size} px, averaged. Weights `{checkpoint.id}`.

## What it gets right, and what it doesn't

Measured on {metrics["date"]}, on sources that neither the training nor the calibration has seen, with the command
`{metrics["command"]}`. Mean AUC over {len(paired)} sources with real and generated pictures: {means}. An AUC of 0.5 is
a coin toss. Worst at *web*: {_worst(sources, paired)}.

{deliveries}

{tables}

"–": the source has no pictures of that label. `ciplab_chmoe_result` holds real portraits with a face part replaced by
hand in an image editor: local edits, which this network was not trained on.

## How to read its verdicts

From a probability of {config.thresholds.likely_fake:.3f} up it says *likely AI-generated*, from
{config.thresholds.likely_real:.3f} down *likely real*, and between them *inconclusive*. The probability was calibrated,
with as many real as fake pictures in mind, on {", ".join(calibrated)}; there, at *{rule["delivery"]}*, at most
{_share(rule["false_alarms"])} of the real pictures are called AI-generated and at most {_share(rule["misses"])} of the
generated ones real. On other sources it is wrong as often as the tables say.

## Not for

- accusing a person: a verdict is an estimate, not proof;
- local edits (a retouched face, an erased object), drawings, renderings, screenshots, or pictures of pictures;
- generators that are newer than its training pictures, without measuring it on them first.

## What it was trained on

{training["pictures"]:,} pictures of {len(training["sources"])} sources, as real and fake pairs of crops under the same
drawn resizing and JPEG compression, {training["steps"]:,} steps of {training["batch"]} crops, from ImageNet weights:
{", ".join(training["sources"])}. {training["note"]}

Held out from training: {", ".join(training["held_out"])}. Many of these pictures carry no licence for redistribution:
they were used for training and measuring only.
"""
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    args = parser.parse_args()
    (args.checkpoint / "README.md").write_text(card(load_folder(args.checkpoint)))


if __name__ == "__main__":
    main()
