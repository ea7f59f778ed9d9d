from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.corpus.made import jpeg
from train.corpus.index import Index
from train.corpus.scan import examine, examine_batch
from train.corpus.source import Picture
from train.errors import CorpusError, SourceError


def picture(path: Path, key: str = "a") -> Picture:
    return Picture(key, path, "real", "mine", f"mine/{key}")


def test_facts_stay_as_long_as_the_file_does(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with Index(tmp_path / "work" / "index.sqlite") as index:
        index.list_pictures([(0, picture(path), 10, 1)])
        assert list(index.unknown()) == [(0, path)]
        index.learn([(0, examine(jpeg(1)))])
        assert index.count_unknown() == 0
    # when the index is opened again and the file listed as before, it is known; after a change it is not
    with Index(tmp_path / "work" / "index.sqlite") as index:
        for size, mtime, unknown in ((10, 1, 0), (10, 2, 1), (11, 1, 1)):
            index.clear_listing()
            index.list_pictures([(5, picture(path), size, mtime)])
            assert index.count_unknown() == unknown


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    with Index(tmp_path / "work" / "index.sqlite") as index:
        index.list_pictures([(0, picture(tmp_path / "a.jpg"), -1, -1)])
        index.learn([(0, examine(b"no picture"))])
        assert index.count_unknown() == 0
        index.learn(zip([0], examine_batch([tmp_path / "a.jpg"]), strict=True))
        assert index.count_unknown() == 1


def test_pages_see_what_was_there_while_rows_are_written(tmp_path: Path) -> None:
    with Index(tmp_path / "work" / "index.sqlite") as index:
        many = [(number, picture(tmp_path, str(number)), 1, 1) for number in range(2500)]
        index.list_pictures(many)
        seen = 0
        for position, _ in index.unknown():
            index.learn([(position, examine(b"x"))])
            seen += 1
        assert seen == 2500
        assert index.count_unknown() == 0


def test_one_key_twice_is_the_fault_of_the_source(tmp_path: Path) -> None:
    with Index(tmp_path / "work" / "index.sqlite") as index:
        with pytest.raises(SourceError, match='source "mine" have one and the same key'):
            index.list_pictures([(0, picture(tmp_path), 1, 1), (1, picture(tmp_path), 1, 1)])
        assert index.count_unknown() == 0  # nothing of the page was noted


def test_a_second_process_is_told_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "work" / "index.sqlite"
    code = "import sys; from pathlib import Path; from train.corpus.index import Index; Index(Path(sys.argv[1]))"
    with Index(path):
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert f"another process is at work in {tmp_path}: wait until it has ended" in done.stderr


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    with Index(tmp_path / "work" / "index.sqlite") as index:
        index.db.execute("PRAGMA max_page_count = 30")
        with pytest.raises(OSError, match="No space left") as caught:
            for number in range(100):
                index.list_pictures([(number, picture(tmp_path, "x" * 3000 + str(number)), 1, 1)])
        assert caught.value.errno == errno.ENOSPC
        # and what was noted before is still there
        assert 0 < index.count_unknown() < 100


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "work" / "index.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(CorpusError, match=r"index\.sqlite cannot be used .* delete it"):
        Index(path)


def test_an_index_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "work" / "index.sqlite"
    with Index(path) as index:
        index.list_pictures([(0, picture(tmp_path), 1, 1)])
        index.db.execute("PRAGMA user_version = 999")
    with Index(path) as index:
        assert index.count_unknown() == 0
