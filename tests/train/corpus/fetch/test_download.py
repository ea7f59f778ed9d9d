"""Files from a server on loopback that slows down, breaks off, loses pictures and goes away."""

from __future__ import annotations

import errno
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.servers.files import Answer, FileServer
from train.corpus.fetch import download as module
from train.corpus.fetch.download import download
from train.corpus.fetch.fetcher import LONGEST_PAUSE, Pace
from train.corpus.fetch.journal import MOST_ATTEMPTS, Journal, read
from train.errors import SourceError

ROOT = Path(__file__).parents[4]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


def plan(folder: Path, server: FileServer, many: int) -> None:
    names = [f"{number}.jpg" for number in range(many)]
    with Journal(folder / "journal.sqlite") as journal:
        journal.plan("one", ((name, {"address": f"{server.url}/{name}", "file": f"p/{name}"}) for name in names))


def bring(folder: Path, *, workers: int = 3, per_second: float = 1000, retries: int = 2) -> dict[str, int]:
    with Journal(folder / "journal.sqlite") as journal:
        download(journal, folder, workers=workers, per_second=per_second, retries=retries, backoff=0.01)
        return journal.counts()


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "p").iterdir()}


def test_all_files_come_whole_and_are_asked_for_once(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 12)
    # when
    assert bring(tmp_path) == {"done": 12}
    # then
    with Image.open(tmp_path / "p" / "7.jpg") as picture:
        assert picture.size == (32, 24)
    assert max(server.asked.values()) == 1
    assert server.most_at_once <= 3
    assert "UnFake" in server.headers["User-Agent"]
    # and a second run asks for nothing
    server.stop()
    assert bring(tmp_path) == {"done": 12}


def test_a_file_that_was_deleted_is_brought_again(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 3)
    bring(tmp_path)
    (tmp_path / "p" / "1.jpg").unlink()
    bring(tmp_path)
    assert server.asked == {"/0.jpg": 1, "/1.jpg": 2, "/2.jpg": 1}
    assert names(tmp_path) == {"0.jpg", "1.jpg", "2.jpg"}


def test_what_breaks_off_is_asked_for_again(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 4)
    server.script = {
        "/0.jpg": [Answer(cut=True), Answer(cut=True)],
        "/1.jpg": [Answer(drop=True)],
        "/2.jpg": [Answer(500), Answer(502)],
        "/3.jpg": [Answer(body=b"")],
    }
    assert bring(tmp_path) == {"done": 4}
    assert server.asked == {"/0.jpg": 3, "/1.jpg": 2, "/2.jpg": 3, "/3.jpg": 2}
    for name in names(tmp_path):
        with Image.open(tmp_path / "p" / name) as picture:
            picture.load()  # raises where bytes are missing


def test_gone_pictures_are_left_out_for_good(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan(tmp_path, server, 4)
    server.script = {"/0.jpg": [Answer(404)], "/1.jpg": [Answer(410)]}
    assert bring(tmp_path) == {"done": 2, "left_out": 2}
    assert bring(tmp_path) == {"done": 2, "left_out": 2}
    assert server.asked["/0.jpg"] == server.asked["/1.jpg"] == 1
    reasons = [item.outcome["reason"] for item in read(tmp_path / "journal.sqlite", "left_out")]
    assert reasons == ["status 404", "status 410"]
    assert not caplog.records


def test_a_failed_picture_is_tried_in_a_few_runs_and_then_no_more(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan(tmp_path, server, 2)
    page = Answer(headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html></html>")
    server.script = {"/0.jpg": [page] * 10}
    for run in range(1, MOST_ATTEMPTS + 3):
        assert bring(tmp_path) == {"done": 1, "failed": 1}
        assert server.asked["/0.jpg"] == min(run, MOST_ATTEMPTS)
    assert "1 pictures could not be had (one of them: not a picture but text/html)" in caplog.text
    assert names(tmp_path) == {"1.jpg"}


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_asks(server: FileServer, tmp_path: Path) -> None:
    # given a server that says 429 to everything for a second: with one retry, only who waits gets anything
    plan(tmp_path, server, 4)
    server.busy_for = 1.0
    assert bring(tmp_path, retries=1) == {"done": 4}


def test_a_server_that_stays_busy_ends_the_run(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 4)
    server.always = Answer(503)
    with pytest.raises(SourceError, match=r"^127.0.0.1 keeps asking for fewer requests \(status 503\) after 0 of 4"):
        bring(tmp_path)
    server.always = Answer(429, {"Retry-After": str(2 * LONGEST_PAUSE)[:-2]})
    with pytest.raises(SourceError, match="asks to be left alone for 20 minutes after 0 of 4 pictures"):
        bring(tmp_path)
    # and none of the pictures is blamed for it
    server.always = None
    assert bring(tmp_path) == {"done": 4}


def test_a_lost_connection_ends_the_run_and_the_next_one_goes_on(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 20)
    # given a server that vanishes during the sixth picture
    server.script = {"/5.jpg": [Answer(hold=True)]}
    script = f"""
from pathlib import Path
from tests.train.corpus.fetch.test_download import bring
bring(Path({str(tmp_path)!r}), workers=1)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert server.held.wait(180)
        server.stop()
        _, said = run.communicate(timeout=180)
    last = said.strip().splitlines()[-1]
    assert last.endswith(
        "SourceError: the connection to 127.0.0.1 was lost after 5 of 20 pictures:"
        " run the same command again, it goes on from there"
    )
    # when it is back, at another address as it happens
    with FileServer() as again:
        items = [(f"{n}.jpg", {"address": f"{again.url}/{n}.jpg", "file": f"p/{n}.jpg"}) for n in range(20)]
        with Journal(tmp_path / "journal.sqlite") as journal:
            journal.plan("two", items)
        assert bring(tmp_path) == {"done": 20}
        assert set(again.asked) == {f"/{n}.jpg" for n in range(5, 20)}


def test_a_killed_run_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 10)
    server.script = {"/6.jpg": [Answer(hold=True)]}
    script = f"""
from pathlib import Path
from tests.train.corpus.fetch.test_download import bring
bring(Path({str(tmp_path)!r}), workers=1)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as run:
        assert server.held.wait(180)
        # another run at the same time is refused
        with pytest.raises(SourceError, match="another run is at work"):
            bring(tmp_path)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    # given a file that arrived, and nobody was left to note it
    (tmp_path / "p" / "9.jpg").write_bytes((tmp_path / "p" / "0.jpg").read_bytes())
    # when
    assert bring(tmp_path) == {"done": 10}
    # then
    asked = {path: many for path, many in server.asked.items() if path != "/6.jpg"}
    assert asked == {f"/{n}.jpg": 1 for n in range(9) if n != 6}
    assert names(tmp_path) == {f"{n}.jpg" for n in range(10)}


def test_a_server_that_refuses_everything_is_not_asked_for_everything(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 200)
    server.always = Answer(403)
    with pytest.raises(
        SourceError, match=r"gave none of the last \d+ pictures \(the last: status 403\) after 0 of 200"
    ):
        bring(tmp_path)
    assert sum(server.asked.values()) < 2 * module.MOST_IN_A_ROW


def test_a_file_that_cannot_be_written_ends_the_run_and_nothing_is_lost(server: FileServer, tmp_path: Path) -> None:
    plan(tmp_path, server, 6)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "3.jpg.part").mkdir()  # as good a reason as any why a file cannot be written
    with pytest.raises(OSError, match=r"3\.jpg\.part"):
        bring(tmp_path, workers=1)
    (tmp_path / "p" / "3.jpg.part").rmdir()
    assert bring(tmp_path) == {"done": 6}
    assert server.asked["/0.jpg"] == 1


def test_the_pace_is_kept_over_all_threads() -> None:
    time = [100.0]
    pace = Pace(4.0, clock=lambda: time[0])
    assert [pace.reserve() for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    # time that nobody used is not made up for
    time[0] = 110.0
    assert [pace.reserve() for _ in range(2)] == [0.0, 0.25]
    # a pause holds for all
    pace.pause(3.0)
    assert pace.paused
    assert pace.reserve() == 3.0
    time[0] = 113.0
    assert not pace.paused


def test_a_large_picture_is_not_taken(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.corpus.fetch.fetcher.MOST_BYTES", 2**20)
    plan(tmp_path, server, 1)
    server.always = Answer(body=io.BytesIO(bytes(3 * 2**20)).getvalue())
    assert bring(tmp_path) == {"failed": 1}
    assert names(tmp_path) == set()


def test_a_damaged_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(SourceError, match=r"journal\.sqlite cannot be read"):
        bring(tmp_path)


def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    # given a journal that may not grow, which is what SQLite meets on a full disk
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal._db.execute("PRAGMA max_page_count = 5")
        with pytest.raises(OSError) as caught:
            journal.plan("one", ((str(n), {"text": "x" * 1000}) for n in range(100)))
        assert caught.value.errno == errno.ENOSPC
        # then nothing of the plan is there
        assert journal.counts() == {}
        assert journal.mark == ""
