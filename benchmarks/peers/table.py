"""Predictions of several detectors as one table: AUC with its 95 % interval, by source and delivery."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from train.measure.metrics import Judged, auc, interval
from train.measure.predictions import Prediction, load

Groups = dict[tuple[str, str], list[Prediction]]


def groups(predictions: list[Prediction]) -> Groups:
    """Predictions by delivery and source."""
    found: Groups = defaultdict(list)
    for prediction in predictions:
        found[prediction.delivery, prediction.source].append(prediction)
    return found


def auc_cell(predictions: list[Prediction]) -> str:
    """AUC (interval), and the numbers of real and fake pictures; a dash where a label is missing."""
    fake = np.array([p.fake for p in predictions], dtype=bool)
    count = f"{(~fake).sum()}+{fake.sum()}"
    if not fake.any() or fake.all():
        return f"– [{count}]"
    scores = Judged(fake, np.array([p.margin for p in predictions]), np.full(len(fake), ""))
    value, low, high = interval(scores, lambda drawn: auc(drawn.fake, drawn.probability))
    return f"{value:.2f} ({low:.2f}–{high:.2f}) [{count}]"


def called_cell(predictions: list[Prediction]) -> str:
    """Share of the real and of the fake pictures over 0, the detector's own threshold."""
    shares = []
    for fake in (False, True):
        margins = [p.margin for p in predictions if p.fake is fake]
        shares.append(f"{sum(m >= 0 for m in margins) / len(margins):.0%}" if margins else "–")
    return " / ".join(shares)


def on_the_same(columns: dict[str, Groups]) -> dict[str, Groups]:
    """Only pictures that all detectors have which have any of that source and delivery."""
    shared: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for found in columns.values():
        for key, predictions in found.items():
            pictures = {(p.label, p.picture) for p in predictions}
            shared[key] = shared[key] & pictures if key in shared else pictures
    return {
        name: {
            key: [p for p in predictions if (p.label, p.picture) in shared[key]] for key, predictions in found.items()
        }
        for name, found in columns.items()
    }


def table(files: list[Path]) -> str:
    """Two Markdown tables, a column a file: AUC, and what is called AI at the detector's own threshold.

    The second holds for files that `benchmarks.peers.measure` wrote, in which 0 is that threshold.
    """
    columns = on_the_same({file.stem: groups(load(file)) for file in files})
    keys = sorted({key for found in columns.values() for key in found})
    parts = []
    for title, cell in (
        ("AUC (95 % interval) [real+fake pictures]", auc_cell),
        ("real / fake pictures called AI at the detector's own threshold", called_cell),
    ):
        lines = [f"| delivery | source | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
        for delivery, source in keys:
            cells = [
                cell(found[delivery, source]) if found.get((delivery, source)) else "–" for found in columns.values()
            ]
            lines.append(f"| {delivery} | {source} | {' | '.join(cells)} |")
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)
