from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel

from tests.train.corpus.made import folder, jpeg
from train.corpus.sources.folder import FolderSource, load_dataset
from train.errors import SourceError


def source(root: Path, **options: str) -> FolderSource:
    return FolderSource.from_config("mine", {"root": str(root), **options}, Path())


def test_label_category_and_key_come_from_the_path(tmp_path: Path) -> None:
    # given pictures at several depths, and other files between them
    folder(tmp_path, [1], [2])
    deep = tmp_path / "real" / "faces" / "old"
    deep.mkdir(parents=True)
    (deep / "B.JPG").write_bytes(jpeg(3))
    for other in ("real/notes.txt", "real/.hidden.jpg", "fake/Thumbs.db"):
        (tmp_path / other).write_bytes(b"x")
    # when they are listed
    found = list(source(tmp_path, credit="me", licence="CC0-1.0").pictures(tmp_path))
    # then just the pictures are there, in a fixed order
    assert [(p.key, p.label, p.category) for p in found] == [
        ("real/00001.jpg", "real", ""),
        ("real/faces/old/B.JPG", "real", "faces/old"),
        ("fake/00002.jpg", "fake", ""),
    ]
    assert {(p.source, p.credit, p.licence) for p in found} == {("mine", "me", "CC0-1.0")}
    assert found[1].read() == jpeg(3)
    assert len({p.group for p in found}) == 3


def test_the_group_is_what_the_expression_finds(tmp_path: Path) -> None:
    for name in ("real/a-1.jpg", "fake/a-2.jpg", "real/b-1.jpg", "real/alone.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    by_name = {p.key: p.group for p in source(tmp_path, group=r"^(\w)-").pictures(tmp_path)}
    assert by_name["real/a-1.jpg"] == by_name["fake/a-2.jpg"] == "mine/a"
    assert by_name["real/b-1.jpg"] == "mine/b"
    assert by_name["real/alone.jpg"] == "mine/real/alone.jpg"


def test_a_name_that_is_not_utf8_is_no_trouble(tmp_path: Path) -> None:
    folder(tmp_path, [], [])
    path = Path(str(tmp_path / "real") + "/caf\udce9.jpg")
    path.write_bytes(jpeg(1))
    (found,) = source(tmp_path).pictures(tmp_path)
    assert found.key.encode() == rb"real/caf\xe9.jpg"
    assert found.read() == jpeg(1)


def test_one_label_is_enough_for_a_source(tmp_path: Path) -> None:
    folder(tmp_path, [1, 2], [])
    only = FolderSource.from_config("mine", {"real_dir": "real"}, tmp_path)
    assert [p.label for p in only.pictures(tmp_path)] == ["real", "real"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    with pytest.raises(SourceError, match=r"fake pictures, .*fake, is not there"):
        source(tmp_path).prepare(tmp_path, iter(()))


def test_load_dataset_gives_both_labels(tmp_path: Path) -> None:
    folder(tmp_path, [1, 2], [3])
    (tmp_path / "fake" / "eyes").mkdir()
    (tmp_path / "fake" / "eyes" / "x.jpg").write_bytes(jpeg(4))
    found = load_dataset(tmp_path / "real", tmp_path / "fake")
    assert found["label"][:] == [0, 0, 1, 1]
    assert found["category"][:] == ["", "", "", "eyes"]
    assert found.features["label"] == ClassLabel(names=["real", "fake"])
    assert found[0]["image"].size == (64, 64)


@pytest.mark.parametrize("label", ["real", "fake"])
def test_load_dataset_refuses_a_missing_folder_and_an_empty_one(label: str, tmp_path: Path) -> None:
    folder(tmp_path, [1], [2])
    (path,) = (tmp_path / label).iterdir()
    path.unlink()
    with pytest.raises(ValueError, match=f"{label} pictures, .*, holds no pictures"):
        load_dataset(tmp_path / "real", tmp_path / "fake")
    (tmp_path / label).rmdir()
    with pytest.raises(ValueError, match=f"{label} pictures, .*, is not there"):
        load_dataset(tmp_path / "real", tmp_path / "fake")
