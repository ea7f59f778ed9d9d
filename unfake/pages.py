"""What pages of HTML are made with: templates that escape every value, and pictures inside of the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from unfake.detector.views import Pixels
from unfake.report import percent


def environment(folder: Path) -> Environment:
    """The templates in a folder: every value is escaped unless a template says otherwise, and a missing one raises."""
    found = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["percent"] = percent
    return found


def data_uri(content: str | bytes, kind: str) -> str:
    """``content`` as an address of its own; text is written in UTF-8.

    >>> data_uri("a", "text/plain")
    'data:text/plain;base64,YQ=='
    """
    data = content.encode() if isinstance(content, str) else content
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def jpeg(pixels: Pixels, longest: int, quality: int) -> bytes:
    """A JPEG file of uint8 RGB ``[H, W, 3]``, at most ``longest`` px on the long side."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
