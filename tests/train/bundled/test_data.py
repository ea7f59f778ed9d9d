from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.bundled.data import PairConfig, PairedCrops, PixelStore, source_weights
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


def test_pairs_come_one_of_each_label(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build(read_pool(pool), ViewRule("crops", 64, 96, 4), tmp_path)
    stream = iter(PairedCrops(store, PairConfig(64), seed=1))
    for _ in range(5):
        crops, labels = next(stream)
        assert crops.shape == (2, 64, 64, 3)
        assert labels.tolist() == [0, 1]
        smooth, noisy = crops.float().std(dim=(1, 2)).mean(dim=1)
        assert noisy > smooth


def test_matched_pairs_come_from_one_source(tmp_path: Path) -> None:
    # given a dark and a bright source with both labels, and reals of medium grey without fakes of their own
    rows = []
    for source, grey in (("dark", 30), ("bright", 220), ("reals", 125)):
        for label in ("real", "fake") if source != "reals" else ("real",):
            path = tmp_path / f"{source}-{label}.png"
            Image.new("RGB", (80, 80), (grey, grey, grey)).save(path)
            rows.append(Row(path, source, label, "toy"))
    store = PixelStore.build(rows, ViewRule("crops", 64, 96, 4), tmp_path / "store")

    def greys(matched: float) -> list[tuple[float, float]]:
        stream = iter(PairedCrops(store, PairConfig(64, matched=matched), seed=1))
        pairs = (next(stream)[0].float().mean(dim=(1, 2, 3)).tolist() for _ in range(40))
        return [(real, fake) for real, fake in pairs]

    # then matched pairs are of one grey, and unmatched ones of any
    assert all(abs(real - fake) < 40 for real, fake in greys(1.0))
    assert {fake > 125 for _, fake in greys(1.0)} == {True, False}
    assert any(abs(real - fake) > 60 for real, fake in greys(0.0))


def test_a_source_can_be_left_out_of_a_store(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build(read_pool(pool), ViewRule("crops", 64, 96, 4), tmp_path)
    rest = store.without({"held"})
    assert {e["source"] for e in rest.entries} == {"one", "two"}
    assert {e["source"] for e in store.entries} == {"one", "two", "held"}


def test_a_pool_of_one_label_is_refused(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build([r for r in read_pool(pool) if r.label == "real"], RULE, tmp_path)
    with pytest.raises(ValueError, match="no fake pictures"):
        PairedCrops(store, PairConfig(64), seed=1)


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text("source\tlabel\tgenerator\tname\n")
    with pytest.raises(ValueError, match="lists no pictures"):
        read_pool(tmp_path)


def test_sources_weigh_by_the_root_of_their_size() -> None:
    big: dict[str, object] = {"source": "big", "label": "real"}
    small: dict[str, object] = {"source": "small", "label": "real"}
    entries = [big] * 100 + [small] * 4
    weights = source_weights(entries, frozenset({"small"}), 2.0)
    assert weights[:100].sum() == pytest.approx(10)
    assert weights[100:].sum() == pytest.approx(2 * 2)
