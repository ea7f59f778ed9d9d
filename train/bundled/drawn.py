"""Training views: a picture on its way through web sites, then cut by the app's own scales, alike for both labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from train.bundled.pixels import PixelStore
from train.deliveries import encoded
from unfake.detector.views import Pixels

RESAMPLING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
CODECS = ("JPEG", "WEBP", "AVIF", "HEIF")
CODEC_SHARES = (0.76, 0.14, 0.05, 0.05)
NEAR, FAR = "near", "far"


@dataclass(frozen=True)
class Drawing:
    """How views are drawn: ``size`` px a side; ``far``: share of far ones; ``far_sides``: their long sides, px."""

    size: int = 224
    far: float = 0.7
    far_side: int = 448
    far_sides: tuple[int, int] = (320, 640)
    shares: tuple[float, ...] = field(default=CODEC_SHARES)


def _pass(image: Image.Image, scale: float, least: int, rng: Generator, shares: tuple[float, ...]) -> Image.Image:
    """One web site: a resize by ``scale``, to no less than ``least`` px, and nearly always a lossy file."""
    size = max(least, round(image.width * scale)), max(least, round(image.height * scale))
    if size != image.size:
        image = image.resize(size, RESAMPLING[rng.integers(len(RESAMPLING))])
    if rng.random() < 0.92:
        codec = CODECS[rng.choice(len(CODECS), p=shares)]
        quality = int(rng.integers(50, 96))
        subsampling = int(rng.choice((0, 2), p=(0.25, 0.75)))
        options = {"JPEG": {"subsampling": subsampling}, "WEBP": {"method": 2}, "AVIF": {"speed": 10}}.get(codec, {})
        image = encoded(image, codec, quality, **options)
    return image


def view(pixels: Pixels, kind: str, drawing: Drawing, rng: Generator) -> Pixels:
    """One view, uint8 ``[size, size, 3]``, of a picture uint8 ``[H, W, 3]``."""
    size, (height, width) = drawing.size, pixels.shape[:2]
    longest, shortest = max(height, width), min(height, width)
    delivered = 1.0 if rng.random() < 0.15 else min(1.0, math.exp(rng.uniform(math.log(360), math.log(1280))) / longest)
    if kind == FAR:
        low, high = drawing.far_sides
        side = drawing.far_side if rng.random() < 0.5 else math.exp(rng.uniform(math.log(low), math.log(high)))
        seen = min(1.0, side / longest)
    else:
        seen = delivered
    seen = max(seen, size / shortest)  # the scale at which the network sees it
    # A thumbnail is enlarged for a far view, as the app does, but not from next to nothing.
    delivered = max(delivered, seen if kind == NEAR else min(1.0, 0.6 * seen))
    window = min(shortest, math.ceil((size + 8) / seen))
    top, left = int(rng.integers(height - window + 1)), int(rng.integers(width - window + 1))
    image = Image.fromarray(pixels[top : top + window, left : left + window])
    least = size if kind == NEAR else 64
    second = rng.random() < 0.3
    between = float(rng.uniform(0.7, 1.0)) if second else 1.0
    image = _pass(image, min(1.0, delivered / between), least, rng, drawing.shares)
    if second:
        image = _pass(image, min(1.0, delivered * window / image.width), least, rng, drawing.shares)
    target = max(size, round(window * seen))
    if image.width != target:
        image = image.resize((target, target), Image.Resampling.BICUBIC)
    x, y = int(rng.integers(target - size + 1)), int(rng.integers(target - size + 1))
    image = image.crop((x, y, x + size, y + size))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.4:
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhancer(image).enhance(float(rng.uniform(0.88, 1.12)))
    if rng.random() < 0.04:
        image = image.convert("L").convert("RGB")
    return np.asarray(image)


class DrawnViews(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of (uint8 ``[2 n, size, size, 3]``, labels ``[2 n]``): of a real and of a fake picture.

    ``repeats`` is n: so many views of either picture, one behind the other, each on a way of its own. All are of the
    same kind. ``weights``: chance of each of the store's pictures within its label, 0 for those that are left out.
    """

    def __init__(
        self, store: PixelStore, weights: NDArray[np.float64], drawing: Drawing, seed: int, repeats: int = 1
    ) -> None:
        self.store, self.drawing, self.seed, self.repeats = store, drawing, seed, repeats
        fake = np.array([e["label"] == "fake" for e in store.entries])
        self.members = [np.flatnonzero((fake == label) & (weights > 0)) for label in (False, True)]
        self.chances = [weights[index] / weights[index].sum() for index in self.members]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            kind = FAR if rng.random() < self.drawing.far else NEAR
            views = []
            for index, chances in zip(self.members, self.chances, strict=True):
                picture = self.store[int(rng.choice(index, p=chances))]
                views += [view(picture, kind, self.drawing, rng) for _ in range(self.repeats)]
            yield torch.from_numpy(np.stack(views)), torch.tensor([0, 1]).repeat_interleave(self.repeats)
