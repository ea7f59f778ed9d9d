"""Datasets of a Kaggle on loopback, brought by the real kagglehub, and folders laid out like them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.files import jpeg
from tests.servers.kaggle import API, STORAGE, Dataset, Kaggle, archive
from train.corpus.source import Picture
from train.corpus.sources.kaggle import CACHE, KaggleSource
from train.errors import ConfigError, SourceError

PICTURE = jpeg("/a", {})
FILES = {
    "Dataset/Train/Real/real_1.jpg": PICTURE,
    "Dataset/Train/Real/real_2.JPG": PICTURE,
    "Dataset/Train/Fake/fake_1.jpg": PICTURE,
    "Dataset/Validation/Fake/fake_1_b.jpg": PICTURE,
    "Dataset/Test/Real/real_3.png": PICTURE,
    "Dataset/Test/notes.txt": b"no picture",
    "__MACOSX/Dataset/Train/Real/._real_1.jpg": b"no picture either",
}
LAYOUT = {"real": ["Dataset/*/Real/*"], "fake": ["**/Fake/**"]}


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", CACHE):
        monkeypatch.delenv(name, raising=False)
    with Kaggle() as running:
        for name, value in running.environment(str(home)).items():
            monkeypatch.setenv(name, value)
        running.datasets["who/faces"] = Dataset([archive({"x.jpg": PICTURE}), archive(FILES)])
        yield running


def make(base: Path = Path(), **options: Any) -> KaggleSource:
    return KaggleSource.from_config("kg", {"dataset": "who/faces", "layout": LAYOUT} | options, base)


def prepared(source: KaggleSource, folder: Path) -> dict[str, Picture]:
    source.prepare(folder, iter(()))
    pictures = list(source.pictures(folder))
    assert len({picture.key for picture in pictures}) == len(pictures)
    assert pictures == list(source.pictures(folder))
    return {picture.key: picture for picture in pictures}


def unpacked(folder: Path) -> Path:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_dataset_is_downloaded_into_the_folder_once(kaggle: Kaggle, tmp_path: Path) -> None:
    found = prepared(make(), tmp_path / "own")
    # then the newest version is there, by its layout
    assert {key: picture.label for key, picture in found.items()} == {
        "Dataset/Test/Real/real_3.png": "real",
        "Dataset/Train/Fake/fake_1.jpg": "fake",
        "Dataset/Train/Real/real_1.jpg": "real",
        "Dataset/Train/Real/real_2.JPG": "real",
        "Dataset/Validation/Fake/fake_1_b.jpg": "fake",
    }
    picture = found["Dataset/Test/Real/real_3.png"]
    assert picture.read() == PICTURE
    assert isinstance(picture.content, Path)
    assert picture.content.is_relative_to(tmp_path / "own")
    assert picture.credit == "https://www.kaggle.com/datasets/who/faces"
    assert picture.licence == "as on https://www.kaggle.com/datasets/who/faces"
    assert not any((tmp_path / "home").iterdir())
    # and a second run asks Kaggle nothing, even after there is a newer version
    asked = len(kaggle.faults.asked)
    kaggle.datasets["who/faces"].versions.append(archive({}))
    assert prepared(make(), tmp_path / "own") == found
    assert len(kaggle.faults.asked) == asked


def test_a_version_can_be_asked_for(kaggle: Kaggle, tmp_path: Path) -> None:
    found = prepared(make(dataset="who/faces/versions/1", layout={"real": ["*.jpg"]}), tmp_path)
    assert set(found) == {"x.jpg"}
    # and it is not taken for another
    assert len(prepared(make(), tmp_path)) == 5


def test_a_download_that_broke_off_is_gone_on_from(kaggle: Kaggle, tmp_path: Path) -> None:
    # given an archive of several of the pieces of 1 MiB in which kagglehub reads
    large = archive(FILES | {"Dataset/notes.bin": os.urandom(5 * 2**20)})
    kaggle.datasets["who/faces"].versions.append(large)
    kaggle.faults.cut = 1
    with pytest.raises(SourceError, match=r"broke off .*: run the same command again, it goes on from there"):
        prepared(make(), tmp_path)
    # when
    assert len(prepared(make(), tmp_path)) == 5
    # then what was there was not asked for again
    start = int(kaggle.faults.asked[-1].range.removeprefix("bytes=").removesuffix("-"))
    assert 2**20 <= start <= len(large) // 2


@pytest.mark.parametrize(
    ("hashed", "said"),
    [
        (True, "who/faces came damaged from Kaggle: run the same command again"),
        (False, "kagglehub cannot download who/faces: Unsupported archive type"),
    ],
)
def test_a_damaged_download_is_said_and_brought_again(kaggle: Kaggle, tmp_path: Path, hashed: bool, said: str) -> None:
    kaggle.faults.damage, kaggle.faults.hashed = True, hashed
    with pytest.raises(SourceError, match=said):
        prepared(make(), tmp_path)
    kaggle.faults.damage = False
    assert len(prepared(make(), tmp_path)) == 5


def test_the_token_goes_to_kaggle_and_nowhere_else(
    kaggle: Kaggle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    kaggle.datasets["who/faces"].private = True
    with pytest.raises(SourceError, match=r"does not give who/faces to somebody unknown: .* set KAGGLE_API_TOKEN"):
        prepared(make(), tmp_path / "own")
    monkeypatch.setenv("KAGGLE_API_TOKEN", kaggle.token)
    caplog.set_level(logging.DEBUG)
    # when
    assert len(prepared(make(), tmp_path / "own")) == 5
    # then
    seen = {asked.host: asked.authorization for asked in kaggle.faults.asked}
    assert seen == {API: f"Bearer {kaggle.token}", STORAGE: ""}
    written = b"".join(path.read_bytes() for path in (tmp_path / "own").rglob("*") if path.is_file())
    assert kaggle.token.encode() not in written
    assert kaggle.token not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Kaggle does not know these credentials: make a token"),
        (403, "Kaggle does not give who/faces to this account: check its name, and accept its terms"),
        (404, "there is no dataset who/faces on Kaggle"),
        (500, "Kaggle answered with status 500 for who/faces"),
    ],
)
def test_what_kaggle_refuses_is_said_in_a_sentence(
    kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", kaggle.token)
    kaggle.faults.status = status
    with pytest.raises(SourceError) as caught:
        prepared(make(), tmp_path)
    assert str(caught.value).startswith(said)
    assert kaggle.token not in repr(caught.value)


def test_no_network_is_said(kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"Kaggle cannot be reached, or broke off \(ProxyError\)"):
        prepared(make(), tmp_path)


def test_credentials_that_cannot_be_read_are_said(kaggle: Kaggle, tmp_path: Path) -> None:
    (tmp_path / "home" / "kaggle.json").write_text("not JSON, but secret")
    with pytest.raises(SourceError, match="kagglehub cannot download who/faces: Invalid Kaggle credentials") as caught:
        prepared(make(), tmp_path)
    assert "secret" not in str(caught.value)


def test_a_folder_is_read_in_place(tmp_path: Path) -> None:
    unpacked(tmp_path / "had" / "faces")
    source = make(tmp_path, dataset=None, folder="had/faces", category="face", credit="Who", licence="CC0")
    found = prepared(source, tmp_path / "own")
    assert len(found) == 5
    assert not (tmp_path / "own").exists()
    picture = found["Dataset/Train/Real/real_1.jpg"]
    assert (picture.category, picture.credit, picture.licence) == ("face", "Who", "CC0")
    assert picture.group == "kg/Dataset/Train/Real/real_1.jpg"


def test_groups_are_found_in_the_path(tmp_path: Path) -> None:
    unpacked(tmp_path / "faces")
    source = make(tmp_path, dataset=None, folder="faces", group=r"fake_(\d+)")
    groups = {key.rpartition("/")[2]: picture.group for key, picture in prepared(source, tmp_path / "own").items()}
    assert groups["fake_1.jpg"] == groups["fake_1_b.jpg"] == "kg/group/1"
    assert len(set(groups.values())) == 4


def test_a_name_that_is_no_text_has_a_key_that_is(tmp_path: Path) -> None:
    unpacked(tmp_path / "faces")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/faces/Dataset/Test/Real/caf\xe9.jpg")).write_bytes(PICTURE)
    found = prepared(make(tmp_path, dataset=None, folder="faces"), tmp_path / "own")
    assert found["Dataset/Test/Real/caf\\xe9.jpg"].read() == PICTURE


def test_patterns_that_overlap_give_a_picture_once(tmp_path: Path) -> None:
    unpacked(tmp_path / "faces")
    layout = {"real": ["**/Real/**", "**/real_1.jpg"]}
    assert len(prepared(make(tmp_path, dataset=None, folder="faces", layout=layout), tmp_path / "own")) == 3


def test_a_layout_that_does_not_fit_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unpacked(tmp_path / "faces")
    usual: dict[str, Any] = {"dataset": None, "folder": "faces"}
    with pytest.raises(SourceError, match=r'fits "training_fake/\*\*"; what is there: Dataset, __MACOSX'):
        prepared(make(tmp_path, layout={"fake": ["training_fake/**"]}, **usual), tmp_path / "own")
    with pytest.raises(SourceError, match=r"Fake/fake_1.jpg is real and fake at once"):
        prepared(make(tmp_path, layout={"real": ["Dataset/**"], "fake": ["**/Fake/*"]}, **usual), tmp_path / "own")
    with pytest.raises(SourceError, match="is real and fake at once"):
        prepared(make(tmp_path, layout={"real": ["**"], "fake": ["**"]}, **usual), tmp_path / "own")
    # and what it leaves out is counted
    assert len(prepared(make(tmp_path, layout={"fake": ["**/Fake/*"]}, **usual), tmp_path / "own")) == 2
    assert "kg: 3 pictures fit no pattern of the layout, and are left out" in caplog.text
    with pytest.raises(SourceError, match="there is no folder"):
        prepared(make(tmp_path, dataset=None, folder="elsewhere"), tmp_path / "own")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folder": "x"}, "'dataset' has to be given, or 'folder', and not both"),
        ({"dataset": None}, "'dataset' has to be given, or 'folder', and not both"),
        ({"dataset": "faces"}, "'dataset' has to be owner/name"),
        ({"dataset": "who/faces/../../x"}, "'dataset' has to be owner/name"),
        ({"layout": None}, "'layout' is missing"),
        ({"layout": {"true": ["*"]}}, "'layout' has to be patterns for real and fake, and not for true"),
        ({"layout": {"real": "*"}}, "'layout' has to be an object"),
        ({"layout": {"real": ["a**"]}}, "'layout' has to be made of patterns with ** as a whole folder, and not a**"),
        ({"group": "("}, "'group' has to be a regular expression"),
        ({"labels": {}}, "unknown key 'labels'"),
    ],
)
def test_a_wrong_configuration_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert str(caught.value).startswith(f'source "kg": {said}')
