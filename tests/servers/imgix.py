"""Pictures on request, in the part of imgix's language that Unsplash's addresses use."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

FORMATS = {"jpg": "JPEG", "pjpg": "JPEG", "png": "PNG", "webp": "WEBP"}
QUALITY = 75  # imgix's own
LARGEST = 8192  # px of a side
CENTRING = {"left": (0.0, 0.5), "right": (1.0, 0.5), "top": (0.5, 0.0), "bottom": (0.5, 1.0)}


def render(file: Path, query: Mapping[str, str], accept: str = "") -> tuple[bytes, str]:
    """The bytes and the media type that ``query`` makes of a file: rect, w, h, dpr, fit, crop, fm, auto, q.

    As at imgix, a value that makes no sense is as good as none.
    """
    wanted = ("rect", "w", "h", "dpr", "fit", "crop", "fm", "q")
    options = {name: query[name] for name in wanted if name in query}
    if "format" in query.get("auto", "") and "image/webp" in accept:
        options["fm"] = "webp"
    return _render(file, tuple(sorted(options.items())))


@lru_cache(maxsize=512)
def _render(file: Path, options: tuple[tuple[str, str], ...]) -> tuple[bytes, str]:
    query = dict(options)
    kind = FORMATS.get(query.get("fm", "jpg"), "JPEG")
    quality = _number(query.get("q")) or QUALITY
    with Image.open(file) as original:
        picture = _resized(_cut(original.convert("RGB"), query.get("rect", "")), query)
    out = io.BytesIO()
    picture.save(out, kind, quality=min(100, int(quality)))
    return out.getvalue(), f"image/{kind.lower()}"


def _number(text: str | None) -> float:
    """A positive number, or 0."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if 0 < number < LARGEST else 0.0


def _cut(picture: Image.Image, rect: str) -> Image.Image:
    """The part ``x,y,w,h`` in pixels of the original, as much of it as there is."""
    try:
        left, top, width, height = (int(part) for part in rect.split(","))
    except ValueError:
        return picture
    left, top = max(0, left), max(0, top)
    right, bottom = min(picture.width, left + width), min(picture.height, top + height)
    return picture.crop((left, top, right, bottom)) if right > left and bottom > top else picture


def _resized(picture: Image.Image, query: Mapping[str, str]) -> Image.Image:
    ratio = _number(query.get("dpr")) or 1.0
    width, height = (round(_number(query.get(side)) * ratio) for side in ("w", "h"))
    if not width and not height:
        return picture
    fit = query.get("fit", "clip")
    if fit in ("max", "min"):  # neither enlarges
        width, height = min(width, picture.width), min(height, picture.height)
    if width and height and fit in ("crop", "min", "facearea"):
        places = [CENTRING[word] for word in query.get("crop", "").split(",") if word in CENTRING]
        return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS, centering=(places or [(0.5, 0.5)])[0])
    if width and height and fit == "scale":
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    scale = min(side / full for side, full in ((width, picture.width), (height, picture.height)) if side)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def claiming(picture: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header claims another size: what a decompression bomb looks like before it is decoded."""
    at = 2
    while picture[at + 1] not in (0xC0, 0xC1, 0xC2):  # the frame header, ITU-T T.81 section B.2.2
        at += 2 + int.from_bytes(picture[at + 2 : at + 4])
    return picture[: at + 5] + height.to_bytes(2) + width.to_bytes(2) + picture[at + 9 :]
