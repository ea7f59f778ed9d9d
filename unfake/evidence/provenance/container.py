"""Where file formats keep metadata: the places are walked by their format's rules, and what lies elsewhere is not read.

Sources: JPEG, ITU T.81 annex B with Exif 2.32 and Adobe XMP part 3; PNG, W3C third edition; WebP, RFC 9649; HEIC and
AVIF, ISO/IEC 14496-12 and 23008-12; GIF, XMP part 3; Content Credentials, C2PA 2.2 annex A.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

LARGEST_PART = 2**20
"""Bytes of one piece of metadata, uncompressed; larger ones are not read."""
MOST_PARTS = 2000
"""Segments, chunks or boxes that are walked."""

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF_XMP = b"XMP DataXMP"
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_START_OF_SCAN, _END_OF_IMAGE, _APP1, _APP2, _APP11, _APP13 = 0xDA, 0xD9, 0xE1, 0xE2, 0xEB, 0xED


@dataclass(frozen=True)
class XmpChunk:
    """A piece of an extended XMP packet: the packet's name and length in bytes, and where in it the piece lies."""

    guid: str
    length: int
    offset: int
    content: bytes

    @classmethod
    def of(cls, part: bytes) -> XmpChunk:
        """From the segment after its name: 32 digits, two numbers, and the piece (Adobe XMP part 3, 1.1.3.1)."""
        guid = part[:32].decode("latin-1")
        return cls(guid, int.from_bytes(part[32:36]), int.from_bytes(part[36:40]), part[40:])


def joined(chunks: Sequence[XmpChunk], guid: str) -> bytes:
    """The extended XMP packet of that name, its pieces in any order.

    Its name is the MD5 of its bytes. Raises ValueError where a piece is missing, lies over another or beyond the end,
    the whole is larger than `LARGEST_PART`, or the name does not fit.
    """
    pieces = sorted((chunk for chunk in chunks if chunk.guid == guid), key=lambda chunk: chunk.offset)
    whole = bytearray()
    for piece in pieces:
        if piece.length != pieces[0].length or piece.length > LARGEST_PART or piece.offset != len(whole):
            raise ValueError("the pieces of the extended XMP packet do not fit together")
        whole += piece.content
    if not pieces or len(whole) != pieces[0].length:
        raise ValueError("the extended XMP packet is not complete")
    if hashlib.md5(whole, usedforsecurity=False).hexdigest().upper() != guid.upper():
        raise ValueError("the extended XMP packet is not the one that is named")
    return bytes(whole)


@dataclass
class Container:
    """The metadata of a file, each piece as it lies there.

    ``exif``: a TIFF block. ``text``: keyword and text of PNG. ``credentials``: whether a C2PA manifest is inside.
    ``several``: whether more pictures follow (MPO). ``extended``: chunks of extended XMP, in the order of the file.
    """

    mime: str
    exif: bytes | None = None
    xmp: list[bytes] = field(default_factory=list)
    extended: list[XmpChunk] = field(default_factory=list)
    iptc: bytes | None = None
    text: list[tuple[str, str]] = field(default_factory=list)
    credentials: bool = False
    several: bool = False


def walk(data: bytes) -> Container | None:
    """The metadata in the bytes of a picture file; None for a format that is not known or has none."""
    formats: tuple[tuple[bool, Callable[[bytes], Container]], ...] = (
        (data.startswith(b"\xff\xd8\xff"), _jpeg),
        (data.startswith(_PNG), _png),
        (data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
        (data[4:8] == b"ftyp", _boxes),
        (data[:4] in (b"II*\0", b"MM\0*"), lambda whole: Container("image/tiff", exif=whole)),
        (data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    )
    return next((walker(data) for fits, walker in formats if fits), None)


def _jpeg(data: bytes) -> Container:
    found = Container("image/jpeg")
    at = 2
    for _ in range(MOST_PARTS):
        if data[at : at + 1] != b"\xff":
            break
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        if at + 4 > len(data) or data[at + 1] in (_START_OF_SCAN, _END_OF_IMAGE):
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        part = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _APP1 and part.startswith(_EXIF) and found.exif is None:
            found.exif = part[len(_EXIF) :]
        elif marker == _APP1 and part.startswith(_XMP):
            found.xmp.append(part[len(_XMP) :])
        elif marker == _APP1 and part.startswith(_EXTENDED_XMP):
            found.extended.append(XmpChunk.of(part[len(_EXTENDED_XMP) :]))
        elif marker == _APP2 and part.startswith(b"MPF\0"):
            found.several = True
        elif marker == _APP11 and part.startswith(b"JP"):
            found.credentials = True
        elif marker == _APP13 and part.startswith(_PHOTOSHOP):
            found.iptc = found.iptc or _iptc_resource(part[len(_PHOTOSHOP) :])
    return found


def _iptc_resource(resources: bytes) -> bytes | None:
    """The IPTC block among Photoshop's image resources (Adobe Photoshop File Formats, image resource blocks)."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 7 <= len(resources):
        name = resources[at + 6] + 1
        head = at + 6 + name + name % 2
        size = int.from_bytes(resources[head : head + 4])
        if resources[at + 4 : at + 6] == b"\x04\x04":
            return resources[head + 4 : head + 4 + size]
        at = head + 4 + size + size % 2
    return None


def _png(data: bytes) -> Container:
    found = Container("image/png")
    at, left = len(_PNG), 4 * LARGEST_PART
    for _ in range(MOST_PARTS * 50):  # a large PNG has many IDAT chunks
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 12 + length
        if name == b"IEND" or len(name) < 4 or end > len(data):  # noqa: PLR2004
            break
        if name == b"caBX":
            found.credentials = True
        elif name in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") and length <= LARGEST_PART:
            part = data[at + 8 : end - 4]
            if zlib.crc32(name + part) == int.from_bytes(data[end - 4 : end]):
                left -= _png_part(found, name, part, left)
        at = end
    return found


def _png_part(found: Container, name: bytes, part: bytes, left: int) -> int:
    """Keep one chunk of text or Exif; gives the bytes that it took of the ``left`` ones."""
    if name == b"eXIf":
        found.exif = found.exif or part
        return len(part)
    keyword, _, rest = part.partition(b"\0")
    encoding = "utf-8" if name == b"iTXt" else "latin-1"
    packed = name == b"zTXt"
    if packed:
        rest = rest[1:]
    elif name == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = (rest[2:].split(b"\0", 2) + [b""] * 3)[2]
    limit = min(left, LARGEST_PART)
    if packed:
        rest = _unpacked(rest, limit)
    if len(rest) > limit:
        return 0
    key = keyword.decode("latin-1")
    if key == "XML:com.adobe.xmp":
        found.xmp.append(rest)
    elif key.startswith("Raw profile type "):
        _raw_profile(found, key.removeprefix("Raw profile type "), rest)
    else:
        found.text.append((key, rest.decode(encoding, errors="replace")))
    return len(rest)


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Inflated; nothing where it is damaged, one byte over the limit where it is larger."""
    try:
        return zlib.decompressobj().decompress(packed, limit + 1)
    except zlib.error:
        return b""


def _raw_profile(found: Container, kind: str, text: bytes) -> None:
    """A block that ImageMagick wrote in hexadecimal digits into PNG text, after its name and length."""
    try:
        block = bytes.fromhex("".join(text.decode("ascii").split()[2:]))
    except ValueError:
        return
    if kind in ("exif", "APP1") and block.startswith(_EXIF):
        found.exif = found.exif or block[len(_EXIF) :]
    elif kind == "xmp":
        found.xmp.append(block)
    elif kind == "iptc":
        found.iptc = found.iptc or (_iptc_resource(block) or block)


def _webp(data: bytes) -> Container:
    found = Container("image/webp")
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            break
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        part = data[at + 8 : min(at + 8 + size, end)]
        if name == b"EXIF":
            found.exif = found.exif or part.removeprefix(_EXIF)
        elif name == b"XMP " and size <= LARGEST_PART:
            found.xmp.append(part)
        elif name == b"C2PA":
            found.credentials = True
        at += 8 + size + size % 2
    return found


def _gif(data: bytes) -> Container:
    found = Container("image/gif")
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)  # noqa: PLR2004
    for _ in range(MOST_PARTS):
        if data[at : at + 2] != b"\x21\xff":  # application extension
            break
        name = data[at + 3 : at + 14]
        if name == _GIF_XMP:  # the packet lies there unblocked, up to its 258 bytes of trailer
            end = data.find(b"\0", at + 14)
            found.xmp.append(data[at + 14 : max(end - 256, at + 14)])
            break
        found.credentials |= name.startswith(b"C2PA_GIF")
        at += 14
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return found


def _box_list(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box between two places (ISO/IEC 14496-12, 4.2)."""
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            return
        size, name, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        stop = end if size == 0 else at + size
        if stop > end or stop < at + head:
            return
        yield name, at + head, stop
        at = stop


def _boxes(data: bytes) -> Container:
    brands = data[8 : 8 + 64]
    found = Container("image/avif" if brands.startswith((b"avif", b"avis")) else "image/heic")
    for name, start, end in _box_list(data, 0, len(data)):
        if name == b"uuid" and data[start : start + 16] == _C2PA_UUID:
            found.credentials = True
        elif name == b"meta":
            _items(found, data, start + 4, end)
    return found


def _items(found: Container, data: bytes, start: int, end: int) -> None:
    """Exif and XMP among the items of a ``meta`` box (ISO/IEC 14496-12, 8.11)."""
    parts = {name: (at, stop) for name, at, stop in _box_list(data, start, end)}
    if b"iinf" not in parts or b"iloc" not in parts:
        return
    places = _places(data[slice(*parts[b"iloc"])])
    at, stop = parts[b"iinf"]
    wide = data[at] > 0  # version
    for name, begin, finish in _box_list(data, at + (8 if wide else 6), stop):
        version = data[begin] if begin < finish else 0
        if name != b"infe" or version not in (2, 3):
            continue
        long = 4 if version == 3 else 2  # noqa: PLR2004
        number = int.from_bytes(data[begin + 4 : begin + 4 + long])
        kind = data[begin + 6 + long : begin + 10 + long]
        if number not in places:
            continue
        offset, length = places[number]
        part = data[offset : offset + min(length, LARGEST_PART)]
        if kind == b"Exif" and found.exif is None:
            found.exif = part[4 + int.from_bytes(part[:4]) :].removeprefix(_EXIF)
        elif kind == b"mime" and b"application/rdf+xml" in data[begin + 10 + long : finish]:
            found.xmp.append(part)


def _places(iloc: bytes) -> dict[int, tuple[int, int]]:
    """Offset in the file and length of each item that lies in one piece (ISO/IEC 14496-12, 8.11.3)."""
    version, sizes = iloc[0], int.from_bytes(iloc[4:6])
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    id_size = 4 if version == 2 else 2  # noqa: PLR2004
    at = 6
    found: dict[int, tuple[int, int]] = {}

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(iloc):
            raise struct.error("the box ends early")
        at += size
        return int.from_bytes(iloc[at - size : at])

    for _ in range(min(number(id_size), MOST_PARTS)):
        item = number(id_size)
        method = number(2) & 15 if version else 0
        number(2)
        base, extents = number(base_size), number(2)
        pieces = [(number(index_size), number(offset_size), number(length_size)) for _ in range(extents)]
        if method == 0 and len(pieces) == 1:
            found[item] = (base + pieces[0][1], pieces[0][2])
    return found
