"""Untrusted bytes, path or address in; a safe Picture out.

A Picture is always 8-bit sRGB, upright and without transparency, whatever the file was: what follows never
has to ask. Only the formats listed in ``FORMATS`` are opened, their size is checked before they are decoded,
and every way in which a file can be wrong ends in one of the errors of ``unfake.errors``. A file is taken by its bytes:
neither its name nor the type that a browser or server gives it is looked at.

How the bytes are decoded is the ``opener``'s matter. `open_here` does it in this process, without a deadline, for files
that are trusted, as in training; the app gives `unfake.decoding.pool.Pool.open`, which strangers' files cannot block.
"""

from __future__ import annotations

import builtins
import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unfake.decoding.codec import FORMATS, MOST_PIXELS, READABLE
from unfake.decoding.pool import Opened, open_here
from unfake.errors import EmptyPicture, PictureError, UnsupportedPicture
from unfake.fetch import fetch, too_many_bytes

__all__ = ["FORMATS", "READABLE", "Limits", "Picture", "Source", "from_bytes", "from_path", "from_url"]

Opener = Callable[[bytes, int], Opened]
"""Bytes of a file and the most pixels that are accepted, to pixels; raises PictureError."""


@dataclass(frozen=True)
class Limits:
    """The most that is accepted: bytes of the file, pixels of the picture, seconds for a download."""

    bytes: int = 30 * 2**20
    pixels: int = MOST_PIXELS
    seconds: float = 15.0


DEFAULT_LIMITS = Limits()


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
        pixels: uint8 [height, width, 3], RGB in sRGB, upright, transparency laid on white; not writable. Fewer than
            the file has where the opener reduced them.
        sha256: of the original bytes, 64 hexadecimal digits.
        format: "JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "HEIC" or "AVIF".
        bytes: size of the original file.
        source: where it came from.
        full_size: width and height of the file in px, upright, where the pixels are fewer.
        data: the original bytes.
        animated: the pixels are the first frame of several.
    """

    pixels: NDArray[np.uint8]
    sha256: str
    format: str
    bytes: int
    source: Source
    full_size: tuple[int, int] | None = None
    data: builtins.bytes = field(default=b"", repr=False)
    animated: bool = False

    @property
    def width(self) -> int:
        """Pixels of the file from left to right."""
        return self.full_size[0] if self.full_size else int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels of the file from top to bottom."""
        return self.full_size[1] if self.full_size else int(self.pixels.shape[0])

    def shrunk(self, long_side: int) -> Picture:
        """The same picture without its bytes, with pixels of its own, at most ``long_side`` px on the long side."""
        image = Image.fromarray(self.pixels)
        image.thumbnail((long_side, long_side))
        return replace(self, pixels=np.asarray(image), full_size=(self.width, self.height), data=b"")


def from_bytes(data: bytes, source: Source, limits: Limits = DEFAULT_LIMITS, *, opener: Opener = open_here) -> Picture:
    """Decode the bytes of a picture file; of an animation, the first frame.

    Raises:
        EmptyPicture: there are no bytes.
        PictureTooLarge: more bytes or pixels than ``limits`` allows, or than fit into memory.
        UnsupportedPicture: of a type, or a kind of that type, that is not read.
        BrokenPicture: of a type that is read, but truncated or corrupt.
        PictureTooSlow: not decoded by the ``opener``'s deadline.
    """
    if not data:
        raise EmptyPicture("The file is empty.")
    if len(data) > limits.bytes:
        raise too_many_bytes(limits.bytes)
    opened = opener(data, limits.pixels)
    digest = hashlib.sha256(data).hexdigest()
    return Picture(
        opened.pixels, digest, opened.format, len(data), source, opened.size, data=data, animated=opened.animated
    )


def from_path(
    path: Path | str,
    source: Source | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    opener: Opener = open_here,
) -> Picture:
    """Read a picture from a file; ``source`` is an upload by the file's name unless given.

    Raises:
        PictureError: there is no such file, or it cannot be read; else as ``from_bytes``.
    """
    path = Path(path)
    return from_bytes(read_file(path, limits), source or Source("upload", path.name), limits, opener=opener)


def read_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a file, read no further than the limit.

    Raises:
        PictureTooLarge: more bytes than ``limits`` allows.
        PictureError: there is no such file, or it cannot be read.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise PictureError("That is not a file that can be read as a picture.")
        if facts.st_size > limits.bytes:
            raise too_many_bytes(limits.bytes)
        with path.open("rb") as file:
            return within(file, limits)
    except (OSError, ValueError) as problem:
        raise PictureError("The picture file is not there, or cannot be read.") from problem


def within(file: IO[bytes], limits: Limits) -> bytes:
    """All bytes of an open file; raises PictureTooLarge where there are more than ``limits`` allows."""
    data = file.read(limits.bytes + 1)  # one more, to notice a file that grew
    if len(data) > limits.bytes:
        raise too_many_bytes(limits.bytes)
    return data


def from_url(
    address: str, limits: Limits = DEFAULT_LIMITS, *, public_only: bool = True, opener: Opener = open_here
) -> Picture:
    """Download a picture from a public http or https address; its source is the address without credentials.

    ``public_only=False`` also opens private addresses and other ports. It exists only so that tests can reach loopback.

    Raises:
        AddressRefused: not http(s), malformed, or leading to an address that is not public.
        AddressUnreachable: no answer within ``limits.seconds``, or an answer other than success.
        PictureError: what was sent is not a picture, as ``from_bytes``.
    """
    got = fetch(address, max_bytes=limits.bytes, seconds=limits.seconds, public_only=public_only)
    try:
        return from_bytes(got.data, Source("url", got.address), limits, opener=opener)
    except (UnsupportedPicture, EmptyPicture) as problem:
        if _is_page(got.data, got.media_type):
            raise UnsupportedPicture(
                "That address leads to a web page, not to a picture; open the picture itself and copy its address."
            ) from problem
        raise


def _is_page(data: bytes, media_type: str) -> bool:
    start = data[:1024].lstrip(b"\xef\xbb\xbf\t\n\r ").lower()
    return media_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html"))
