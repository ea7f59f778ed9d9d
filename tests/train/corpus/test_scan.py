from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.corpus.made import encoded, image, jpeg
from train.corpus.dedupe.hashes import sha256
from train.corpus.scan import examine, examine_batch, spread
from train.errors import CorpusError


def bits(left: bytes, right: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(left, right, strict=True))


def test_a_picture_gives_its_facts() -> None:
    content = jpeg(1, quality=83)
    found = examine(content)
    assert found.problem == ""
    assert found.sha256 == sha256(content)
    assert found.header is not None
    assert (found.header.width, found.header.format, found.header.size) == (64, "JPEG", len(content))
    assert found.header.jpeg_quality == 83
    assert not found.flat


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_of_pixels_can_be_looked_at(mode: str) -> None:
    kind = "TIFF" if mode in {"CMYK", "I;16", "I", "F", "PA"} else "PNG"
    source = image(1)
    if mode == "I;16":
        changed = Image.fromarray(np.asarray(source.convert("L")).astype(np.uint16) * 257)
    else:
        changed = source.convert("L" if mode in {"I", "F"} else mode if mode != "PA" else "P").convert(mode)
    found = examine(encoded(changed, kind))
    assert found.problem == ""
    reference = examine(encoded(source, "PNG"))
    if mode != "1":  # black and white dots look different
        assert bits(found.coarse, reference.coarse) <= 6


def test_a_turned_jpeg_looks_like_the_upright_one() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image(1).transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)
    assert bits(examine(turned).coarse, examine(jpeg(1)).coarse) <= 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not found</html>",
        jpeg(1)[:700],
        jpeg(1)[:-30],
        encoded(image(1), "PNG")[:-40],
        b"\x89PNG\r\n\x1a\n",
        encoded(image(1), "PNG").replace(b"IDAT", b"IDAX"),
    ],
    ids=["empty", "page", "cut early", "cut late", "cut png", "only a beginning", "damaged"],
)
def test_what_is_no_whole_picture_is_a_problem(content: bytes) -> None:
    found = examine(content)
    assert found.problem
    assert "0x" not in found.problem  # no address in memory: the same report in every run
    assert found.sha256 == sha256(content)


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    png = encoded(image(1), "PNG")
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + png[24:29]
    bomb = png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
    assert "megapixels" in examine(bomb).problem


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    missing, there = examine_batch([tmp_path / "missing.jpg", jpeg(1)])
    assert "No such file" in missing.problem
    assert missing.sha256 == b""
    assert there.problem == ""


def _die(_: int) -> int:
    os._exit(1)


def test_a_process_that_dies_ends_in_a_sentence() -> None:
    with pytest.raises(CorpusError, match="fewer --workers"):
        list(spread(_die, range(5), workers=2))


def test_results_come_in_order_and_tasks_are_not_taken_far_ahead() -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for number in range(200):
            taken.append(number)
            yield number

    results = spread(abs, tasks(), workers=2)
    assert next(results) == 0
    assert len(taken) < 20
    assert list(results) == list(range(1, 200))
