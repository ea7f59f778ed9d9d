"""A small corpus of made-up pictures, to try everything with no data at all; the same in every run.

Both labels show coloured shapes. What tells them apart is what tells photos from generated pictures: the "real" ones
have noise of single pixels, as a sensor leaves it, and the "fake" ones noise that was drawn at half the size and
enlarged, as a decoder leaves it. Every second fake is drawn over the shapes of a real one, and is of its group.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from train.corpus.shards import write_text
from train.errors import ConfigError

CATEGORIES = ("circles", "boxes", "lines")
LEAST_PICTURES, LEAST_SIZE = 40, 32
_LICENCE = "CC0-1.0"


def make_toy(folder: Path, pictures: int, size: int) -> Path:
    """Write ``pictures`` pictures of ``size`` px, and a second source with what a build has to cope with.

    Gives the path of the configuration. Raises ConfigError for too few or too small ones.
    """
    if pictures < LEAST_PICTURES or size < LEAST_SIZE:
        raise ConfigError(f"a toy corpus needs at least {LEAST_PICTURES} pictures of {LEAST_SIZE} px")
    half = pictures // 2
    for number in range(pictures):
        fake = number >= half
        scene = number - half if fake and number % 2 else number
        category = CATEGORIES[scene % len(CATEGORIES)]
        path = folder / "pictures" / ("fake" if fake else "real") / category / f"{scene:05d}.jpg"
        _save(path, _jpeg(picture(scene, category, size, fake=fake), np.random.default_rng([2, number])))
    _extras(folder, size)
    config = {
        "name": "toy",
        "seed": 1,
        "shard_mb": 1,
        "sources": [
            {"name": "toy", "kind": "folder", "root": "pictures", "group": r"^\d+", "licence": _LICENCE},
            {"name": "extras", "kind": "folder", "root": "extras", "licence": _LICENCE},
        ],
    }
    path = folder / "corpus.json"
    write_text(path, json.dumps(config, indent=2) + "\n")
    return path


def _extras(folder: Path, size: int) -> None:
    """An exact copy, a near duplicate, a picture with both labels, a broken file, and pictures of this source's own."""
    first = sorted((folder / "pictures" / "real" / CATEGORIES[0]).glob("*.jpg"))
    extras = folder / "extras"
    _save(extras / "real" / "copy.jpg", first[0].read_bytes())
    with Image.open(first[1]) as image:
        near = BytesIO()
        image.save(near, "JPEG", quality=60)
    _save(extras / "real" / "again.jpg", near.getvalue())
    _save(extras / "fake" / "really-real.jpg", first[2].read_bytes())
    _save(extras / "fake" / "broken.jpg", first[3].read_bytes()[:400])
    for number in range(10):
        for label in ("real", "fake"):
            scene = 10_000 + 2 * number + (label == "fake")
            pixels = picture(scene, CATEGORIES[number % 3], size, fake=label == "fake")
            _save(extras / label / f"{scene}.jpg", _jpeg(pixels, np.random.default_rng([2, scene])))


def picture(scene: int, category: str, size: int, *, fake: bool) -> NDArray[np.uint8]:
    """uint8 ``[size, size, 3]``: the shapes of a scene, with the noise of one label."""
    shapes = np.asarray(_shapes(np.random.default_rng([0, scene]), category, size), dtype=np.float32)
    rng = np.random.default_rng([1, scene, fake])
    strength = rng.uniform(5, 12)
    if fake:
        small = rng.normal(0, 1, (-(-size // 2), -(-size // 2), 3))
        noise = small.repeat(2, axis=0).repeat(2, axis=1)[:size, :size]
    else:
        noise = rng.normal(0, 1, (size, size, 3))
    return np.clip(shapes + strength * noise, 0, 255).astype(np.uint8)


def _shapes(rng: Generator, category: str, size: int) -> Image.Image:
    """A dozen shapes at four times the size, shrunk, so that edges are soft."""
    large = 4 * size
    image = Image.new("RGB", (large, large), tuple(rng.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        colour = tuple(rng.integers(0, 256, 3).tolist())
        x, y = rng.integers(-large // 8, large, 2).tolist()
        width, height = rng.integers(large // 10, large // 2, 2).tolist()
        if category == "circles":
            draw.ellipse((x, y, x + width, y + height), fill=colour)
        elif category == "boxes":
            draw.rectangle((x, y, x + width, y + height), fill=colour)
        else:
            ends = rng.integers(0, large, 2).tolist()
            draw.line((x, y, *ends), fill=colour, width=max(2, height // 6))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _jpeg(pixels: NDArray[np.uint8], rng: Generator) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(80, 96)))
    return file.getvalue()


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
