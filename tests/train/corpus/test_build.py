from __future__ import annotations

import csv
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from datasets import Image, load_from_disk
from PIL import Image as PillowImage

from tests.train.corpus.made import built, config, encoded, folder, image, jpeg, rows, tree
from train.corpus import decide
from train.corpus.build import build
from train.corpus.config import KINDS, CorpusConfig
from train.corpus.index import Index
from train.errors import CorpusError, SourceError

TWO = ({"name": "one", "kind": "folder", "root": "one"}, {"name": "two", "kind": "folder", "root": "two"})


def left_out(out: Path) -> dict[str, str]:
    with (out / "left_out.csv").open(newline="") as file:
        return {f"{row['source']}/{row['key']}": row["reason"] for row in csv.DictReader(file)}


def unreadable(out: Path) -> dict[str, str]:
    with (out / "unreadable.csv").open(newline="") as file:
        return {f"{row['source']}/{row['key']}": row["reason"] for row in csv.DictReader(file)}


def splits(corpus: Any) -> dict[str, str]:
    return {row["sha256"]: row["split"] for row in rows(corpus)}


def test_a_corpus_holds_every_byte_and_column(tmp_path: Path) -> None:
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    (root / "real" / "faces").mkdir()
    (root / "real" / "faces" / "x.png").write_bytes(encoded(image(50), "PNG"))
    source = {"name": "made", "kind": "folder", "root": "pictures", "credit": "me", "licence": "CC0-1.0"}
    corpus = built(tmp_path, source)
    assert {name: len(split) for name, split in corpus.items()} == {"train": 29, "validation": 6, "test": 6}
    assert corpus["train"].features["label"].names == ["real", "fake"]
    found = {}
    for split in corpus.values():
        for row in split.cast_column("image", Image(decode=False)):
            found[row["image"]["path"], row["label"]] = row
    assert len(found) == 41
    assert found["00003.jpg", 0]["image"]["bytes"] == jpeg(3)
    assert found["00103.jpg", 1]["image"]["bytes"] == jpeg(103)
    face = found["x.png", 0]
    assert (face["category"], face["credit"], face["licence"], face["source"]) == ("faces", "me", "CC0-1.0", "made")
    assert face["group"] == "made/real/faces/x.png"
    assert corpus["test"][0]["image"].size == (64, 64)


def test_building_again_changes_nothing_and_another_folder_gives_the_same(tmp_path: Path) -> None:
    folder(tmp_path / "pictures", range(20), range(100, 120))
    built(tmp_path)
    before = tree(tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.arrow")}
    built(tmp_path)
    assert tree(tmp_path / "out") == before
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.arrow")}
    built(tmp_path, out="elsewhere")
    assert tree(tmp_path / "elsewhere") == before


def test_copies_near_duplicates_and_conflicts_are_left_out_and_told(tmp_path: Path) -> None:
    # given two sources, the second with copies of pictures of the first
    folder(tmp_path / "one", range(20), range(100, 120))
    two = folder(tmp_path / "two", range(200, 210), range(300, 310))
    (two / "real" / "copy.jpg").write_bytes(jpeg(0))
    (two / "real" / "small.png").write_bytes(encoded(image(1).resize((48, 48)), "PNG"))
    (two / "fake" / "is-real.jpg").write_bytes(jpeg(2))
    (two / "fake" / "near-real.jpg").write_bytes(jpeg(3, quality=60))
    # when they are built
    corpus = built(tmp_path, *TWO)
    # then each is left out for its reason, conflicts on both sides
    assert left_out(tmp_path / "out") == {
        "two/real/copy.jpg": "exact",
        "two/real/small.png": "near",
        "two/fake/is-real.jpg": "conflict",
        "one/real/00002.jpg": "conflict",
        "two/fake/near-real.jpg": "conflict",
        "one/real/00003.jpg": "conflict",
    }
    assert sum(len(split) for split in corpus.values()) == 58


def test_twins_of_a_group_are_kept_and_lie_in_one_split(tmp_path: Path) -> None:
    # given a fake for each real picture, of its name and nearly its looks
    folder(tmp_path / "pictures", range(40), [])
    for number in range(40):
        (tmp_path / "pictures" / "fake" / f"{number:05d}.jpg").write_bytes(jpeg(number, quality=70))
    corpus = built(tmp_path, {"name": "made", "kind": "folder", "root": "pictures", "group": r"^\d+"})
    # then all are kept
    assert left_out(tmp_path / "out") == {}
    places = Counter((row["group"], row["split"]) for row in rows(corpus))
    assert len(places) == 40
    assert set(places.values()) == {2}


def test_without_a_near_distance_only_copies_are_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    (root / "real" / "small.png").write_bytes(encoded(image(1).resize((48, 48)), "PNG"))
    (root / "real" / "copy.jpg").write_bytes(jpeg(1))
    built(tmp_path, near_distance=-1)
    assert left_out(tmp_path / "out") == {"made/real/copy.jpg": "exact"}


def test_unreadable_pictures_are_told_and_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    (root / "real" / "cut.jpg").write_bytes(jpeg(1)[:700])
    (root / "real" / "page.jpg").write_bytes(b"<html></html>")
    (root / "fake" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    corpus = built(tmp_path)
    assert sum(len(split) for split in corpus.values()) == 40
    found = unreadable(tmp_path / "out")
    assert set(found) == {"made/real/cut.jpg", "made/real/page.jpg", "made/fake/gone.jpg"}
    assert found["made/fake/gone.jpg"] == "The file cannot be read: No such file or directory."
    # and when the file is there, and another mended, the next build has them
    (tmp_path / "nowhere").write_bytes(jpeg(50))
    (root / "real" / "cut.jpg").write_bytes(jpeg(51))
    corpus = built(tmp_path)
    assert sum(len(split) for split in corpus.values()) == 42
    assert set(unreadable(tmp_path / "out")) == {"made/real/page.jpg"}


def test_another_source_leaves_split_and_files_of_the_first_alone(tmp_path: Path) -> None:
    folder(tmp_path / "one", range(60), range(100, 160))
    folder(tmp_path / "two", range(200, 220), range(300, 320))
    before = splits(built(tmp_path, TWO[0]))
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("one-*.arrow")}
    assert len(times) == 3
    # when a source is put before it, and taken away again
    after = splits(built(tmp_path, TWO[1], TWO[0]))
    assert {digest: after[digest] for digest in before} == before
    assert len(after) == 160
    assert splits(built(tmp_path, TWO[0])) == before
    # then its files have not been touched, and those of the other are gone
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.arrow")}


def test_a_picture_that_changes_or_goes_is_noticed(tmp_path: Path) -> None:
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    built(tmp_path)
    (root / "real" / "00000.jpg").write_bytes(jpeg(70))
    (root / "real" / "00001.jpg").unlink()
    corpus = built(tmp_path)
    digests = splits(corpus)
    assert len(digests) == 39
    assert splits(built(tmp_path, out="new")) == digests


def test_shards_end_where_they_are_full(tmp_path: Path) -> None:
    root = folder(tmp_path / "pictures", [], [])
    for number in range(40):  # noise, so that a file takes half a megabyte
        label = "real" if number % 2 else "fake"
        (root / label / f"{number}.png").write_bytes(encoded(image(number).effect_spread(40).resize((420, 420)), "PNG"))
    corpus = built(tmp_path, shard_mb=1)
    files = list((tmp_path / "out" / "train").glob("*.arrow"))
    assert len(files) > 3
    assert max(path.stat().st_size for path in files) < 2.5 * 2**20
    assert [len(split) for split in corpus.values()] == [28, 6, 6]


def test_pictures_that_are_streamed_make_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "streamed", ("tests.train.corpus.made", "Streamed"))
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    (root / "fake" / "cut.jpg").write_bytes(jpeg(1)[:600])
    built(tmp_path, out="files")
    streamed = {"name": "made", "kind": "streamed", "root": "pictures"}
    built(tmp_path, streamed)
    same = {name: digest for name, digest in tree(tmp_path / "files").items() if name.endswith((".arrow", ".csv"))}
    assert same.items() <= tree(tmp_path / "out").items()
    assert len(same) == 5
    # and a picture that changes is noticed there too
    (root / "real" / "00000.jpg").write_bytes(jpeg(70))
    built(tmp_path, out="files")
    assert splits(built(tmp_path, streamed)) == splits(load_from_disk(str(tmp_path / "files")))


def test_shrinking_writes_both_labels_in_the_same_way(tmp_path: Path) -> None:
    # given large upright JPEGs with a turn in their EXIF, and small PNGs with transparency
    folder(tmp_path / "pictures", [], [])
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    for number in range(12):
        large = encoded(image(number, 300).resize((300, 200)), quality=95, exif=exif)
        (tmp_path / "pictures" / "real" / f"{number}.jpg").write_bytes(large)
        small = encoded(image(100 + number, 90).convert("RGBA"), "PNG")
        (tmp_path / "pictures" / "fake" / f"{number}.png").write_bytes(small)
    corpus = built(tmp_path, reencode={"long_side": 150, "quality": 88})
    sizes = set()
    for split in corpus.values():
        for row in split.cast_column("image", Image(decode=False)):
            with PillowImage.open(BytesIO(row["image"]["bytes"])) as opened:
                assert (opened.format, opened.mode) == ("JPEG", "RGB")
                assert not opened.getexif()
                sizes.add((row["label"], opened.size))
    assert sizes == {(0, (100, 150)), (1, (90, 90))}
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["header_auc"] == 1.0
    assert summary["header_auc_written"] is not None


@pytest.mark.parametrize(("reals", "fakes", "label"), [(20, 0, "fake"), (0, 20, "real")])
def test_a_label_without_pictures_is_named(reals: int, fakes: int, label: str, tmp_path: Path) -> None:
    folder(tmp_path / "pictures", range(reals), range(100, 100 + fakes))
    with pytest.raises(CorpusError, match=f"no readable {label} picture: both labels"):
        built(tmp_path)


def test_a_label_that_is_all_in_conflict_is_named(tmp_path: Path) -> None:
    folder(tmp_path / "pictures", range(20), range(5))
    with pytest.raises(CorpusError, match=r"no readable fake picture that is not in conflict .*left_out\.csv"):
        built(tmp_path)
    assert sorted(left_out(tmp_path / "out").values()) == ["conflict"] * 10


def test_too_few_pictures_for_a_split_are_told(tmp_path: Path) -> None:
    folder(tmp_path / "pictures", range(20), range(100, 102))
    with pytest.raises(CorpusError, match="no readable fake picture in the split 'test'"):
        built(tmp_path)


def test_a_source_that_gives_nothing_is_named(tmp_path: Path) -> None:
    folder(tmp_path / "one", range(20), range(100, 120))
    folder(tmp_path / "two", [], [])
    with pytest.raises(SourceError, match='source "two" gives no picture'):
        built(tmp_path, *TWO)
    (tmp_path / "two" / "real" / "x.jpg").write_bytes(b"no picture")
    with pytest.raises(CorpusError, match=r'no picture of the source "two" can be read: .*unreadable\.csv'):
        built(tmp_path, *TWO)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    folder(tmp_path / "pictures", range(20), range(100, 120))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match="holds something else already"):
        build(config(tmp_path), tmp_path / "out", workers=1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_picture_that_changes_during_the_build_is_never_written(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path / "pictures", range(20), range(100, 120))
    path = root / "real" / "00007.jpg"

    def meddle(config: CorpusConfig, index: Index) -> None:
        decide.decide(config, index)
        path.write_bytes(jpeg(70)) if change == "other" else path.unlink()

    with monkeypatch.context() as patched:
        patched.setattr("train.corpus.build.decide", meddle)
        with pytest.raises(CorpusError, match=r"real/00007\.jpg .* has changed or gone during the build: run the same"):
            built(tmp_path)
    with pytest.raises(FileNotFoundError):  # half a corpus cannot be loaded
        load_from_disk(str(tmp_path / "out"))
    # and the next build takes it as it is
    corpus = built(tmp_path)
    assert sum(len(split) for split in corpus.values()) == (40 if change == "other" else 39)
