"""What happens to a picture between its maker and the network, drawn alike for both labels.

Published detectors owe much of their score to file format and compression that differ between real and fake
(Grommelt et al., Fake or JPEG?, 2024). So each training picture goes through a resize and a JPEG, often twice, as web
sites do; `DELIVERIES` are the fixed ones that networks are measured on.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pillow_heif
from numpy.random import Generator
from PIL import Image

from unfake.evidence.stability import web

pillow_heif.register_heif_opener()
FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Step:
    """One pass through a web site: resize by ``scale``, then JPEG at ``quality`` (None: no JPEG)."""

    scale: float
    resample: Image.Resampling
    quality: int | None
    subsampling: int


def jpeg(image: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    """The picture after a JPEG round trip (subsampling as Pillow counts: 0 is 4:4:4, 2 is 4:2:0)."""
    return encoded(image, "JPEG", quality, subsampling=subsampling)


def draw(rng: Generator) -> tuple[Step, ...]:
    """Draw a way: always a possible resize, JPEG nine times in ten, a second pass three times in ten."""

    def step(low: float, untouched: float) -> Step:
        scale = 1.0 if rng.random() < untouched else float(np.exp(rng.uniform(math.log(low), 0.0)))
        quality = int(rng.integers(45, 97)) if rng.random() < 0.9 else None
        return Step(scale, FILTERS[rng.integers(len(FILTERS))], quality, int(rng.choice((0, 2), p=(0.25, 0.75))))

    first = step(0.4, 0.25)
    return (first, step(0.6, 0.4)) if rng.random() < 0.3 else (first,)


# x265's search for a smaller file takes seconds a picture, and no phone makes it.
HEIC = {"enc_params": {"preset": "ultrafast"}}


def encoded(image: Image.Image, codec: str, quality: int, **options: int) -> Image.Image:
    """The picture after a round trip through a lossy file; ``codec``: as Pillow names it."""
    buffer = io.BytesIO()
    image.save(buffer, codec, quality=quality, **options, **(HEIC if codec == "HEIF" else {}))
    buffer.seek(0)
    with Image.open(buffer) as again:
        return again.convert("RGB")


DELIVERIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "clean": lambda image: image,
    "web": lambda image: web(image, 1080, 80),
    "hard": lambda image: web(image, 512, 60, 50),
    "webp": lambda image: encoded(web(image, 1080), "WEBP", 80),
    "heic": lambda image: encoded(web(image, 2048), "HEIF", 90),
    "thumb": lambda image: web(image, 400, 80),
}
