"""Measure a checkpoint on sources that its training never saw, at three deliveries.

``python -m train.evaluate CHECKPOINT --pool POOL --out predictions.csv`` runs what the app runs (OpenVINO, the
checkpoint's own views) and keeps what the network read off each picture and delivery. `train.calibrate` turns that
into figures. docs/protocol.md says why it is measured this way.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from train.data import Row, open_trimmed, read_pool
from train.headers import Header, header_auc
from train.transforms import DELIVERIES
from unfake.detector.checkpoint import load_folder
from unfake.detector.decision import Reading, reencode
from unfake.detector.detector import Detector, obstacle


@dataclass(frozen=True)
class Prediction:
    """What a network read off one picture at one delivery, and off the same after `decision.reencode`.

    ``margin`` is fake logit minus real logit, ``error`` its standard error over the views. The margin and error
    ``again`` are NaN where the picture was not re-encoded. ``network``: id of the checkpoint.
    """

    source: str
    label: str
    delivery: str
    picture: str
    margin: float
    error: float = 0.0
    margin_again: float = math.nan
    error_again: float = math.nan
    network: str = ""

    @property
    def fake(self) -> bool:
        """Whether the picture is fake."""
        return self.label == "fake"

    @property
    def reading(self) -> Reading:
        """Of the picture."""
        return Reading(self.margin, self.error)

    @property
    def again(self) -> Reading:
        """Of the re-encoded picture."""
        return Reading(self.margin_again, self.error_again)


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
            reading, again = detector.read(pixels), detector.read(reencode(pixels))
            margin, error, margin_again, error_again = (
                round(n, 4) for n in (reading.margin, reading.error, again.margin, again.error)
            )
            found.append(
                Prediction(
                    row.source,
                    row.label,
                    name,
                    row.path.name,
                    margin,
                    error,
                    margin_again,
                    error_again,
                    detector.checkpoint.id,
                )
            )
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


def header_aucs(rows: list[Row]) -> dict[str, float | None]:
    """By source: the AUC that the files alone reach, no pixel read (see `train.headers`); None with one label only."""
    found: dict[str, float | None] = {}
    for source in sorted({row.source for row in rows}):
        members = [row for row in rows if row.source == source]
        vectors = np.stack([Header.of(row.path.read_bytes()).vector() for row in members])
        fake = np.array([row.label == "fake" for row in members])
        reached = header_auc(vectors, fake, range(len(members)))
        found[source] = None if reached is None else round(reached, 3)
    return found


def save(predictions: Iterable[Prediction], path: Path) -> None:
    """Write predictions as CSV."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(Prediction.__dataclass_fields__)
        writer.writerows(astuple(p) for p in predictions)


def load(path: Path) -> list[Prediction]:
    """Read what `save` wrote."""
    with path.open(newline="") as handle:
        return [
            Prediction(
                row["source"],
                row["label"],
                row["delivery"],
                row["picture"],
                float(row["margin"]),
                float(row["error"]),
                float(row["margin_again"]),
                float(row["error_again"]),
                row["network"],
            )
            for row in csv.DictReader(handle)
        ]


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
