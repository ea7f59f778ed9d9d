"""Bytes of a picture file in, an upright 8-bit sRGB image without transparency out.

Imports nothing but Pillow, pillow-heif and numpy: it runs in the processes of ``unfake.decoding.child``.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from unfake.errors import BrokenPicture, PictureError, PictureTooLarge, UnsupportedPicture

# AVIF before HEIF: both accept the brand "mif1", and only Pillow's AVIF reader passes on what is not its own.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF"
MOST_PIXELS = 100_000_000
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
_ANIMATED = ("PNG", "WEBP", "AVIF")  # and GIF
_ON_ITS_SIDE = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
DAMAGED = "The picture file is damaged or incomplete, and cannot be opened."
NO_MEMORY = "The picture needs more memory than there is to open it."
_ROWS = 256  # rows of a deep picture that are scaled at a time, to keep the floats small
_BYTE, _WORD = 2**8 - 1, 2**16 - 1
_WHITE_IS_ZERO = 0  # TIFF 6.0, PhotometricInterpretation
_PALETTE = 3  # the same
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}  # by the same
_SIGNED = 2  # TIFF 6.0, SampleFormat
_TEXT = 16 * 2**20  # bytes of one text or colour profile in a PNG; Pillow's own limit, 1 MB, refuses good files
_MARGIN = 2  # a reduced picture is at least so many times as large as what the views are cut from
THREADS = 2  # that one picture may take
# Bytes a pixel at the peak, estimated: the libraries keep several copies. A picture that needs more is refused.
_COPIES = {"WEBP": 20, "AVIF": 14, "HEIF": 14}

pillow_heif.register_heif_opener()
pillow_heif.options.DECODE_THREADS = THREADS
AvifImagePlugin.DEFAULT_MAX_THREADS = THREADS
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _TEXT)
# Pillow warns above about 89 megapixels, fewer than are allowed here. Raised once for the process: a change
# around each picture would show in other threads. The limit that counts is checked in decode.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MOST_PIXELS)


@dataclass(frozen=True)
class Needed:
    """The pixels that are cut from a picture later: at most this many on the long and on the short side.

    A picture of more than twice as many may be reduced while it is decoded, by a whole number, and stays at least
    twice as large as needed: the antialiased resize that follows then hides how it was reduced.
    """

    long_side: int
    short_side: int

    def reduction(self, size: tuple[int, int]) -> int:
        """By how much a picture of this width and height, in px, may be reduced; 1 for not at all.

        >>> Needed(1280, 224).reduction((6000, 4000)), Needed(1280, 224).reduction((5000, 4000))
        (2, 1)
        """
        long_side, short_side = max(size), min(size)
        return max(1, min(long_side // (_MARGIN * self.long_side), short_side // (_MARGIN * self.short_side)))


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded picture: RGB ``image``, the name of its ``format``, and the file's own upright ``size`` in px.

    ``animated``: the image is the first frame of several.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    animated: bool = False


class TooHeavy(Exception):
    """More than the memory that was granted is needed, ``bytes`` by estimate."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.bytes = needed


def decode(data: bytes, most_pixels: int, needed: Needed | None = None, memory: int | None = None) -> Decoded:
    """Decode the bytes of a picture file; of an animation, the first frame.

    ``needed``: allow the picture to be reduced; else it has the file's own size. ``memory``: bytes granted.

    Raises:
        PictureTooLarge: more than ``most_pixels``, or than fit into memory.
        UnsupportedPicture: of a type, or a kind of that type, that is not read; the sentence says which.
        BrokenPicture: of a type that is read, but truncated or corrupt.
        TooHeavy: ``memory`` will not be enough.
    """
    try:
        return _decode(data, most_pixels, needed, memory)
    except (PictureError, TooHeavy):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise too_many_pixels(most_pixels) from problem
    except MemoryError as problem:
        raise (PictureTooLarge(NO_MEMORY) if memory is None else TooHeavy(2 * memory)) from problem
    except Exception as problem:  # Pillow's readers raise nearly everything on a corrupt file
        raise _unreadable(data, problem) from problem


def too_many_pixels(most: int) -> PictureTooLarge:
    """The error for a picture of more than ``most`` pixels."""
    million = 1_000_000
    text = f"{most:,} pixels" if most < million else f"{most / million:,g} megapixels"
    return PictureTooLarge(f"The picture is too large: the limit is {text}.")


def _decode(data: bytes, most_pixels: int, needed: Needed | None, memory: int | None) -> Decoded:
    """Raises anything on a corrupt file."""
    canvas = _webp_size(data)
    if canvas:  # its reader takes the memory for the whole picture when it opens the file
        _check_pixels(canvas, most_pixels)
        _grant(_COPIES["WEBP"] * math.prod(canvas), memory)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_pixels(image.size, most_pixels)
        size = image.size
        factor = needed.reduction(size) if needed else 1
        _refuse_wrong_colours(image)
        if factor > 1 and isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, (size[0] // factor, size[1] // factor))
        _grant(_memory(image, size, factor) + 2 * len(data), memory)
        before = image.size
        image.load()
        name = image.format or ""
        if image.size != before:  # a HEIC file can turn out another size than its header says, or lie on its side
            size = image.size
            _check_pixels(size, most_pixels)
        turn = _turn(image)
        if turn in _ON_ITS_SIDE:
            size = size[1], size[0]
        profile = image.info.get("icc_profile") or (_bmp_profile(data) if name == "BMP" else None)
        rest = needed.reduction(image.size) if needed else 1
        upright = _flat(_seen(image), profile, rest)
        if turn is not None:
            upright = upright.transpose(turn)
        return Decoded(upright, _NAMES.get(name, name), size, _animated(image, data))


def _animated(image: Image.Image, data: bytes) -> bool:
    """Whether frames follow the first one; the parts of an MPO and the pages of a TIFF are none."""
    if image.format != "GIF":
        return image.format in _ANIMATED and bool(getattr(image, "is_animated", False))
    try:
        with Image.open(io.BytesIO(data), formats=("GIF",)) as again:  # the answer costs a GIF what it has loaded
            return bool(getattr(again, "is_animated", False))
    except Exception:  # what follows the first frame is damaged
        return False


def _check_pixels(size: tuple[int, int], most: int) -> None:
    count = size[0] * size[1]
    if not count:
        raise BrokenPicture(DAMAGED)
    if count > most:
        raise too_many_pixels(most)


def _grant(needed: int, granted: int | None) -> None:
    if granted is not None and needed > granted:
        raise TooHeavy(needed)


def _memory(image: Image.Image, size: tuple[int, int], factor: int) -> int:
    """Bytes that an opened picture will take at the peak, by estimate."""
    whole, drafted = math.prod(size), math.prod(image.size)
    if image.format in ("JPEG", "MPO"):
        stored = 6 * whole if "progressive" in image.info else 0  # coefficients: 16 bits, up to three a pixel
        stored += 4 * drafted
    elif image.format in _COPIES:
        stored = _COPIES[image.format] * whole
    else:
        stored = whole if image.mode in ("1", "L", "P") else 2 * whole if image.mode.startswith("I;16") else 4 * whole
        if image.mode not in ("L", "RGB", "CMYK"):
            stored += 4 * whole
    copies = 16 if image.has_transparency_data else 8
    return stored + copies * whole // factor**2


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the head of a WebP file (RFC 9649, sections 2.5 to 2.7 and 3.4); None for other bytes."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:  # noqa: PLR2004
        return None
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            bits = int.from_bytes(data[26:30], "little")
            return bits & 0x3FFF, bits >> 16 & 0x3FFF
    return None


def _refuse_wrong_colours(image: Image.Image) -> None:
    """Raise UnsupportedPicture for what Pillow would decode to wrong pixels."""
    four_bit_rle = 2
    if image.format == "BMP" and image.info.get("compression") == four_bit_rle:
        raise _not_read("BMP", "4-bit run-length compression")
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode in ("1", "L", "RGB"):
        numbers = image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
        if _SIGNED in numbers:  # Pillow takes signed bytes for unsigned ones
            raise _not_read("TIFF", "signed colours of 8 bits")


def _seen(image: Image.Image) -> Image.Image:
    """The loaded picture, without the alpha of a BMP that is 0 everywhere: as in browsers, it means nothing then."""
    if image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        return image.convert("RGB")
    return image


def _not_read(name: str, reason: str) -> UnsupportedPicture:
    return UnsupportedPicture(
        f"This kind of {name} cannot be read ({reason}); the file may be in order. Save it as PNG or JPEG."
    )


def _unreadable(data: bytes, problem: Exception) -> PictureError:
    """The error for bytes that Pillow refused: of a kind that is not read, broken, or no picture."""
    for name in FORMATS:
        opener, accepts = Image.OPEN.get(name, (None, None))
        if opener is None or accepts is None or not accepts(data[:16]):
            continue
        why = problem
        if isinstance(problem, UnidentifiedImageError):  # Pillow has swallowed what its reader said
            try:
                opener(io.BytesIO(data), "").close()
            except Exception as said:
                why = said
        reason = _reason(name, data, str(why))
        return _not_read(_NAMES.get(name, name), reason) if reason else BrokenPicture(DAMAGED)
    return UnsupportedPicture(f"That is not a picture of a type that can be read: {READABLE}.")


def _reason(name: str, data: bytes, said: str) -> str | None:  # noqa: PLR0911 - one for each kind
    """Why a good file of this type is not read, from what its reader said; None where it is broken."""
    if name == "TIFF":
        return _tiff_reason(data)
    if name == "PNG" and "MAX_TEXT" in said:
        if "MAX_TEXT_MEMORY" not in said:
            return f"a text or colour profile of more than {_TEXT / 2**20:.0f} MB"
        return f"texts of more than {PngImagePlugin.MAX_TEXT_MEMORY / 2**20:.0f} MB together"
    if name == "BMP" and said.startswith("Unsupported BMP "):
        return said.removeprefix("Unsupported BMP ").replace("bitfields layout", "layout of the colour bits")
    if name == "JPEG" and said.startswith("cannot handle "):
        return said.removeprefix("cannot handle ").replace("-bit layers", " bits a colour")
    if name in ("HEIF", "AVIF") and "nsupported" in said:
        return "a way of compression or a feature that the decoder lacks"
    return None


def _tiff_reason(data: bytes) -> str | None:
    """What is unusual about a TIFF that Pillow refused (TIFF 6.0; BigTIFF: tag 258, 262, 339), or None."""
    if data[:4] == b"MM\x00\x2b":
        return "big-endian BigTIFF"
    try:
        file = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if data[2] == 43 else 8))  # noqa: PLR2004
        file.seek(tags.next)
        tags.load(file)
        if not _tiff_is_whole(tags, len(data)):
            return None
        photometric = int(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, -1))
        if photometric == _PALETTE and TiffImagePlugin.COLORMAP not in tags:
            return None
        samples = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
        bits = sorted(set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))))
        kind = max(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))
    except Exception:
        return None
    model = {
        4: "transparency mask",
        6: "YCbCr",
        8: "Lab",
        9: "ICC Lab",
        10: "ITU Lab",
        32844: "LogL",
        32845: "LogLuv",
    }.get(photometric)
    numbers = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}.get(kind, "")
    depth = " and ".join(map(str, bits))
    compression = int(tags.get(TiffImagePlugin.COMPRESSION, 1))
    known = "" if compression in TiffImagePlugin.COMPRESSION_INFO else f", compression {compression}"
    channels = "" if samples == _CHANNELS.get(photometric, samples) else f" in {samples} channels"
    return f"{numbers}{model or 'colours'} of {depth} bit{'' if depth == '1' else 's'}{channels}{known}"


def _tiff_is_whole(tags: Any, length: int) -> bool:
    """Whether all strips or tiles lie within the file."""
    for starts, counts in ((273, 279), (324, 325)):
        if starts in tags and counts in tags:
            return all(a + b <= length for a, b in zip(tags[starts], tags[counts], strict=True))
    return False


def _bmp_profile(data: bytes) -> bytes | None:
    """The ICC profile embedded in a BMP (BITMAPV5HEADER: bV5CSType "MBED", bV5ProfileData, bV5ProfileSize)."""
    header, version_5 = 14, 124
    if len(data) < header + version_5:
        return None
    (length,) = struct.unpack_from("<I", data, header)
    kind, offset, size = struct.unpack_from("<I52xII", data, header + 56)
    if length < version_5 or kind != int.from_bytes(b"MBED", "big"):
        return None
    return data[header + offset : header + offset + size]


def _turn(image: Image.Image) -> Image.Transpose | None:
    """The move that puts a loaded picture upright; none for TIFF and HEIC: their readers have made it."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata does not spoil the pixels
        return None


def _flat(image: Image.Image, profile: object, factor: int) -> Image.Image:
    """RGB in sRGB, from whatever the file holds, reduced by ``factor``.

    Transparency is laid on white, as a page or a document would show it; the colours that editors leave
    behind fully transparent pixels are arbitrary, and nobody has seen them.
    """
    alpha = None
    if image.has_transparency_data:
        if _is_deep(image):  # PNG's tRNS: one grey value is transparent; Pillow looks for it after clipping
            seen = np.asarray(image) != image.info["transparency"]
            alpha = Image.fromarray(seen.astype(np.uint8) * np.uint8(_BYTE))
            grey = Image.merge("LA", (_eight_bits(image), alpha))
            image = grey.reduce(factor) if factor > 1 else grey
        else:
            image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
            image = image.reduce(factor) if factor > 1 else image
        alpha = image.getchannel("A")
    colours = _colour(image)
    if factor > 1 and alpha is None:
        colours = colours.reduce(factor)
    rgb = _in_srgb(colours, profile)
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
    if image.mode == "LAB":  # the numbers are colours by themselves
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        if converted is None:
            raise _not_read("TIFF", "Lab colours")
        return converted
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
    spans = []
    for top in range(0, len(values), _ROWS):
        rows = values[top : top + _ROWS]
        finite = rows[np.isfinite(rows)]
        if finite.size:
            spans.append((float(finite.min()), float(finite.max())))
    low, high = (min(a for a, _ in spans), max(b for _, b in spans)) if spans else (0.0, 1.0)
    scales = (1.0,) if image.mode == "F" else (_BYTE, _WORD)
    if low >= 0:
        return 0.0, float(next((scale for scale in scales if high <= scale), high))
    return low, max(high, 0.0)
