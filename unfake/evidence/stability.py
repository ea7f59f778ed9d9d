"""What a picture usually goes through on its way, to see whether its verdict stands."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from unfake.detector.calibration import Label, rounded
from unfake.detector.views import Pixels

SCHEMA = "unfake.stability/1"
LARGEST = 1080  # px on the long side of the largest copy that is shrunk to a fixed size
SMALLER = 0.98


def web(image: Image.Image, long_side: int, *qualities: int) -> Image.Image:
    """A fixed delivery: shrink to ``long_side`` px, then one JPEG (4:2:0) for each quality given."""
    scale = long_side / max(image.size)
    if scale < 1:
        image = resized(image, scale)
    for quality in qualities:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling=2)
        buffer.seek(0)
        with Image.open(buffer) as again:
            image = again.convert("RGB")
    return image


def resized(image: Image.Image, scale: float) -> Image.Image:
    """The picture at ``scale`` times its width and height."""
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Copy:
    """A kind of copy: ``name`` for programs, ``says`` for people, and how it is made of the picture."""

    name: str
    says: str
    make: Callable[[Image.Image], Image.Image]

    def of(self, pixels: Pixels) -> Pixels:
        """The copy of a picture, uint8 RGB ``[H, W, 3]``."""
        return np.asarray(self.make(Image.fromarray(pixels)))


# The second and third are the deliveries that the networks are measured on (`train.deliveries`).
COPIES = (
    Copy("web", f"as a web site delivers it ({LARGEST} px, JPEG 80)", lambda image: web(image, LARGEST, 80)),
    Copy("messenger", "after a messenger (512 px, JPEG 60, then 50)", lambda image: web(image, 512, 60, 50)),
    Copy("smaller", "2 % smaller", lambda image: resized(image, SMALLER)),
)
ORIGINAL, AS_IT_CAME = "original", "as it came"


@dataclass(frozen=True)
class CopyVerdict:
    """What the network says of one copy: ``probability`` of fake in [0, 1], None when not applicable."""

    name: str
    says: str
    label: Label
    probability: float | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """One of the ``verdicts``."""
        return {
            "copy": self.name,
            "says": self.says,
            "label": self.label.value,
            "probability": rounded(self.probability),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Stability:
    """The picture's sha256, the checkpoint's id, and the verdicts: as it came first, then `COPIES` in their order."""

    sha256: str
    checkpoint: str
    verdicts: tuple[CopyVerdict, ...]

    @property
    def stable(self) -> bool:
        """Whether every copy gets the label of the picture as it came."""
        return len({verdict.label for verdict in self.verdicts}) == 1

    def to_json(self) -> dict[str, Any]:
        """The documented object, schema ``unfake.stability/1``."""
        return {
            "schema": SCHEMA,
            "sha256": self.sha256,
            "checkpoint": self.checkpoint,
            "stable": self.stable,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }
