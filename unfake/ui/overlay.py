"""Pictures inside the page: a small copy of what was classified, and the heat map or boxes to lay over it."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from unfake.detector.calibration import Label, Thresholds
from unfake.detector.views import Box, Pixels
from unfake.evidence import drawing
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.pages import data_uri, jpeg
from unfake.report import percent

# Colours at the two ends, told apart with every common colour blindness: blue speaks for real, orange for fake.
REAL_COLOUR, FAKE_COLOUR = (20, 130, 190), (235, 80, 20)
MOST_TOLD = 4  # parts that `parts_told` names one by one
WHOLE = 0.9  # share of a picture's width and height from which a part counts as all of it


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


def parts_told(regions: Sequence[Region], thresholds: Thresholds) -> str:
    """In words what `boxes` shows, for who does not see it: how many parts read as generated, and the highest ones.

    ``thresholds``: those that the picture was judged by. A part that cannot be judged counts as not read.

    >>> limits = Thresholds(likely_real=0.2, likely_fake=0.8)
    >>> parts_told([Region((0.5, 0.0, 1.0, 0.5), 0.91), Region((0.0, 0.5, 0.5, 1.0), 0.84)], limits)
    '2 of 2 parts read as generated: upper right 91 %, lower left 84 %'
    """
    read = [(region.probability, region.box) for region in regions if region.probability is not None]
    read.sort(key=lambda part: -part[0])
    if not read:
        return "No part could be read alone"
    generated = sum(thresholds.label(probability) is Label.LIKELY_FAKE for probability, _ in read)
    told = [f"{_place(box)} {percent(probability)}" for probability, box in read[:MOST_TOLD]]
    rest = len(read) - len(told)
    if rest:
        told.append(f"{rest} more at most {percent(read[MOST_TOLD][0])}")
    parts = "part reads" if len(read) == 1 else "parts read"
    return f"{generated} of {len(read)} {parts} as generated: {', '.join(told)}"


def heat_told(heatmap: Heatmap) -> str:
    """In words what `heat` shows, for who does not see it: where the strongest signs of either side lie.

    >>> heat_told(Heatmap(1, 2, ((0.2, 0.9),)))
    'Heat map: most signs of generation middle right, most signs of a photograph middle left'
    """
    cells = [
        (
            value,
            (column / heatmap.columns, row / heatmap.rows, (column + 1) / heatmap.columns, (row + 1) / heatmap.rows),
        )
        for row, values in enumerate(heatmap.values)
        for column, value in enumerate(values)
        if value is not None
    ]
    told = []
    if cells and (highest := max(cells))[0] > 0.5:  # noqa: PLR2004 - which speaks for neither side
        told.append(f"most signs of generation {_place(highest[1])}")
    if cells and (lowest := min(cells))[0] < 0.5:  # noqa: PLR2004
        told.append(f"most signs of a photograph {_place(lowest[1])}")
    return f"Heat map: {', '.join(told) or 'no signs of either side'}"


def _place(box: Box) -> str:
    """Where in the picture a box lies, by its middle and in thirds.

    >>> _place((0.0, 0.0, 0.5, 0.5)), _place((0.25, 0.25, 0.75, 0.75)), _place((0.0, 0.0, 1.0, 1.0))
    ('upper left', 'centre', 'the whole picture')
    """
    left, top, right, bottom = box
    if right - left >= WHOLE and bottom - top >= WHOLE:
        return "the whole picture"
    row = ("upper", "middle", "lower")[min(2, int(3 * (top + bottom) / 2))]
    column = ("left", "centre", "right")[min(2, int(3 * (left + right) / 2))]
    return "centre" if (row, column) == ("middle", "centre") else f"{row} {column}"
