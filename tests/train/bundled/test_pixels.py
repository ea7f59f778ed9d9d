from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.bundled.pixels import PixelStore
from train.errors import RunError
from train.pool import TRIMS, Row, read_pool
from unfake.detector.views import ViewRule

RULE = ViewRule("crops", 64, 64, 4)


def test_the_store_holds_what_was_decoded(pool: Path, tmp_path: Path) -> None:
    rows = [r for r in read_pool(pool) if r.source == "one"]
    store = PixelStore.build(rows, ViewRule("crops", 64, 96, 4), tmp_path)
    assert len(store.entries) == len(rows)
    for index, row in enumerate(rows):
        with Image.open(row.path) as image:
            assert np.array_equal(store[index], np.asarray(image))


def test_large_pictures_are_shrunk_to_the_view_rule(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build(read_pool(pool)[:2], RULE, tmp_path)
    assert store[0].shape == (64, 64, 3)


def test_the_store_is_built_once_for_the_same_rows(pool: Path, tmp_path: Path) -> None:
    rows = read_pool(pool)[:3]
    PixelStore.build(rows, RULE, tmp_path)
    before = (tmp_path / "pixels.bin").stat().st_mtime_ns
    PixelStore.build(rows, RULE, tmp_path)
    assert (tmp_path / "pixels.bin").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="made from other pictures"):
        PixelStore.build(rows[:2], RULE, tmp_path)
    with pytest.raises(RunError, match="made from other views"):
        PixelStore.build(rows, ViewRule("crops", 32, 64, 4), tmp_path)


def test_a_corrupt_picture_is_reported_and_left_out(
    pool: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    rows = [*read_pool(pool)[:2], Row(broken, "one", "fake", "toy")]
    store = PixelStore.build(rows, RULE, tmp_path / "store")
    assert len(store.entries) == 2
    assert "left out" in capfd.readouterr().out


@pytest.mark.parametrize(("source", "trim"), TRIMS.items())
def test_marks_are_cut_from_both_labels(source: str, trim: tuple[int, int, int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 200)).save(path)
    for label in ("real", "fake"):
        left, top, right, bottom = trim
        assert Row(path, source, label, "toy").open().size == (300 - left - right, 200 - top - bottom)


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text("source\tlabel\tgenerator\tname\n")
    with pytest.raises(ValueError, match="lists no pictures"):
        read_pool(tmp_path)
