"""The labelled pool: folders of pictures by source and label, and ``index.tsv`` that lists them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unfake.detector.views import Pixels, resize

LABELS = ("real", "fake")
# Captions and marks that would tell the label, cut from both labels of a source: px off (left, top, right, bottom)
# of a picture at its own size.
TRIMS = {"tpdne_ffhq_dinablachman": (0, 0, 0, 48), "songguo_gpt4o_nanobanana": (0, 0, 96, 96)}


@dataclass(frozen=True)
class Row:
    """One picture of the pool; an example for `train.measure.predictions`.

    ``listed``: the index's own name of the source, where `train.families` gives another. ``repository``: where
    it was found. ``kind``: what a real picture is, where that is known: a camera's, a stock photo, a portrait.
    """

    path: Path
    source: str
    label: str
    generator: str
    part: str = ""
    listed: str = ""
    repository: str = ""
    kind: str = ""

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def read(self) -> bytes:
        """The file as it is; raises OSError."""
        return self.path.read_bytes()

    def open(self) -> Image.Image:
        """The picture in RGB, upright, without its metadata and without the marks that its source is known for."""
        with Image.open(self.path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        left, top, right, bottom = TRIMS.get(self.listed or self.source, (0, 0, 0, 0))
        return image.crop((left, top, image.width - right, image.height - bottom))


def read_pool(pool: Path) -> list[Row]:
    """The rows of ``pool/index.tsv`` (columns source, label, generator, name); raises ValueError if there are none."""
    with (pool / "index.tsv").open(newline="") as handle:
        rows = [
            Row(
                pool / r["source"] / r["label"] / r["name"],
                r["source"],
                r["label"],
                r["generator"],
                listed=r["source"],
                repository=r.get("repo", ""),
            )
            for r in csv.DictReader(handle, delimiter="\t")
        ]
    if not rows:
        raise ValueError(f"{pool / 'index.tsv'} lists no pictures")
    return rows


def shrunk(image: Image.Image, long_side: int) -> Pixels:
    """A picture, RGB, as uint8 ``[H, W, 3]`` of at most ``long_side`` px."""
    scale = min(1.0, long_side / max(image.size))
    return resize(np.asarray(image), max(1, round(image.width * scale)), max(1, round(image.height * scale)))
