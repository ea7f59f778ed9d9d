"""What a network reads off the pictures that it never saw, kept view by view: ``margins.npz`` beside each fold.

A fold's tower is its own, so each picture of the fold passes it at every delivery. Margins are kept by view, so that
what is made of them is tried in seconds. The tower computes in bf16, as the app does where the processor can.
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
from train.bundled.recipe import Recipe
from train.bundled.seen import BATCH, Prepared
from train.deliveries import DELIVERIES
from train.measure.predictions import Prediction
from train.pool import Row
from unfake.detector.decision import Reading
from unfake.detector.detector import obstacle
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import Pixels, ViewRule, cut

Task = tuple[Row, tuple[str, ...], ViewRule]


def _views(task: Task) -> list[tuple[str, Pixels]]:
    """Deliveries and views ``[N, size, size, 3]`` of one picture, but those to which the app would give no verdict."""
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
            found.append((name, cut(pixels, rule).pixels))
    return found


@dataclass(frozen=True)
class Margins:
    """``margin`` ``[N]`` of views, and of each view source, label, kind, picture and delivery ``[N, 5]``."""

    margin: NDArray[np.float32]
    views: NDArray[np.str_]

    @classmethod
    def measure(cls, model: TowerClassifier, tasks: Sequence[Task], recipe: Recipe) -> Margins:
        """Pass the views of pictures; they are cut in a process beside it."""
        prepare = Prepared(recipe)
        margins: list[NDArray[np.float32]] = []
        listing: list[tuple[str, str, str, str, str]] = []
        for batch in _batched(_cut(tasks)):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                logits = model(prepare(torch.from_numpy(np.stack([view for _, _, view in batch])))).float()
            margins.append((logits[:, 1] - logits[:, 0]).numpy())
            listing += [(row.source, row.label, row.kind, row.name, delivery) for row, delivery, _ in batch]
            if len(listing) // 500 > (len(listing) - len(batch)) // 500:
                print(f"{len(listing)} views of {len(tasks)} pictures measured", flush=True)
        return cls(np.concatenate(margins), np.array(listing))

    def save(self, file: Path) -> None:
        """Keep them in a file."""
        arrays.save(file, **vars(self))

    @classmethod
    def load(cls, file: Path) -> Margins:
        """What `save` wrote."""
        return cls(**np.load(file))

    def predictions(self, part: str) -> list[Prediction]:
        """One for each picture and delivery; ``part``: id of the network."""
        by_turn: Mapping[tuple[str, ...], list[float]] = defaultdict(list)
        for turn, margin in zip(self.views, self.margin, strict=True):
            by_turn[tuple(str(each) for each in turn)].append(float(margin))
        found = []
        for (source, label, kind, picture, delivery), margins in by_turn.items():
            half = np.array(margins, np.float32) / 2
            read = Reading.of(np.stack((-half, half), 1))
            margin, error = round(read.margin, 4), round(read.error, 4)
            found.append(Prediction(source, label, delivery, picture, margin, error, part=part, kind=kind))
        return found


def _cut(tasks: Sequence[Task]) -> Iterator[tuple[Row, str, Pixels]]:
    """Single views ``[size, size, 3]``."""
    with get_context("spawn").Pool(1) as pool:
        for task, found in zip(tasks, pool.imap(_views, tasks, chunksize=2), strict=True):
            for delivery, views in found:
                for view in views:
                    yield task[0], delivery, view


def _batched(views: Iterator[tuple[Row, str, Pixels]]) -> Iterator[list[tuple[Row, str, Pixels]]]:
    while batch := list(itertools.islice(views, BATCH)):
        yield batch
