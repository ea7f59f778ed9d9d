"""What a checkpoint reads off pictures at three deliveries, measured by what the app runs: OpenVINO and its own views.

docs/protocol.md says why it is measured this way. `train.measure.calibrate` turns predictions into figures.
"""

from __future__ import annotations

import csv
import math
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image

from train.deliveries import DELIVERIES
from train.errors import RunError
from train.measure.headers import Header, header_auc
from unfake.detector.checkpoint import load_folder
from unfake.detector.decision import Reading, reencode
from unfake.detector.detector import Detector, obstacle
from unfake.detector.portrait import face_share
from unfake.errors import PictureError


class Example(Protocol):
    """A labelled picture that can be measured, and sent to another process."""

    @property
    def source(self) -> str:
        """Where it comes from."""
        ...

    @property
    def label(self) -> str:
        """``real`` or ``fake``."""
        ...

    @property
    def name(self) -> str:
        """Unique within source and label."""
        ...

    @property
    def part(self) -> str:
        """See `Prediction`; empty for the network that measures it."""
        ...

    def open(self) -> Image.Image:
        """The picture, RGB and upright; raises OSError or PictureError."""
        ...

    def read(self) -> bytes:
        """The file as it is; raises OSError."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What a network read off one picture at one delivery, and off the same after `decision.reencode`.

    ``margin`` is fake logit minus real logit, ``error`` its standard error over the views. The margin and error
    ``again`` are NaN where the picture was not re-encoded. ``part``: id of the network that left the source out, or
    the split of the corpus that the picture is in. ``kind``: what it shows or where it was found, where that is known
    apart from its source. ``face``: `unfake.detector.portrait.face_share` of the picture as it was delivered.
    """

    source: str
    label: str
    delivery: str
    picture: str
    margin: float
    error: float = 0.0
    margin_again: float = math.nan
    error_again: float = math.nan
    part: str = ""
    kind: str = ""
    face: float = 0.0

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


def _measure(task: tuple[Path, Example, Sequence[str], bool]) -> list[Prediction]:
    checkpoint, example, deliveries, again = task
    detector = _detector(checkpoint)
    try:
        image = example.open()
    except (OSError, PictureError) as reason:
        print(f"left out: {example.source}/{example.label}/{example.name}: {reason}", flush=True)
        return []
    found = []
    for name in deliveries:
        pixels = np.asarray(DELIVERIES[name](image))
        if obstacle(pixels) is None:
            first = detector.read(pixels)
            second = detector.read(reencode(pixels)) if again else Reading(math.nan, math.nan)
            margin, error, margin_again, error_again = (
                round(n, 4) for n in (first.margin, first.error, second.margin, second.error)
            )
            found.append(
                Prediction(
                    example.source,
                    example.label,
                    name,
                    example.name,
                    margin,
                    error,
                    margin_again,
                    error_again,
                    example.part or detector.checkpoint.id,
                    face=round(face_share(pixels), 4),
                )
            )
    return found


E = TypeVar("E", bound=Example)


def choose(examples: Iterable[E], most: int, seed: int) -> list[E]:
    """At most ``most`` pictures of each source and label, drawn with ``seed``, in a fixed order."""
    members: dict[tuple[str, str], list[E]] = defaultdict(list)
    for example in examples:
        members[example.source, example.label].append(example)
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [
        example
        for key in sorted(members)
        for example in sorted(rng.sample(members[key], min(most, len(members[key]))), key=lambda e: e.name)
    ]


def measure(
    checkpoint: Path,
    examples: Sequence[Example],
    processes: int = 2,
    *,
    deliveries: Sequence[str] = ("clean", "web", "hard"),
    again: bool = True,
) -> list[Prediction]:
    """Predictions for all examples and deliveries; what cannot be read is named and left out.

    ``again``: whether to look at each picture a second time, re-encoded.
    """
    context = multiprocessing.get_context("spawn")
    found: list[Prediction] = []
    with context.Pool(processes) as pool:
        for predictions in pool.imap(_measure, [(checkpoint, e, deliveries, again) for e in examples], chunksize=4):
            found.extend(predictions)
    return found


def header_aucs(examples: Sequence[Example]) -> dict[str, float | None]:
    """By source: the AUC that the files alone reach, no pixel read (see `headers`); None with one label only."""
    members: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        members[example.source].append(example)
    found: dict[str, float | None] = {}
    for source, group in sorted(members.items()):
        vectors = np.stack([Header.of(each.read()).vector() for each in group])
        reached = header_auc(vectors, np.array([each.label == "fake" for each in group]), range(len(group)))
        found[source] = None if reached is None else round(reached, 3)
    return found


def save(predictions: Iterable[Prediction], path: Path) -> None:
    """Write predictions as CSV."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(Prediction.__dataclass_fields__)
        writer.writerows(astuple(p) for p in predictions)


def load(path: Path) -> list[Prediction]:
    """Read what `save` wrote; raises RunError where it is something else, or damaged."""
    try:
        return _load(path)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} holds no predictions, or is damaged ({type(error).__name__})") from error


def _load(path: Path) -> list[Prediction]:
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
                row["part"],
                row.get("kind", ""),
                float(row.get("face", 0)),
            )
            for row in csv.DictReader(handle)
        ]
