"""Damaged pictures by the thousand through the app's decoding: ``python -m benchmarks.fuzz --seed 15 --count 6000``.

Each is a small good file of one of the formats with bytes changed, cut out, doubled or cut off, the same for the same
seed. All must end as pixels or as one of UnFake's sentences; anything else stops the run and leaves the file behind.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from unfake.decoding.codec import Needed
from unfake.decoding.pool import Pool
from unfake.errors import PictureError, PictureTooSlow
from unfake.intake import DEFAULT_LIMITS

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
NEEDED = Needed(40, 20)


def seeds() -> dict[str, bytes]:
    """A good file of each format, 64 x 48 px of noise; of JPEG also a progressive one."""
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    found = {}
    for name in FORMATS:
        file = io.BytesIO()
        noise.save(file, name)
        found[name] = file.getvalue()
    file = io.BytesIO()
    noise.save(file, "JPEG", progressive=True)
    return found | {"progressive JPEG": file.getvalue()}


def mutations(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged files, each with the format it came from."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    whole = seeds()
    for _ in range(count):
        name = rng.choice(list(whole))
        data = bytearray(whole[name])
        for _ in range(rng.choice([1, 1, 3, 20])):
            reach = len(data) if rng.random() < 0.5 else min(80, len(data))  # half of the hits in the header
            place = rng.randrange(reach)
            match rng.randrange(5):
                case 0 | 1:
                    data[place] = rng.randrange(256)
                case 2:
                    data[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)])
                case 3:
                    del data[place : place + rng.randrange(1, 9)]
                case 4:
                    data[place:place] = data[place : place + rng.randrange(1, 200)]
        yield name, bytes(data[: rng.randrange(16, len(data))] if rng.random() < 0.2 else data)


def run(seed: int, count: int) -> tuple[Counter[str], float]:
    """How many ended as pixels and how many with each error, and the seconds of the slowest.

    Raises what is no `PictureError`, and PictureTooSlow: a file of a few KB has no reason to be.
    """
    pool, ends, slowest = Pool(), Counter[str](), 0.0
    try:
        for name, data in mutations(seed, count):
            begun = time.monotonic()
            try:
                opened = pool.open(data, DEFAULT_LIMITS.pixels, NEEDED)
                ends["pixels" if opened.pixels.ndim == 3 else "something else"] += 1
            except PictureTooSlow:
                _leave(name, data)
                raise
            except PictureError as error:
                ends[type(error).__name__] += 1
            except Exception:
                _leave(name, data)
                raise
            slowest = max(slowest, time.monotonic() - begun)
    finally:
        pool.close()
    return ends, slowest


def _leave(name: str, data: bytes) -> None:
    Path(f"fuzz-{name.replace(' ', '-')}.bin").write_bytes(data)


def main() -> None:
    """Print how the files ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--count", type=int, default=6000)
    args = parser.parse_args()
    ends, slowest = run(args.seed, args.count)
    print(f"seed {args.seed}, {args.count} files: {dict(ends.most_common())}, slowest {slowest:.2f} s")


if __name__ == "__main__":
    main()
