"""What is needed to edit a real picture: the picture at the model's size, a mask, and the paste."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageOps

MOST_SHAPES = 3
SIDE = (0.15, 0.45)  # of the picture's, between which the sides of a shape lie


@dataclass(frozen=True)
class Shape:
    """An ``ellipse`` or ``rectangle`` in ``box`` (left, top, right, bottom in px; the last two are outside)."""

    kind: str
    box: tuple[int, int, int, int]


def fitted(content: bytes, width: int, height: int) -> Image.Image:
    """A picture file in RGB, upright, cut in its middle to the aspect asked for and resized.

    Raises:
        OSError, ValueError, SyntaxError, Image.DecompressionBombError: it cannot be decoded.
    """
    with Image.open(io.BytesIO(content)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)


def draw_shapes(random: Random, width: int, height: int) -> list[Shape]:
    """One to three shapes at random places of a picture."""
    shapes = []
    for _ in range(random.randint(1, MOST_SHAPES)):
        across, down = (round(side * random.uniform(*SIDE)) for side in (width, height))
        left, top = random.randint(0, width - across), random.randint(0, height - down)
        shapes.append(Shape(random.choice(("ellipse", "rectangle")), (left, top, left + across, top + down)))
    return shapes


def mask_of(shapes: list[Shape], width: int, height: int) -> Image.Image:
    """A mask, white inside the shapes."""
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for shape in shapes:
        left, top, right, bottom = shape.box
        (draw.ellipse if shape.kind == "ellipse" else draw.rectangle)((left, top, right - 1, bottom - 1), fill=255)
    return mask


def to_json(shapes: list[Shape]) -> list[dict[str, Any]]:
    """Shapes as a record holds them."""
    return [asdict(shape) | {"box": list(shape.box)} for shape in shapes]


def from_json(shapes: list[dict[str, Any]]) -> list[Shape]:
    """The shapes of a record."""
    return [Shape(shape["kind"], tuple(shape["box"])) for shape in shapes]


def paste(made: Image.Image, original: Image.Image, mask: Image.Image) -> Image.Image:
    """What was made, inside the mask only, with a soft edge as editing programs have it.

    A pipeline gives back the whole picture from its decoder, also where nothing was to change. Whoever edits a photo
    keeps its pixels there, and so does this.
    """
    soft = mask.filter(ImageFilter.GaussianBlur(max(1.0, min(mask.size) / 128)))
    return Image.composite(made, original, soft)
