from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.servers.pictures import jpeg
from unfake import batch
from unfake.batch import members
from unfake.errors import PictureError, PictureTooLarge
from unfake.intake import Limits

LIMITS = Limits(bytes=100_000)


def names(*paths: Path) -> list[str]:
    return [member.name for member in members(paths, LIMITS)]


def test_a_folder_gives_its_pictures_in_order_and_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "inner/c.webp", "notes.txt", ".hidden/d.jpg", ".e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    assert names(tmp_path) == [str(tmp_path / name) for name in ("a.png", "b.JPG", "inner/c.webp")]


def test_files_are_called_what_their_owner_calls_them(tmp_path: Path) -> None:
    picture, archive = tmp_path / "1f0b82", tmp_path / "2c9a11.zip"
    picture.write_bytes(jpeg())
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(picture, "cats/tom.jpg")
    found = members([picture, archive], LIMITS, ["beach.jpg", "two.zip"])
    assert [member.name for member in found] == ["beach.jpg", "two.zip/cats/tom.jpg"]


def test_a_file_that_is_named_is_opened_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(jpeg())
    (member,) = members([tmp_path / "picture"], LIMITS)
    assert member.read() == jpeg()


def test_a_zip_gives_the_very_bytes_of_its_pictures(tmp_path: Path) -> None:
    place = tmp_path / "all.ZIP"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.jpg", jpeg())
        archive.writestr("in/two.jpg", jpeg(20, 30))
        archive.writestr("../../three.jpg", jpeg(10, 10))
        archive.writestr("__MACOSX/._one.jpg", b"fork")
        archive.writestr("readme.txt", b"hello")
    found = {member.name: member.read() for member in members([place], LIMITS)}
    assert found == {f"{place}/one.jpg": jpeg(), f"{place}/in/two.jpg": jpeg(20, 30)}
    assert list(tmp_path.parent.glob("three.jpg")) == []  # nothing is ever written


def test_a_bomb_is_unpacked_no_further_than_the_limit(tmp_path: Path) -> None:
    place = tmp_path / "bomb.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(50_000_000))
        archive.writestr("good.jpg", jpeg())
    found = members([place], LIMITS)
    with pytest.raises(PictureTooLarge):
        next(found).read()
    assert next(found).read() == jpeg()
    assert next(found, None) is None


def test_a_damaged_entry_or_archive_is_a_member_that_raises(tmp_path: Path) -> None:
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("bad.jpg", jpeg())
        archive.writestr("good.jpg", jpeg(8, 8))
    place.write_bytes(place.read_bytes().replace(jpeg(), jpeg()[:-9] + b"x" * 9))
    found = members([place], LIMITS)
    with pytest.raises(PictureError, match="damaged"):
        next(found).read()
    assert next(found).read() == jpeg(8, 8)
    assert next(found, None) is None
    (tmp_path / "no.zip").write_bytes(b"no archive")
    for name in ("no.zip", "missing.zip", "missing.jpg"):
        (member,) = members([tmp_path / name], LIMITS)
        with pytest.raises(PictureError):
            member.read()


def test_a_batch_ends_with_a_line_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg())
    monkeypatch.setattr(batch, "MOST_PICTURES", 3)
    *first, last = members([tmp_path], LIMITS)
    assert len(first) == 3
    with pytest.raises(PictureError, match="ends after 3 pictures"):
        last.read()
