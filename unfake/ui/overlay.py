"""Pictures inside the page: a small copy of what was classified, and the heat map or boxes to lay over it."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from unfake.detector.calibration import Thresholds
from unfake.detector.views import Box, Pixels
from unfake.evidence import drawing
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.pages import data_uri, jpeg

# Colours at the two ends, told apart with every common colour blindness: blue speaks for real, orange for fake.
REAL_COLOUR, FAKE_COLOUR = (20, 130, 190), (235, 80, 20)


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "image/png")


def preview(pixels: Pixels, longest: int = 960) -> str:
    """A JPEG data URI of uint8 RGB ``[H, W, 3]``, at most ``longest`` px on the long side."""
    return data_uri(jpeg(pixels, longest, quality=85), "image/jpeg")


def numbered(pixels: Pixels, boxes: Sequence[Box]) -> str:
    """A JPEG data URI of uint8 RGB ``[H, W, 3]`` with these boxes on it, numbered from 1."""
    return preview(drawing.numbered(pixels, boxes))


def heat(heatmap: Heatmap, cell: int = 12) -> str:
    """A transparent PNG data URI of the map, ``cell`` px a cell: the further from 0.5, the more opaque."""
    values = np.array([[np.nan if v is None else v for v in row] for row in heatmap.values], dtype=np.float64)
    lean = np.nan_to_num(2 * values - 1)
    rgba = np.empty((*lean.shape, 4), dtype=np.uint8)
    rgba[..., :3] = np.where(lean[..., None] < 0, REAL_COLOUR, FAKE_COLOUR)
    rgba[..., 3] = np.round(255 * np.abs(lean))
    image = Image.fromarray(rgba).resize((heatmap.columns * cell, heatmap.rows * cell), Image.Resampling.BICUBIC)
    return _png(image)


def boxes(size: tuple[int, int], regions: Sequence[Region], thresholds: Thresholds, longest: int = 960) -> str:
    """A transparent PNG data URI of the regions' boxes, for a picture of this width and height in px."""
    scale = longest / max(size)
    shown = (max(2, round(size[0] * scale)), max(2, round(size[1] * scale)))
    return _png(drawing.overlay(shown, regions, thresholds))
