"""What a frozen tower sees of far views of every picture, kept, and a linear head on that: a network without tuning."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train import arrays
from train.bundled.drawn import FAR, view
from train.bundled.head import Head, flattened
from train.bundled.pixels import PixelStore
from train.bundled.precision import autocast
from train.bundled.recipe import Recipe
from train.bundled.tower import fill
from train.pool import Row
from unfake.detector.tower import TowerClassifier

BATCH = 32  # views that pass the frozen tower at once


def chances(rows: Sequence[Row], left_out: Iterable[Path], recipe: Recipe) -> NDArray[np.float64]:
    """How often each picture is drawn within its label: by source as the root of its size, 0 for those left out.

    Times ``recipe.portraits`` by label in the portrait sources, times ``recipe.modern`` in all others but the older.
    """
    out = set(left_out)
    counts = Counter((row.source, row.label) for row in rows if row.path not in out)
    found = np.zeros(len(rows))
    for number, row in enumerate(rows):
        if row.path in out:
            continue
        if row.source in recipe.portrait_sources:
            boost = recipe.portraits[row.label]
        else:
            boost = 1.0 if row.source in recipe.older else recipe.modern
        found[number] = boost / math.sqrt(counts[row.source, row.label])
    return found


@dataclass(frozen=True)
class Seen:
    """``features`` ``[N, blocks, width]``: summaries of views; ``which``: of which picture each view is."""

    features: NDArray[np.float16]
    which: NDArray[np.int64]

    def save(self, file: Path) -> None:
        """Keep them in a file."""
        arrays.save(file, **vars(self))

    @classmethod
    def load(cls, file: Path) -> Seen:
        """What `save` wrote."""
        return cls(**np.load(file))

    @classmethod
    def collect(cls, store: PixelStore, rows: Sequence[Row], recipe: Recipe, weights: Path) -> Seen:
        """Pass ``recipe.seen`` far views of each of the store's pictures, ``rows``, through the frozen tower."""
        rng = np.random.default_rng(recipe.seed)
        which = np.tile(np.arange(len(rows)), recipe.seen)
        model = untuned(recipe, weights).eval()
        prepare = Prepared(recipe)
        found = []
        for start in range(0, len(which), BATCH):
            views = np.stack([view(store[i], FAR, recipe.drawing, rng) for i in which[start : start + BATCH]])
            with torch.inference_mode(), autocast():
                found.append(model.summaries(prepare(torch.from_numpy(views))).half().numpy())
            if start % (50 * BATCH) == 0:
                print(f"seen: {start} of {len(which)} views", flush=True)
        return cls(np.concatenate(found), which)

    def head(self, rows: Sequence[Row], left_out: Iterable[Path], recipe: Recipe) -> Head:
        """A linear head on the views of the pictures that are not left out, both labels weighing alike."""
        weight = chances([rows[i] for i in self.which], left_out, recipe)
        used = weight > 0
        seen, weight = [rows[i] for i in self.which[used]], weight[used]
        fake = np.array([row.label == "fake" for row in seen])
        for label in (False, True):
            weight[fake == label] /= weight[fake == label].sum()
        vectors = flattened(self.features[used][:, :, None])
        sources = [row.source for row in seen]
        return Head.fit(vectors, fake, weight, sources, recipe.penalty, recipe.source_penalty)


class Prepared:
    """Turns uint8 views ``[N, size, size, 3]`` into the network's input."""

    def __init__(self, recipe: Recipe) -> None:
        spread, centre = torch.tensor(recipe.std).view(1, 3, 1, 1), torch.tensor(recipe.mean).view(1, 3, 1, 1)
        self.scale, self.shift = 1 / (255 * spread), -centre / spread

    def __call__(self, views: Tensor) -> Tensor:
        """Float ``[N, 3, size, size]``."""
        return views.permute(0, 3, 1, 2).float() * self.scale + self.shift


def untuned(recipe: Recipe, weights: Path, head: Head | None = None) -> TowerClassifier:
    """The tower with a head; raises RunError where ``weights`` are not the tower's."""
    model = TowerClassifier(recipe.backbone, 2, recipe.blocks)
    fill(model.backbone, recipe.backbone, weights)
    if head is not None:
        half = torch.from_numpy(head.weight).float() / 2  # both logits, so that their difference is the margin
        with torch.no_grad():
            model.classifier.weight.copy_(torch.stack((-half, half)))
            model.classifier.bias.copy_(torch.tensor((-head.bias / 2, head.bias / 2)))
    return model
