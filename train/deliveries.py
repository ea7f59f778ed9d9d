"""What happens to a picture between its maker and the network, drawn alike for both labels.

Published detectors owe much of their score to file format and compression that differ between real and fake
(Grommelt et al., Fake or JPEG?, 2024). So each training crop goes through a delivery: a resize and a JPEG, often
twice, as web sites do. A `Delivery` is drawn once and applied to a real and a fake picture of the same batch.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pillow_heif
from numpy.random import Generator
from PIL import Image, ImageEnhance

from unfake.detector.views import Pixels
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


@dataclass(frozen=True)
class Delivery:
    """One drawn way from the maker to the network."""

    steps: tuple[Step, ...]
    flip: bool
    brightness: float
    contrast: float
    colour: float

    @property
    def scale(self) -> float:
        """Total change of size."""
        return math.prod(step.scale for step in self.steps)


def jpeg(image: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    """The picture after a JPEG round trip (subsampling as Pillow counts: 0 is 4:4:4, 2 is 4:2:0)."""
    return encoded(image, "JPEG", quality, subsampling=subsampling)


def draw(rng: Generator, wide: float = 0.0) -> Delivery:
    """Draw a delivery: always a possible resize, JPEG nine times in ten, a second pass three times in ten.

    ``wide``: share of deliveries that may shrink down to 0.17, so that a crop shows most of a picture.
    """

    def step(low: float, untouched: float) -> Step:
        scale = 1.0 if rng.random() < untouched else float(np.exp(rng.uniform(math.log(low), 0.0)))
        quality = int(rng.integers(45, 97)) if rng.random() < 0.9 else None
        return Step(scale, FILTERS[rng.integers(len(FILTERS))], quality, int(rng.choice((0, 2), p=(0.25, 0.75))))

    steps = [step(0.17, 0.0) if rng.random() < wide else step(0.4, 0.25)]
    if rng.random() < 0.3:
        steps.append(step(0.6, 0.4))
    jitter = rng.uniform(0.9, 1.1, size=3) if rng.random() < 0.5 else np.ones(3)
    return Delivery(tuple(steps), bool(rng.random() < 0.5), *(float(j) for j in jitter))


def window_of(pixels: Pixels, size: int, delivery: Delivery) -> int:
    """Side in px of the square of a picture, uint8 ``[H, W, 3]``, that a delivered crop of ``size`` px needs."""
    shortest: int = min(pixels.shape[:2])
    return min(math.ceil((size + 16) / max(delivery.scale, size / shortest)), shortest)


def deliver(pixels: Pixels, size: int, delivery: Delivery, rng: Generator) -> Pixels:
    """A crop, uint8 ``[size, size, 3]``, of a picture uint8 ``[H, W, 3]`` after the delivery.

    The steps act on the window that the crop needs, not on the whole picture. A picture too small for the drawn
    scale is shrunk less, and one smaller than the crop is enlarged, as `views.cut` does.
    """
    height, width = pixels.shape[:2]
    least = size / min(height, width)
    shrink = max(delivery.scale, least)
    window = window_of(pixels, size, delivery)
    top, left = int(rng.integers(height - window + 1)), int(rng.integers(width - window + 1))
    image = Image.fromarray(pixels[top : top + window, left : left + window])
    correction = (shrink / delivery.scale) ** (1 / len(delivery.steps))
    exact = float(window)
    for number, step in enumerate(delivery.steps, start=1):
        exact *= step.scale * correction
        side = max(size if number == len(delivery.steps) else 1, round(exact))
        if side != image.width:
            image = image.resize((side, side), step.resample)
        if step.quality is not None:
            image = jpeg(image, step.quality, step.subsampling)
    x, y = int(rng.integers(image.width - size + 1)), int(rng.integers(image.height - size + 1))
    image = image.crop((x, y, x + size, y + size))
    if delivery.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhancer, amount in (
        (ImageEnhance.Brightness, delivery.brightness),
        (ImageEnhance.Contrast, delivery.contrast),
        (ImageEnhance.Color, delivery.colour),
    ):
        if amount != 1.0:
            image = enhancer(image).enhance(amount)
    return np.asarray(image)


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
