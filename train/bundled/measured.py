"""What a tower passes on for the pictures of a fold, at every delivery, kept view by view.

With that, a head is measured on them in seconds. The tower computes as the app does (`train.bundled.precision`).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from train import arrays
from train.bundled.precision import autocast
from train.bundled.recipe import Recipe
from train.bundled.seen import BATCH, Prepared
from train.deliveries import DELIVERIES
from train.measure.predictions import Prediction
from train.pool import Row
from unfake.detector.decision import Reading
from unfake.detector.detector import obstacle
from unfake.detector.portrait import face_share
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import Pixels, ViewRule, cut

Task = tuple[Row, tuple[str, ...], ViewRule]
View = tuple[Row, str, float, Pixels]  # of a picture at a delivery, with its `face_share`


def _views(task: Task) -> list[tuple[str, Pixels, float]]:
    """Deliveries, views ``[N, size, size, 3]`` and `face_share` of one picture, but where the app gives no verdict."""
    row, deliveries, rule = task
    try:
        image = row.open()
    except (OSError, ValueError, SyntaxError) as error:
        print(f"left out: {row.path}: {error}", flush=True)
        return []
    found = []
    for name in deliveries:
        pixels = np.asarray(DELIVERIES[name](image))
        if obstacle(pixels) is None:
            found.append((name, cut(pixels, rule).pixels, face_share(pixels)))
    return found


@dataclass(frozen=True)
class Shown:
    """``features`` ``[N, blocks, width]`` of views; source, label, kind, picture, delivery ``[N, 5]``; `face_share`."""

    features: NDArray[np.float16]
    views: NDArray[np.str_]
    faces: NDArray[np.float32]

    @classmethod
    def collect(cls, model: TowerClassifier, tasks: Sequence[Task], recipe: Recipe) -> Shown:
        """Pass the views of pictures; they are cut in a process beside it."""
        prepare = Prepared(recipe)
        found: list[NDArray[np.float16]] = []
        listing: list[tuple[str, str, str, str, str]] = []
        faces: list[float] = []
        for batch in _batched(_cut(tasks)):
            with torch.inference_mode(), autocast():
                summaries = model.summaries(prepare(torch.from_numpy(np.stack([view for *_, view in batch]))))
            found.append(summaries.half().numpy())
            listing += [(row.source, row.label, row.kind, row.name, delivery) for row, delivery, *_ in batch]
            faces += [face for *_, face, _ in batch]
            if len(listing) // 500 > (len(listing) - len(batch)) // 500:
                print(f"{len(listing)} views of {len(tasks)} pictures shown", flush=True)
        return cls(np.concatenate(found), np.array(listing), np.array(faces, np.float32))

    def save(self, file: Path) -> None:
        """Keep them in a file."""
        arrays.save(file, **vars(self))

    @classmethod
    def load(cls, file: Path) -> Shown:
        """What `save` wrote."""
        return cls(**np.load(file))

    def margins(self, model: TowerClassifier) -> NDArray[np.float32]:
        """What the head of a network reads off each view, ``[N]``: fake logit minus real logit."""
        with torch.inference_mode():
            logits = model.read(torch.from_numpy(self.features).float()).numpy()
        found: NDArray[np.float32] = logits[:, 1] - logits[:, 0]
        return found

    def predictions(self, model: TowerClassifier, part: str) -> list[Prediction]:
        """One for each picture and delivery; ``part``: id of the network, whose head reads."""
        by_turn: Mapping[tuple[str, ...], list[float]] = defaultdict(list)
        faces: dict[tuple[str, ...], float] = {}
        for view, face, margin in zip(self.views, self.faces, self.margins(model), strict=True):
            turn = tuple(str(each) for each in view)
            by_turn[turn].append(float(margin))
            faces[turn] = round(float(face), 4)
        found = []
        for turn, margins in by_turn.items():
            source, label, kind, picture, delivery = turn
            half = np.array(margins, np.float32) / 2
            read = Reading.of(np.stack((-half, half), 1))
            margin, error = round(read.margin, 4), round(read.error, 4)
            found.append(
                Prediction(source, label, delivery, picture, margin, error, part=part, kind=kind, face=faces[turn])
            )
        return found


def _cut(tasks: Sequence[Task]) -> Iterator[View]:
    """Single views."""
    with get_context("spawn").Pool(1) as pool:
        for task, found in zip(tasks, pool.imap(_views, tasks, chunksize=2), strict=True):
            for delivery, views, face in found:
                for view in views:
                    yield task[0], delivery, face, view


def _batched(views: Iterator[View]) -> Iterator[list[View]]:
    while batch := list(itertools.islice(views, BATCH)):
        yield batch
