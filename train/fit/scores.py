"""Classification figures of one split: overall and by source. A figure that does not exist is None, never a guess."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from train.errors import RunError
from train.measure.metrics import auc

THRESHOLD = 0.5  # from this probability up a picture counts as called fake; the app's thresholds come by calibration

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Figures with fake as the positive label.

    ``loss``: mean cross-entropy in nats. ``precision``, ``recall``, ``f1``, ``auc`` are None where they do not exist:
    no picture called fake, no fake, neither, or one label only. ``confusion``: rows are the true label, columns what
    it was called, real before fake.
    """

    pictures: int
    real: int
    fake: int
    loss: float
    accuracy: float
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    confusion: tuple[tuple[int, int], tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``scores.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scores:
        """Read what `to_json` gave; raises KeyError or TypeError where it is something else."""
        (a, b), (c, d) = data["confusion"]
        return cls(**{**data, "confusion": ((a, b), (c, d))})


def _exists(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def score(labels: Labels, probabilities: Probabilities) -> Scores:
    """Figures of labels int64 ``[N]`` (1 is fake) and probabilities of fake float64 ``[N]``; ValueError for N = 0."""
    if not len(labels):
        raise ValueError("there are no pictures to score")
    called = (probabilities >= THRESHOLD).astype(np.int64)
    (tn, fp), (fn, tp) = confusion_matrix(labels, called, labels=[0, 1]).tolist()
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, called, labels=[0, 1], pos_label=1, average="binary", zero_division=np.nan
    )
    both = 0 < labels.sum() < len(labels)
    return Scores(
        pictures=len(labels),
        real=int((labels == 0).sum()),
        fake=int((labels == 1).sum()),
        loss=float(log_loss(labels, probabilities, labels=[0, 1])),
        accuracy=(tn + tp) / len(labels),
        precision=_exists(precision),
        recall=_exists(recall),
        f1=_exists(f1),
        auc=auc(labels == 1, probabilities) if both else None,
        confusion=((tn, fp), (fn, tp)),
    )


def by_source(labels: Labels, probabilities: Probabilities, sources: Sequence[str]) -> dict[str, Scores]:
    """`score` of each source, by name; ``sources``: N names."""
    names = np.array(sources, dtype=object)
    return {name: score(labels[names == name], probabilities[names == name]) for name in sorted(set(sources))}


@dataclass(frozen=True)
class Predictions:
    """A split's pictures in their order. ``indices``: which of them could be read; the rest is about those, N each."""

    split: str
    indices: NDArray[np.int64]
    labels: Labels
    probabilities: Probabilities
    sources: list[str]
    names: list[str]

    def scores(self) -> dict[str, Any]:
        """The figures, as they stand in ``scores.json``."""
        overall = score(self.labels, self.probabilities)
        apart = by_source(self.labels, self.probabilities, self.sources)
        return {"overall": overall.to_json(), "sources": {name: each.to_json() for name, each in apart.items()}}


_COLUMNS = ("split", "index", "source", "label", "probability", "sha256")


def save(predictions: Sequence[Predictions], path: Path) -> None:
    """Write predictions as CSV, a line a picture (``label`` real or fake, ``probability`` of fake)."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(_COLUMNS)
        for p in predictions:
            labels = ("fake" if label else "real" for label in p.labels)
            rows = zip(p.indices.tolist(), p.sources, labels, p.probabilities.tolist(), p.names, strict=True)
            writer.writerows((p.split, *row) for row in rows)


def load(path: Path) -> list[Predictions]:
    """Read what `save` wrote; raises RunError where it is something else."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return [_collect(split, [r for r in rows if r["split"] == split]) for split in {r["split"]: 0 for r in rows}]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} does not hold the predictions of a training ({type(error).__name__})") from error


def _collect(split: str, rows: list[dict[str, str]]) -> Predictions:
    return Predictions(
        split,
        np.array([int(r["index"]) for r in rows], dtype=np.int64),
        np.array([("real", "fake").index(r["label"]) for r in rows], dtype=np.int64),
        np.array([float(r["probability"]) for r in rows], dtype=np.float64),
        [r["source"] for r in rows],
        [r["sha256"] for r in rows],
    )
