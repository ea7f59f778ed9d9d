"""Folders that cannot be used, or that others share, cost nothing but what would have been kept there."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from tests.conftest import SAMPLES, running_app
from unfake import folders

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    asked = tmp_path / "cache"
    assert folders.usable(asked) == (asked, None)
    assert mode(asked) == 0o700


def test_without_a_setting_the_cache_lies_in_the_home_and_not_where_all_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert folders.default_cache() == Path("/home/ana/.cache/unfake")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ana")
    assert folders.default_cache() == Path("/var/cache/ana/unfake")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: folder.chmod(0o777), "can be written by others"),
        (lambda folder: folder.chmod(0o770), "can be written by others"),
        (lambda folder: (folder.rmdir(), folder.write_text("in the way")), "cannot be written"),
        (lambda folder: (folder.rmdir(), folder.symlink_to("/proc/nowhere")), "cannot be written"),
    ],
)
def test_one_that_is_not_private_is_replaced_by_one_that_is(tmp_path: Path, spoil: object, why: str) -> None:
    asked = tmp_path / "cache"
    asked.mkdir()
    spoil(asked)  # type: ignore[operator]
    (first, notice), (second, _) = folders.usable(asked), folders.usable(asked)
    assert notice is not None
    assert f"The folder cache {why}" in notice
    assert mode(first) == 0o700
    assert first != second
    assert asked not in (first, *first.parents)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_one_of_another_user_is_not_used(tmp_path: Path) -> None:
    asked = tmp_path / "cache"
    asked.mkdir(mode=0o755)
    os.chown(asked, NOBODY, NOBODY)
    folder, notice = folders.usable(asked)
    assert folder != asked
    assert "belongs to somebody else" in str(notice)
    assert list(asked.iterdir()) == []


def test_only_what_is_old_is_swept_away(tmp_path: Path) -> None:
    old, new = tmp_path / "a" / "old.jpg", tmp_path / "a" / "new.jpg"
    old.parent.mkdir()
    for path in (old, new):
        path.write_bytes(b"picture")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    folders.sweep(tmp_path, 3600)
    assert list(old.parent.iterdir()) == [new]


def test_folders_in_which_nothing_has_been_for_long_go_and_others_stay(tmp_path: Path) -> None:
    long_empty, just_empty, used = (tmp_path / name for name in ("long", "just", "used"))
    for folder in (long_empty / "within", just_empty, used):
        folder.mkdir(parents=True)
    (used / "new.jpg").write_bytes(b"picture")
    for folder in (long_empty / "within", used, tmp_path):
        os.utime(folder, (time.time() - 4000,) * 2)
    folders.sweep(tmp_path, 3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["just", "long", "used"]
    os.utime(long_empty, (time.time() - 4000,) * 2)  # its own clock began when the folder in it went
    folders.sweep(tmp_path, 3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["just", "used"]


def test_what_is_over_the_room_goes_the_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).write_bytes(b"1234")
        os.utime(tmp_path / name, (time.time() - age * 60,) * 2)
    folders.sweep(tmp_path, 3600, most=8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "older"]


def test_a_file_is_kept_once_under_its_name_and_is_as_young_as_its_latest_download(tmp_path: Path) -> None:
    first = folders.keep(tmp_path / "kept", "a.jpg", b"one", "1" * 64)
    os.utime(first, (0, 0))
    again = folders.keep(tmp_path / "kept", "a.jpg", b"one", "1" * 64)
    other = folders.keep(tmp_path / "kept", "a.jpg", b"two", "2" * 64)
    assert (first, first.name, first.read_bytes(), other.read_bytes()) == (again, "a.jpg", b"one", b"two")
    assert again.stat().st_mtime > time.time() - 60
    assert [mode(path) for path in (first.parent, first)] == [0o700, 0o600]
    assert sorted(path.name for path in (tmp_path / "kept").rglob("*.*")) == ["a.jpg", "a.jpg"]


def test_where_there_is_no_place_for_a_file_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / ("1" * 32) / "a.jpg").mkdir(parents=True)
    with pytest.raises(OSError):
        folders.keep(tmp_path, "a.jpg", b"one", "1" * 64)
    assert [path.name for path in (tmp_path / ("1" * 32)).iterdir()] == ["a.jpg"]


@pytest.mark.slow
def test_the_app_gives_verdicts_where_no_folder_can_be_used(tmp_path: Path) -> None:
    # given a cache, a folder for uploads and Gradio's shared one that cannot be written into, not even by root
    for name in ("cache", "uploads", "gradio"):
        (tmp_path / name).write_text("in the way")
    places = {"UNFAKE_CACHE": "cache", "GRADIO_TEMP_DIR": "uploads", "TMPDIR": ""}
    settings = {name: str(tmp_path / place) for name, place in places.items()}
    with running_app(tmp_path, **settings) as address:
        client = Client(address, verbose=False)
        report = client.predict(handle_file(SAMPLES / "astronaut.jpg"), api_name="/classify")
        status = client.predict(api_name="/status")
        client.close()
    # then the detector speaks, and the status says what is not kept
    assert report["verdict"]["probability"] is not None
    assert [sentence.partition(",")[0] for sentence in status["notices"]] == [
        "The folder cache cannot be written",
        "The folder uploads cannot be written",
    ]
    assert status["store"]["kept"] == "memory"
