from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.pictures import jpeg
from unfake.errors import PictureError, ScanError
from unfake.intake import Limits
from unfake.scan.files import Files
from unfake.scan.source import Shard, stretches

fsspec = pytest.importorskip("fsspec")

LIMITS = Limits(bytes=100_000)
NAMES = ("b.JPG", "a.png", "inner/c.webp", "notes.txt", ".hidden/d.jpg", ".e.jpg")
PICTURES = ["a.png", "b.JPG", "inner/c.webp"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    return tmp_path


@pytest.fixture
def bucket(tmp_path: Path) -> str:
    """An address in memory, with the same files as the folder."""
    memory = fsspec.filesystem("memory")
    for name in NAMES:
        memory.pipe(f"/{tmp_path.name}/{name}", jpeg())
    return f"memory://{tmp_path.name}"


def test_a_folder_and_an_address_have_the_same_pictures(folder: Path, bucket: str) -> None:
    assert Files(str(folder)).names() == [str(folder / name) for name in PICTURES]
    assert Files(f"file://{folder}").names() == [str(folder / name) for name in PICTURES]
    assert Files(bucket).names() == [f"/{bucket.removeprefix('memory://')}/{name}" for name in PICTURES]


def test_the_members_of_a_stretch_have_the_bytes_and_the_address_of_their_files(folder: Path, bucket: str) -> None:
    for source, place in ((Files(str(folder)), str(folder)), (Files(bucket), bucket.replace("//", "///"))):
        (first, second) = stretches(source.names(), 2)
        assert [len(first.names), len(second.names)] == [2, 1]
        found = {member.name: member.read() for member in source.open(first, {}, LIMITS)}
        assert found == {f"{place}/{name}": jpeg() for name in PICTURES[:2]}


def test_a_file_that_is_gone_or_too_large_is_an_error_of_its_own(folder: Path, bucket: str) -> None:
    memory = bucket.removeprefix("memory://")
    for source, name in ((Files(str(folder)), str(folder / "gone.jpg")), (Files(bucket), f"/{memory}/gone.jpg")):
        (member,) = source.open(Shard(0, (name,)), {}, LIMITS)
        with pytest.raises(PictureError, match="not there"):
            member.read()
    for source, name in ((Files(str(folder)), str(folder / "a.png")), (Files(bucket), f"/{memory}/a.png")):
        (member,) = source.open(Shard(0, (name,)), {}, Limits(bytes=10))
        with pytest.raises(PictureError, match="too large"):
            member.read()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/nowhere/at/all", "no folder all"),
        ("nothing://bucket/pictures", "no address that can be scanned"),
        ("abfs://container/pictures", "package that is not installed"),
        ("memory://nowhere/at/all", None),
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence(address: str, sentence: str | None) -> None:
    if sentence is None:
        assert Files(address).names() == []
        return
    with pytest.raises(ScanError, match=sentence):
        Files(address).names()


def test_credentials_stay_out_of_the_result() -> None:
    assert Files("ftp://ana:secret@example.org/cats").address == "ftp://example.org/cats"
