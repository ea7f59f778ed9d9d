"""From a picture to the uint8 views that a checkpoint asks for. Training and the app crop here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]
_SQUARE = 4  # views of two by two


@dataclass(frozen=True)
class ViewRule:
    """How a picture is cut for one network.

    ``squash``: one view, the whole picture resized to ``size`` x ``size`` without regard to its proportions.
    ``crops``: up to ``max_views`` squares of ``size`` px spread evenly over the picture at its own resolution,
    after shrinking it to at most ``long_side`` px on the long side; and up to ``far_views`` more after shrinking it
    to ``far_side`` px, which show more of it. ``diagonal``: of these at most four crops only two are taken, of a square
    of four the upper right and the lower left one: they show nearly as much of the picture for half of the work.
    """

    kind: Literal["squash", "crops"]
    size: int
    long_side: int = 0
    max_views: int = 1
    far_side: int = 0
    far_views: int = 0
    diagonal: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a rule that cannot be followed."""
        if self.kind not in ("squash", "crops"):
            raise ValueError(f"unknown view rule {self.kind!r}")
        if not 32 <= self.size <= 2048:  # noqa: PLR2004
            raise ValueError(f"view size {self.size} is not between 32 and 2048 px")
        if self.kind == "crops" and self.long_side < self.size:
            raise ValueError(f"long side {self.long_side} is shorter than a view of {self.size} px")
        if self.max_views < 1:
            raise ValueError("at least one view is needed")
        if self.diagonal and (self.max_views > _SQUARE or self.far_views):
            raise ValueError("a diagonal is one of at most four views, and of no others")
        if self.far_views < 0 or (self.far_views and not self.size <= self.far_side < self.long_side):
            raise ValueError(f"far views need a long side from {self.size} up to {self.long_side} px")

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``config.json``."""
        if self.kind == "squash":
            return {"kind": self.kind, "size": self.size}
        found = {"kind": self.kind, "size": self.size, "long_side": self.long_side, "max_views": self.max_views}
        found |= {"far_side": self.far_side, "far_views": self.far_views} if self.far_views else {}
        return found | ({"diagonal": True} if self.diagonal else {})

    def taken(self, count: int) -> list[int]:
        """Which of ``count`` crops, row by row, are taken.

        >>> ViewRule("crops", 224, 448, 4, diagonal=True).taken(4)
        [1, 2]
        """
        every = list(range(count))
        if not self.diagonal or count <= 2:  # noqa: PLR2004
            return every
        return every[1:3] if count == _SQUARE else [every[0], every[-1]]


@dataclass(frozen=True, eq=False)
class Views:
    """Views of one picture: ``pixels`` uint8 ``[N, size, size, 3]``, and where each lies in the picture.

    ``boxes``: N times (left, top, right, bottom), as fractions of the picture's width and height.
    """

    pixels: Pixels
    boxes: tuple[Box, ...]


def working_size(width: int, height: int, rule: ViewRule) -> tuple[int, int]:
    """Size in px that ``crops`` are cut from: long side at most ``long_side``, short side at least ``size``.

    >>> working_size(4000, 3000, ViewRule("crops", size=224, long_side=1280))
    (1280, 960)
    """
    scale = min(1.0, rule.long_side / max(width, height))
    scale = max(scale, rule.size / min(width, height))
    return max(rule.size, round(width * scale)), max(rule.size, round(height * scale))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Antialiased bicubic resize of uint8 ``[H, W, 3]`` to ``[height, width, 3]``."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def _grid(width: int, height: int, rule: ViewRule) -> tuple[int, int]:
    """Columns and rows of crops: enough to cover the picture, thinned evenly down to ``max_views``."""
    columns, rows = math.ceil(width / rule.size), math.ceil(height / rule.size)
    while columns * rows > rule.max_views:
        # Drop from the direction in which the crops would still lie closest together.
        if rows == 1 or (columns > 1 and columns / width >= rows / height):
            columns -= 1
        else:
            rows -= 1
    return columns, rows


def _starts(length: int, size: int, count: int) -> list[int]:
    if count == 1:
        return [(length - size) // 2]
    return [round(i * (length - size) / (count - 1)) for i in range(count)]


def cut(pixels: Pixels, rule: ViewRule) -> Views:
    """Cut a picture, uint8 RGB ``[H, W, 3]``, into the views that ``rule`` asks for, row by row.

    >>> views = cut(np.zeros((400, 600, 3), np.uint8), ViewRule("crops", size=300, long_side=1280, max_views=2))
    >>> views.pixels.shape
    (2, 300, 300, 3)
    >>> views.boxes
    ((0.0, 0.125, 0.5, 0.875), (0.5, 0.125, 1.0, 0.875))
    """
    if rule.kind == "squash":
        return Views(resize(pixels, rule.size, rule.size)[None], ((0.0, 0.0, 1.0, 1.0),))
    if rule.far_views:
        near = cut(pixels, replace(rule, far_side=0, far_views=0))
        far = cut(pixels, ViewRule("crops", rule.size, rule.far_side, rule.far_views))
        return Views(np.concatenate((near.pixels, far.pixels)), (*near.boxes, *far.boxes))
    height, width = pixels.shape[:2]
    width, height = working_size(width, height, rule)
    pixels = resize(pixels, width, height)
    columns, rows = _grid(width, height, rule)
    places = [(x, y) for y in _starts(height, rule.size, rows) for x in _starts(width, rule.size, columns)]
    crops, boxes = [], []
    for left, top in (places[number] for number in rule.taken(len(places))):
        crops.append(pixels[top : top + rule.size, left : left + rule.size])
        right, bottom = left + rule.size, top + rule.size
        boxes.append((left / width, top / height, right / width, bottom / height))
    return Views(np.stack(crops), tuple(boxes))
