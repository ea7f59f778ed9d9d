"""Boxes with their numbers, drawn on a picture or on nothing, to lay over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unfake.detector.calibration import Label, Thresholds
from unfake.detector.views import Box, Pixels
from unfake.evidence.regions import Region
from unfake.report import percent

# Told apart with every common colour blindness: Okabe and Ito, Color Universal Design, 2008
# (https://jfly.uni-koeln.de/color/): sky blue, yellow, vermilion.
COLOURS = {
    Label.LIKELY_REAL: (86, 180, 233),
    Label.INCONCLUSIVE: (240, 228, 66),
    Label.LIKELY_FAKE: (213, 94, 0),
    Label.NOT_APPLICABLE: (187, 187, 187),
}
PLATE, TEXT = (15, 23, 42), (255, 255, 255)  # dark behind white: legible on any picture
NOT_JUDGED = "too small"
LEAST_TEXT = 12  # px


@dataclass(frozen=True)
class Mark:
    """A box, as fractions of the picture's width and height, the text on its plate, and the colour of both."""

    box: Box
    text: str
    colour: tuple[int, int, int]


def overlay(size: tuple[int, int], regions: Sequence[Region], thresholds: Thresholds) -> Image.Image:
    """Transparent RGBA of ``size`` (width and height in px) with a box and its probability for each region.

    The colour is that of the label that the thresholds would give to the probability.
    """
    marks = []
    for region in regions:
        text = NOT_JUDGED if region.probability is None else percent(region.probability)
        marks.append(Mark(region.box, text, _colour(region, thresholds)))
    return _marked(size, marks)


def numbered(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """The picture, uint8 RGB ``[H, W, 3]``, with the boxes on it, numbered from 1, all of one colour."""
    colour = COLOURS[Label.LIKELY_REAL]
    marks = [Mark(box, str(number), colour) for number, box in enumerate(boxes, start=1)]
    return _on(pixels, _marked((pixels.shape[1], pixels.shape[0]), marks))


def draw_on(pixels: Pixels, regions: Sequence[Region], thresholds: Thresholds) -> Pixels:
    """The picture, uint8 RGB ``[H, W, 3]``, with the boxes of `overlay` on it."""
    return _on(pixels, overlay((pixels.shape[1], pixels.shape[0]), regions, thresholds))


def _on(pixels: Pixels, layer: Image.Image) -> Pixels:
    image = Image.fromarray(pixels).convert("RGBA")
    image.alpha_composite(layer)
    return np.asarray(image.convert("RGB"))


def _marked(size: tuple[int, int], marks: Sequence[Mark]) -> Image.Image:
    """Transparent RGBA with these marks.

    Each line lies between a dark and a white one, and each text on a dark plate, so that they show on light and dark
    pictures alike.
    """
    image = Image.new("RGBA", size)
    if not marks:
        return image
    draw = ImageDraw.Draw(image)
    shortest = min(size)
    line = max(2, shortest // 200)
    font = ImageFont.load_default(max(LEAST_TEXT, math.isqrt(size[0] * size[1]) // 26))
    boxes = [_inside(mark.box, size) for mark in marks]
    for mark, box in zip(marks, boxes, strict=True):
        _outline(draw, box, line, mark.colour)
    plates: list[tuple[int, int, int, int]] = []
    for mark, box in zip(marks, boxes, strict=True):
        plate = _free_place(draw, mark.text, font, box, size, plates, 2 * line)
        plates.append(plate)
        draw.rectangle(plate, fill=(*PLATE, 255), outline=(*mark.colour, 255), width=line)
        middle = ((plate[0] + plate[2]) / 2, (plate[1] + plate[3]) / 2)
        draw.text(middle, mark.text, (*TEXT, 255), font, anchor="mm")
    return image


def _outline(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], line: int, colour: tuple[int, int, int]
) -> None:
    """A box's line between a dark and a white one, as far as the box has room for them."""
    left, top, right, bottom = box
    for inset, width, paint in ((0, 3 * line, PLATE), (line // 2, 2 * line, TEXT), (line, line, colour)):
        room = min(inset, (right - left) // 2, (bottom - top) // 2)
        place = (left + room, top + room, right - room, bottom - room)
        draw.rectangle(place, outline=(*paint, 255), width=width)


def _colour(region: Region, thresholds: Thresholds) -> tuple[int, int, int]:
    return COLOURS[Label.NOT_APPLICABLE if region.probability is None else thresholds.label(region.probability)]


def _inside(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in px, within the picture and at least 2 px wide and high."""
    (width, height), (left, top, right, bottom) = size, box
    x, y = min(max(0, round(left * width)), width - 2), min(max(0, round(top * height)), height - 2)
    return x, y, max(x + 1, min(width, round(right * width)) - 1), max(y + 1, min(height, round(bottom * height)) - 1)


def _free_place(
    draw: ImageDraw.ImageDraw,
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    taken: Sequence[tuple[int, int, int, int]],
    margin: int,
) -> tuple[int, int, int, int]:
    """Where a number's plate goes: the box's upper left corner, or the next place below it that is free."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font)
    wide, high = round(right - left) + 4 * margin, round(bottom - top) + 3 * margin
    x, y = max(0, min(box[0], size[0] - 1 - wide)), max(0, min(box[1], size[1] - 1 - high))
    first = (x, y, x + wide, y + high)
    place = first
    while any(_overlap(place, other) for other in taken):
        place = (x, place[1] + high + 1, x + wide, place[3] + high + 1)
        if place[3] >= size[1]:
            return first
    return place


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
