"""What is compared to find a picture again: its bytes, and what it looks like when it is small.

Imported by the processes that open pictures, so with little else; the search for near duplicates is in `near`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

_SIDE = 256  # px, more than the hashes need
_FLAT = 4.0  # standard deviation of brightness, 0 to 255
_ONE_SIDED = 24  # bits of 256


def sha256(content: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(content).digest()


def small_hash(text: str) -> int:
    """A signed 64-bit number for a text, the same everywhere; among 250,000 texts, two clash once in 500 million."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True)
class Look:
    """``coarse``: 8 bytes, a perceptual hash. ``fine``: 32 bytes, a difference hash. ``flat``: nothing to compare."""

    coarse: bytes
    fine: bytes
    flat: bool


def look(image: Image.Image) -> Look:
    """What a picture (upright, any mode) looks like.

    The hashes of one colour, of a blurred wall or of a plain gradient are noise or all alike, so such pictures are
    ``flat``, and only their bytes are compared.
    """
    grey = image.convert("L")
    if max(grey.size) > 2 * _SIDE:
        grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    coarse = np.packbits(imagehash.phash(grey, hash_size=8).hash)
    fine = np.packbits(imagehash.dhash(grey, hash_size=16).hash)
    ones = int(np.bitwise_count(fine).sum())
    contrast = float(np.asarray(grey.resize((32, 32), Image.Resampling.BOX)).std())
    flat = contrast < _FLAT or not _ONE_SIDED <= ones <= 256 - _ONE_SIDED
    return Look(coarse.tobytes(), fine.tobytes(), flat)
