"""Untrusted bytes, path or address in; a safe Picture out.

A Picture is always 8-bit sRGB, upright and without transparency, whatever the file was: what follows never
has to ask. Only the formats listed in ``FORMATS`` are opened, their size is checked before they are decoded,
and every way in which a file can be wrong ends in one of the errors of ``unfake.errors``.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import stat
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from unfake.errors import BrokenPicture, EmptyPicture, PictureError, PictureTooLarge, UnsupportedPicture
from unfake.fetch import fetch, too_many_bytes

# AVIF before HEIF: both accept the brand "mif1", and only Pillow's AVIF reader passes on what is not its own.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF"
_NAMES = {"MPO": "JPEG", "HEIF": "HEIC", "WEBP": "WebP"}  # where people say it differently from Pillow

_TURNS = {  # Exif 2.32, tag 0x0112: the move that puts the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGED = "The picture file is damaged or incomplete, and cannot be opened."
_ROWS = 256  # rows of a deep picture that are scaled at a time, to keep the floats small
_BYTE, _WORD = 2**8 - 1, 2**16 - 1
_WHITE_IS_ZERO = 0  # TIFF 6.0, PhotometricInterpretation


@dataclass(frozen=True)
class Limits:
    """The most that is accepted: bytes of the file, pixels of the picture, seconds for a download."""

    bytes: int = 30 * 2**20
    pixels: int = 100_000_000
    seconds: float = 15.0


DEFAULT_LIMITS = Limits()

pillow_heif.register_heif_opener()
# Pillow warns above about 89 megapixels, fewer than are allowed here. Raised once for the process: a change
# around each picture would show in other threads. The limit that counts is checked in _decode.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, DEFAULT_LIMITS.pixels)


@dataclass(frozen=True)
class Source:
    """Where a picture came from.

    ``kind`` is "upload", "url", "samples" or "unsplash"; ``name`` is the file name, address or photo id.
    """

    kind: str
    name: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 [height, width, 3], RGB in sRGB, upright, transparency laid on white; not writable.
        sha256: of the original bytes, 64 hexadecimal digits.
        format: "JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "HEIC" or "AVIF".
        bytes: size of the original file.
        source: where it came from.
        data: the original bytes.
    """

    pixels: NDArray[np.uint8]
    sha256: str
    format: str
    bytes: int
    source: Source
    data: builtins.bytes = field(default=b"", repr=False)

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])


def from_bytes(data: bytes, source: Source, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decode the bytes of a picture file; of an animation, the first frame.

    Raises:
        EmptyPicture: there are no bytes.
        PictureTooLarge: more bytes or pixels than ``limits`` allows, or than fit into memory.
        UnsupportedPicture: of a type that is not read.
        BrokenPicture: of a type that is read, but truncated or corrupt.
    """
    if not data:
        raise EmptyPicture("The file is empty.")
    if len(data) > limits.bytes:
        raise too_many_bytes(limits.bytes)
    try:
        pixels, name = _decode(data, limits)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise _too_many_pixels(limits) from problem
    except MemoryError as problem:
        raise PictureTooLarge("The picture needs more memory than there is to open it.") from problem
    except Exception as problem:  # Pillow's readers raise nearly everything on a corrupt file
        raise _unreadable(data) from problem
    return Picture(pixels, hashlib.sha256(data).hexdigest(), name, len(data), source, data)


def from_path(path: Path | str, source: Source | None = None, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Read a picture from a file; ``source`` is an upload by the file's name unless given.

    Raises:
        PictureError: there is no such file, or it cannot be read; else as ``from_bytes``.
    """
    path = Path(path)
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise PictureError("That is not a file that can be read as a picture.")
        if facts.st_size > limits.bytes:
            raise too_many_bytes(limits.bytes)
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)  # one more, to notice a file that grew
    except (OSError, ValueError) as problem:
        raise PictureError("The picture file is not there, or cannot be read.") from problem
    return from_bytes(data, source or Source("upload", path.name), limits)


def from_url(address: str, limits: Limits = DEFAULT_LIMITS, *, public_only: bool = True) -> Picture:
    """Download a picture from a public http or https address; its source is the address without credentials.

    ``public_only=False`` also opens private addresses. It exists only so that tests can reach loopback.

    Raises:
        AddressRefused: not http(s), malformed, or leading to an address that is not public.
        AddressUnreachable: no answer within ``limits.seconds``, or an answer other than success.
        PictureError: what was sent is not a picture, as ``from_bytes``.
    """
    got = fetch(address, max_bytes=limits.bytes, seconds=limits.seconds, public_only=public_only)
    try:
        return from_bytes(got.data, Source("url", got.address), limits)
    except (UnsupportedPicture, EmptyPicture) as problem:
        if _is_page(got.data, got.media_type):
            raise UnsupportedPicture(
                "That address leads to a web page, not to a picture; open the picture itself and copy its address."
            ) from problem
        raise


def _decode(data: bytes, limits: Limits) -> tuple[NDArray[np.uint8], str]:
    """Pixels and the name of the format; raises anything on a corrupt file."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_pixels(image.size, limits)
        image.load()
        _check_pixels(image.size, limits)  # a HEIC file can turn out another size than its header says
        turn = _turn(image)
        upright = _flat(image)
        if turn is not None:
            upright = upright.transpose(turn)
        pixels = np.asarray(upright)
        pixels.flags.writeable = False
        name = image.format or ""
        return pixels, _NAMES.get(name, name)


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    count = size[0] * size[1]
    if not count:
        raise BrokenPicture(_DAMAGED)
    if count > limits.pixels:
        raise _too_many_pixels(limits)


def _too_many_pixels(limits: Limits) -> PictureTooLarge:
    million = 1_000_000
    few = limits.pixels < million
    text = f"{limits.pixels:,} pixels" if few else f"{limits.pixels / million:,g} megapixels"
    return PictureTooLarge(f"The picture is too large: the limit is {text}.")


def _unreadable(data: bytes) -> PictureError:
    """The error for bytes that Pillow refused: broken where they begin like a format that is read."""
    for name in FORMATS:
        _, accepts = Image.OPEN.get(name, (None, None))
        if accepts is not None and accepts(data[:16]):
            return BrokenPicture(_DAMAGED)
    return UnsupportedPicture(f"That is not a picture of a type that can be read: {READABLE}.")


def _is_page(data: bytes, media_type: str) -> bool:
    start = data[:1024].lstrip(b"\xef\xbb\xbf\t\n\r ").lower()
    return media_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html"))


def _turn(image: Image.Image) -> Image.Transpose | None:
    """The move that puts a loaded picture upright; none for TIFF and HEIC: their readers have made it."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata does not spoil the pixels
        return None


def _flat(image: Image.Image) -> Image.Image:
    """RGB in sRGB, from whatever the file holds.

    Transparency is laid on white, as a page or a document would show it; the colours that editors leave
    behind fully transparent pixels are arbitrary, and nobody has seen them.
    """
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        if _is_deep(image):  # PNG's tRNS: one grey value is transparent; Pillow looks for it after clipping
            seen = np.asarray(image) != image.info["transparency"]
            alpha = Image.fromarray(seen.astype(np.uint8) * np.uint8(_BYTE))
        else:
            image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
            alpha = image.getchannel("A")
    rgb = _in_srgb(_colour(image), profile)
    if alpha is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _colour(image: Image.Image) -> Image.Image:
    """The colours without transparency, in a mode that a colour profile can be about: L, RGB, CMYK or LAB."""
    if _is_deep(image):
        return _eight_bits(image)
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """Convert by the embedded ICC profile; a missing or broken one, or one of another model, is ignored."""
    if isinstance(profile, bytes) and profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greyscale of 12, 16 or 32 bits or floats, scaled to 8 bits (Pillow's own conversion clips at 255)."""
    values = np.asarray(image)
    black, white = _range(image, values)
    scaled = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        rows = np.nan_to_num(values[top : top + _ROWS].astype(np.float64), nan=black)
        rows = np.clip(rows, min(black, white), max(black, white))
        scaled[top : top + _ROWS] = np.rint((rows - black) * _BYTE / (white - black))
    return Image.fromarray(scaled)


def _range(image: Image.Image, values: NDArray[np.generic]) -> tuple[float, float]:
    """The values that mean black and white.

    16-bit files say it by their depth. 32-bit integers and floats do not: they get the usual full scale that
    holds them (8 or 16 bits; 1.0 for floats), else the range that they span.
    """
    if image.mode.startswith("I;16"):
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
        white = float(2 ** int(tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0]) - 1)
        inverted = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
        return (white, 0.0) if inverted else (0.0, white)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scales = (1.0,) if image.mode == "F" else (_BYTE, _WORD)
    if low >= 0:
        return 0.0, float(next((scale for scale in scales if high <= scale), high))
    return low, max(high, 0.0)
