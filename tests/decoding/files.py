"""Picture files of unusual kinds, made byte by byte."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    """The image as a file of this format."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def png_with(kind: bytes, content: bytes, times: int = 1) -> bytes:
    """A small red PNG with one more chunk, or several of it."""
    data = saved(Image.new("RGB", (8, 8), "red"), "PNG")
    place = data.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:place] + times * chunk + data[place:]


def gif_with_comments(blocks: int) -> bytes:
    """A GIF with a comment of so many blocks before its picture: Pillow reads them in quadratic time."""
    data = saved(Image.new("P", (8, 8), 1), "GIF")
    place = data.index(b"\x2c\0\0\0\0")
    return data[:place] + b"\x21\xfe" + b"\x04aaaa" * blocks + b"\0" + data[place:]


def tiff(bits: int, number: int, model: int, pixels: bytes, samples: int = 3) -> bytes:
    """An uncompressed TIFF of 4 x 4 px: bits a sample, SampleFormat, PhotometricInterpretation (TIFF 6.0)."""
    entries = [
        (256, 4, [4]),
        (257, 4, [4]),
        (258, 3, [bits] * samples),
        (259, 3, [1]),
        (262, 3, [model]),
        (273, 4, [8]),
        (277, 3, [samples]),
        (278, 4, [4]),
        (279, 4, [len(pixels)]),
        (339, 3, [number] * samples),
    ]
    start = 8 + len(pixels)
    after = start + 2 + 12 * len(entries) + 4
    table, more = struct.pack("<H", len(entries)), b""
    for tag, kind, values in entries:
        body = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        inside = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", after + len(more))
        more += body if len(body) > 4 else b""
        table += struct.pack("<HHI", tag, kind, len(values)) + inside
    return b"II*\0" + struct.pack("<I", start) + pixels + table + bytes(4) + more


def big_tiff(order: str) -> bytes:
    """A BigTIFF of 4 x 4 px, (200, 30, 60); ``order``: ``<`` or ``>``."""
    pixels = bytes([200, 30, 60]) * 16
    entries = [
        (256, 4, [4]),
        (257, 4, [4]),
        (258, 3, [8, 8, 8]),
        (259, 3, [1]),
        (262, 3, [2]),
        (273, 16, [16]),
        (277, 3, [3]),
        (278, 4, [4]),
        (279, 16, [len(pixels)]),
    ]
    magic = b"II+\0" if order == "<" else b"MM\0+"
    data = magic + struct.pack(f"{order}HHQ", 8, 0, 16 + len(pixels)) + pixels + struct.pack(f"{order}Q", len(entries))
    for tag, kind, values in entries:
        body = struct.pack(f"{order}{len(values)}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", *values)
        data += struct.pack(f"{order}HHQ", tag, kind, len(values)) + body.ljust(8, b"\0")
    return data + bytes(8)


def bmp(pixels: bytes, size: tuple[int, int], bits: int, compression: int, profile: bytes = b"") -> bytes:
    """A BMP with a BITMAPV5HEADER, BGRA masks, a palette of black and red where ``bits`` is 4, and a profile."""
    palette = b"\0\0\0\0\0\0\xff\0" if bits == 4 else b""
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    kind = int.from_bytes(b"MBED", "big") if profile else 0
    head = struct.pack("<IiiHHIIiiII", 124, *size, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    head += struct.pack("<5I48xIIII", *masks, kind, 4, 124 + len(palette) + len(pixels), len(profile), 0)
    start = 14 + len(head) + len(palette)
    return (
        struct.pack("<2sIII", b"BM", start + len(pixels) + len(profile), 0, start) + head + palette + pixels + profile
    )


def profile_of(model: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.1 (ICC.1:2001-04, section 6)."""
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    d50 = struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    head = struct.pack(">I4sI4s4s4s", offset + len(body), b"test", 0x02100000, kind, model, connection)
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + d50
    return head.ljust(128, b"\0") + table + body


def described(tags: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The tags of a profile, with those that every profile has to have."""
    text = struct.pack(">4s4xI5s", b"desc", 5, b"test\0").ljust(90, b"\0")
    white = struct.pack(">4s4x3I", b"XYZ ", 0xF6D6, 0x10000, 0xD32D)
    return {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": white, **tags}
