"""What each epoch of a training came to: a line an epoch in ``metrics.csv``.

No times stand in it, so an interrupted and resumed training writes the same file as one that ran through; speed is in
the log and in TensorBoard.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from train.errors import RunError


@dataclass(frozen=True)
class Epoch:
    """One epoch. ``epoch`` counts from 1; ``learning_rate`` is the one it was trained with.

    ``train_loss`` is what was minimised (with label smoothing, augmentations and dropout), ``validation_loss`` the
    plain cross-entropy without any of them, so the first is often the higher one. ``skipped``: pictures, in training
    and validation together, that could not be read. Figures that do not exist are None, an empty cell.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_precision: float | None
    validation_recall: float | None
    validation_f1: float | None
    validation_auc: float | None
    skipped: int


_WHOLE = ("epoch", "skipped")


def _number(key: str, text: str) -> Any:
    return int(text) if key in _WHOLE else float(text) if text else None


def save(history: Sequence[Epoch], path: Path) -> None:
    """Write all epochs, and put the file in place only when it is whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, [f.name for f in fields(Epoch)])
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history)
    temporary.replace(path)


def load(path: Path) -> list[Epoch]:
    """Read what `save` wrote; raises RunError where it is something else."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return [Epoch(**{key: _number(key, text) for key, text in row.items()}) for row in rows]
    except (OSError, TypeError, ValueError) as error:
        raise RunError(f"{path} does not hold the epochs of a training ({type(error).__name__})") from error
