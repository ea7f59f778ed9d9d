"""Measure a checkpoint on sources that its training never saw, at three deliveries.

``python -m train.evaluate CHECKPOINT --pool POOL --out predictions.csv`` runs what the app runs (OpenVINO, the
checkpoint's own views) and keeps one margin a picture and delivery. `summary` turns them into figures.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from train.data import Row, open_trimmed, read_pool
from train.transforms import DELIVERIES
from unfake.detector.calibration import Label
from unfake.detector.checkpoint import load_folder
from unfake.detector.config import CheckpointConfig
from unfake.detector.detector import Detector, obstacle


@dataclass(frozen=True)
class Prediction:
    """The margin (fake logit minus real logit) of one picture at one delivery."""

    source: str
    label: str
    delivery: str
    picture: str
    margin: float

    @property
    def fake(self) -> bool:
        """Whether the picture is fake."""
        return self.label == "fake"


@cache
def _detector(checkpoint: Path) -> Detector:
    return Detector.load(load_folder(checkpoint), "cpu", "f32")


def _measure(task: tuple[Path, Row]) -> list[Prediction]:
    checkpoint, row = task
    detector = _detector(checkpoint)
    image = open_trimmed(row)
    found = []
    for name, deliver in DELIVERIES.items():
        pixels = np.asarray(deliver(image))
        if obstacle(pixels) is None:
            margin = round(detector.margin(pixels), 4)
            found.append(Prediction(row.source, row.label, name, row.path.name, margin))
    return found


def choose(rows: Iterable[Row], sources: set[str], most: int, seed: int) -> list[Row]:
    """At most ``most`` pictures of each source and label, drawn with ``seed``, in a fixed order."""
    members: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.source in sources:
            members[row.source, row.label].append(row)
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [
        row
        for key in sorted(members)
        for row in sorted(rng.sample(members[key], min(most, len(members[key]))), key=lambda r: r.path.name)
    ]


def measure(checkpoint: Path, rows: list[Row], processes: int = 2) -> list[Prediction]:
    """Predictions for all rows and deliveries."""
    context = multiprocessing.get_context("spawn")
    found: list[Prediction] = []
    with context.Pool(processes) as pool:
        for predictions in pool.imap(_measure, [(checkpoint, row) for row in rows], chunksize=4):
            found.extend(predictions)
    return found


def save(predictions: Iterable[Prediction], path: Path) -> None:
    """Write predictions as CSV."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(Prediction.__dataclass_fields__)
        writer.writerows((p.source, p.label, p.delivery, p.picture, p.margin) for p in predictions)


def load(path: Path) -> list[Prediction]:
    """Read what `save` wrote."""
    with path.open(newline="") as handle:
        return [
            Prediction(r["source"], r["label"], r["delivery"], r["picture"], float(r["margin"]))
            for r in csv.DictReader(handle)
        ]


def auc_interval(
    fake: NDArray[np.bool_], margin: NDArray[np.float64], rounds: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """AUC with its 95 % interval from a bootstrap over pictures within each label."""
    rng = np.random.default_rng(seed)
    real, false = np.flatnonzero(~fake), np.flatnonzero(fake)
    draws = []
    for _ in range(rounds):
        drawn = np.concatenate([rng.choice(real, len(real)), rng.choice(false, len(false))])
        draws.append(roc_auc_score(fake[drawn], margin[drawn]))
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(roc_auc_score(fake, margin)), float(low), float(high)


def figures(predictions: list[Prediction], config: CheckpointConfig) -> dict[str, Any]:
    """Figures for one source at one delivery; None where the source lacks the label that a figure needs."""
    fake = np.array([p.fake for p in predictions])
    margin = np.array([p.margin for p in predictions])
    labels = np.array([config.thresholds.label(config.calibration.probability(m)) for m in margin])

    def share(of: NDArray[np.bool_], label: Label) -> float | None:
        return round(float((labels[of] == label).mean()), 4) if of.any() else None

    found: dict[str, Any] = {
        "real": int((~fake).sum()),
        "fake": int(fake.sum()),
        "auc": None,
        "auc_interval": None,
    }
    if fake.any() and not fake.all():
        auc, low, high = auc_interval(fake, margin)
        found |= {"auc": round(auc, 3), "auc_interval": [round(low, 3), round(high, 3)]}
    return found | {
        "real_called_fake": share(~fake, Label.LIKELY_FAKE),
        "real_called_real": share(~fake, Label.LIKELY_REAL),
        "fake_called_fake": share(fake, Label.LIKELY_FAKE),
        "fake_called_real": share(fake, Label.LIKELY_REAL),
        "inconclusive": share(np.ones_like(fake), Label.INCONCLUSIVE),
    }


def summary(predictions: list[Prediction], config: CheckpointConfig) -> dict[str, dict[str, Any]]:
    """`figures` by source, then by delivery."""
    groups: dict[str, dict[str, list[Prediction]]] = defaultdict(lambda: defaultdict(list))
    for prediction in predictions:
        groups[prediction.source][prediction.delivery].append(prediction)
    return {
        source: {delivery: figures(members, config) for delivery, members in deliveries.items()}
        for source, deliveries in sorted(groups.items())
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=250, help="pictures a source and label, at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sources = set(load_folder(args.checkpoint).config.training["held_out"])
    rows = choose(read_pool(args.pool), sources, args.most, args.seed)
    predictions = measure(args.checkpoint, rows, args.processes)
    save(predictions, args.out)
    print(f"{len(predictions)} predictions on {len(rows)} pictures of {len(sources)} sources: {args.out}")


if __name__ == "__main__":
    main()
