"""The store on real files, in several threads and processes, across restarts and on files that are no store."""

from __future__ import annotations

import csv
import io
import json
import logging
import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from unfake.detector.calibration import Calibration, Label, Thresholds
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.config import ONNX, CheckpointConfig
from unfake.detector.detector import Detection, Verdict
from unfake.detector.views import ViewRule
from unfake.errors import StoreError, UnfakeError
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.report import PictureFacts, Report
from unfake.store import HistoryEntry, VerdictStore, history_csv, verdict_key
from unfake.store import verdicts as verdict_rows
from unfake.store.connection import log_ahead
from unfake.store.health import BYPASS_SECONDS, DELETED_SECONDS
from unfake.store.history import LONGEST_NAME
from unfake.store.schema import SCHEMA
from unfake.store.verdicts import PIPELINE

SHA = "ab" * 32
KEY = (SHA, "net@0123", "openvino 2026.1 cpu f32")
HEATMAP = Heatmap(2, 3, ((0.1, None, 0.123), (1.0, 0.0, None)))
REGIONS = (Region((0.0, 0.1, 1 / 3, 1.0), 0.1 + 0.2), Region((0.5, 0.0, 1.0, 0.9), None))
FOUND = Detection(Verdict(Label.LIKELY_FAKE, 0.1 + 0.2 + 0.65, "“Because” of <this>."), 12, HEATMAP, REGIONS, True)
NOW = datetime.now(UTC).replace(microsecond=0)


def entry(name: str = "cat.jpg", age: timedelta = timedelta(0), **changes: object) -> HistoryEntry:
    when = (NOW - age).isoformat()
    return replace(
        HistoryEntry(when, SHA, name, Label.LIKELY_FAKE, 0.95, "net@0123", "classified"),
        **changes,  # type: ignore[arg-type]
    )


def checkpoint(likely_fake: float) -> Checkpoint:
    config = CheckpointConfig(
        name="net",
        backbone="efficientnet_b0",
        num_classes=2,
        dropout=0.2,
        labels=("real", "fake"),
        views=ViewRule("squash", 224),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        calibration=Calibration(1.0, 0.0),
        thresholds=Thresholds(0.2, likely_fake),
        files={ONNX: "b" * 64},
        training={},
    )
    return Checkpoint(Path("nowhere"), config, "folder", repository=None, revision="b" * 12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def memory() -> Iterator[VerdictStore]:
    with VerdictStore(None) as store:
        yield store


def on_disk(folder: Path) -> bytes:
    """Everything that lies in the folder, write-ahead logs included."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


class TestVerdicts:
    @pytest.mark.parametrize(
        "detection",
        [
            FOUND,
            Detection(Verdict(Label.LIKELY_REAL, 5e-324, ""), 1, Heatmap(1, 1, ((0.5,),))),
            Detection(Verdict(Label.NOT_APPLICABLE, None, "The picture is 3 × 2 px."), 0, None),
        ],
    )
    def test_comes_back_the_same_to_the_last_bit(self, path: Path, detection: Detection) -> None:
        with VerdictStore(path) as store:
            store.put(*KEY, detection)
            assert store.get(*KEY) == detection
        with VerdictStore(path) as store:
            assert store.get(*KEY) == detection
            assert store.problem is None

    @pytest.mark.parametrize("place", range(3))
    def test_another_picture_checkpoint_or_runtime_is_another_verdict(self, memory: VerdictStore, place: int) -> None:
        other = [*KEY]
        other[place] = "other"
        memory.put(*KEY, FOUND)
        assert memory.get(*other) is None

    def test_the_last_one_put_counts(self, memory: VerdictStore) -> None:
        second = replace(FOUND, views=3)
        memory.put(*KEY, FOUND)
        memory.put(*KEY, second)
        assert memory.get(*KEY) == second

    def test_those_not_asked_for_the_longest_go(self, path: Path) -> None:
        with VerdictStore(path, verdict_rows=3) as store:
            for name in "abc":
                store.put(name, "net", "cpu", FOUND)
            assert store.get("a", "net", "cpu")
            store.put("d", "net", "cpu", FOUND)
            assert [name for name in "abcd" if store.get(name, "net", "cpu")] == ["a", "c", "d"]

    def test_a_heat_map_without_measure_is_not_kept(self, memory: VerdictStore) -> None:
        wide = replace(FOUND, heatmap=Heatmap(1, 100_000, ((0.123,) * 100_000,)))
        memory.put(*KEY, wide)
        assert memory.get(*KEY) is None
        assert memory.problem is None

    def test_one_of_an_older_pipeline_is_made_anew(self, memory: VerdictStore, monkeypatch: pytest.MonkeyPatch) -> None:
        memory.put(*KEY, FOUND)
        monkeypatch.setattr(verdict_rows, "PIPELINE", verdict_rows.PIPELINE + 1)
        assert memory.get(*KEY) is None
        memory.put(*KEY, FOUND)
        assert memory.get(*KEY) == FOUND

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", f'{{"pipeline": {PIPELINE}}}', f'{{"pipeline": {PIPELINE}, "label": "perhaps"}}']
    )
    def test_one_that_cannot_be_understood_is_made_anew(self, path: Path, text: str) -> None:
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("UPDATE verdicts SET detection = ?", (text,))
            assert store.get(*KEY) is None

    def test_no_name_and_no_visitor_lies_beside_a_verdict(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            with closing(sqlite3.connect(path)) as other:
                columns = [row[1] for row in other.execute("PRAGMA table_info(verdicts)")]
                (text,) = other.execute("SELECT detection FROM verdicts").fetchone()
        assert columns == ["sha256", "checkpoint", "runtime", "detection", "used"]
        kept = {"pipeline", "label", "probability", "reason", "views", "heatmap", "regions", "portrait"}
        assert json.loads(text).keys() == kept

    def test_other_thresholds_on_the_same_weights_are_another_key(self) -> None:
        loose, strict = checkpoint(likely_fake=0.9), checkpoint(likely_fake=0.99)
        assert strict.id == loose.id
        assert verdict_key(strict) != verdict_key(loose)
        assert verdict_key(loose) == verdict_key(checkpoint(likely_fake=0.9))
        assert verdict_key(loose).startswith(f"{loose.id}+")


class TestHistory:
    def test_newest_first_and_no_more_than_asked_for(self, path: Path) -> None:
        with VerdictStore(path) as store:
            for days in (3, 1, 2):
                store.remember("ana", entry(f"{days}.jpg", timedelta(days=days)))
            store.remember("ana", entry("1b.jpg", timedelta(days=1), action="downloaded", probability=None))
            assert [found.name for found in store.history("ana")] == ["1b.jpg", "1.jpg", "2.jpg", "3.jpg"]
            assert [found.name for found in store.history("ana", 2)] == ["1b.jpg", "1.jpg"]
            assert store.history("ana", 0) == store.history("ana", -1) == []
        with VerdictStore(path) as store:
            (newest,) = store.history("ana", 1)
            assert newest == entry("1b.jpg", timedelta(days=1), action="downloaded", probability=None)

    def test_one_visitor_never_sees_or_clears_anothers(self, memory: VerdictStore) -> None:
        visitors = ("ana", "Ana", "ana ", "ana\0", "%", "_na", "' OR 1=1 --", "\udc80")
        for visitor in visitors:
            memory.remember(visitor, entry(f"of {visitor!r}"))
        for visitor in visitors:
            assert [found.name for found in memory.history(visitor)] == [f"of {visitor!r}"]
        memory.forget("%")
        memory.forget("' OR 1=1 --")
        memory.forget("nobody")
        left = [visitor for visitor in visitors if memory.history(visitor)]
        assert left == [visitor for visitor in visitors if visitor not in ("%", "' OR 1=1 --")]

    def test_nobody_has_no_history(self, memory: VerdictStore) -> None:
        memory.remember("", entry())
        assert memory.history("") == []
        memory.forget("")

    def test_the_key_of_a_visitor_is_not_on_the_disk(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.remember("very-secret-key", entry("holiday.jpg"))
            assert b"holiday.jpg" in on_disk(path.parent)
            assert b"very-secret-key" not in on_disk(path.parent)

    def test_what_is_forgotten_is_gone_from_the_disk_and_the_verdict_stays(self, path: Path) -> None:
        with VerdictStore(path) as store, VerdictStore(path) as other:
            store.put(*KEY, FOUND)
            store.remember("ana", entry("holiday-at-the-sea.jpg"))
            other.remember("bob", entry("invoice.jpg"))
            other.forget("ana")
            assert store.history("ana") == []
            assert b"holiday-at-the-sea" not in on_disk(path.parent)
            assert [found.name for found in store.history("bob")] == ["invoice.jpg"]
            assert store.get(*KEY) == FOUND

    def test_old_entries_are_never_shown_and_go_with_the_next_write(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.remember("ana", entry("old.jpg", timedelta(days=29)))
            store.remember("ana", entry("older.jpg", timedelta(days=31)))
            assert [found.name for found in store.history("ana")] == ["old.jpg"]
            store.keep_days = 28
            assert store.history("ana") == []
            store.put(*KEY, FOUND)
            store.keep_days = 30
            assert store.history("ana") == []

    def test_old_entries_go_when_the_store_is_opened(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.remember("ana", entry("ten-days-old.jpg", timedelta(days=10)))
            store.remember("ana", entry("new.jpg"))
        with VerdictStore(path, keep_days=7):
            pass
        assert b"ten-days-old.jpg" not in on_disk(path.parent)
        with VerdictStore(path) as store:
            assert [found.name for found in store.history("ana")] == ["new.jpg"]

    def test_a_visitor_who_fills_the_store_pushes_out_their_own(self) -> None:
        with VerdictStore(None, visitor_rows=3, history_rows=5) as store:
            store.remember("bob", entry("bob.jpg", timedelta(days=2)))
            for hours in range(9, 0, -1):
                store.remember("ana", entry(f"{hours}.jpg", timedelta(hours=hours)))
            assert [found.name for found in store.history("ana")] == ["1.jpg", "2.jpg", "3.jpg"]
            assert [found.name for found in store.history("bob")] == ["bob.jpg"]
            for visitor in ("eve", "joe"):
                store.remember(visitor, entry())
            assert store.history("bob") == []
            assert len(store.history("ana")) == 3

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("'; DROP TABLE history; --", None),
            ("a\0b\nc", None),
            ("раs\u202egpj.exe 🐈", None),
            ("broken-\udcff.jpg", "broken-?.jpg"),
            ("x" * 10_000, "x" * LONGEST_NAME),
            ("", None),
        ],
    )
    def test_hostile_names_are_text(self, memory: VerdictStore, name: str, kept: str | None) -> None:
        memory.remember("ana", entry(name))
        assert [found.name for found in memory.history("ana")] == [name if kept is None else kept]
        assert memory.problem is None

    @pytest.mark.parametrize("when", ["2026-03-01T10:00:00", "2026-03-01T10:00:00+01:00", "yesterday", ""])
    def test_a_time_that_is_not_utc_is_refused(self, when: str) -> None:
        with pytest.raises(ValueError):
            entry(when=when)

    def test_an_entry_is_made_from_a_report(self) -> None:
        facts = PictureFacts(SHA, 30, 20, "JPEG", 999, "upload", "cat.jpg")
        report = Report(facts, Label.LIKELY_FAKE, 0.95, "", "net@0123", "r", "cpu", 12, None, None, 5.0)
        moment = datetime.fromisoformat("2026-03-01T11:30:00.5+01:00")
        made = HistoryEntry.of(report, "downloaded", moment)
        assert made == entry(when="2026-03-01T10:30:00+00:00", action="downloaded")
        assert HistoryEntry.of(report, "classified").when.endswith("+00:00")


class TestCsv:
    @pytest.mark.parametrize(
        ("name", "cell"),
        [
            ("cat.jpg", "cat.jpg"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            ("\rx", "'\rx"),
            ("\nx", "'\nx"),
            ("\0=1", "'\0=1"),
            ("  =1", "'  =1"),
            ("\uff1d1+1", "'\uff1d1+1"),
            ("x;=cmd|'/c calc'!A1;y", "x;'=cmd|'/c calc'!A1;y"),
            ('"=1+1"', '"=1+1"'),
            ("a-b+c=d@e", "a-b+c=d@e"),
            ("broken-\udcff.jpg", "broken-?.jpg"),
        ],
    )
    def test_no_cell_is_a_formula(self, name: str, cell: str) -> None:
        text = history_csv([entry(name), entry("next.jpg", probability=None)])
        header, first, second = csv.reader(io.StringIO(text, newline=""))
        assert header == ["when_utc", "name", "label", "probability_of_fake", "action", "checkpoint", "sha256"]
        assert first == [NOW.isoformat(), cell, "likely_fake", "0.9500", "classified", "net@0123", SHA]
        assert second[1:4] == ["next.jpg", "likely_fake", ""]
        text.encode()

    def test_every_text_of_an_entry_is_made_safe(self) -> None:
        text = history_csv([entry("=a", sha256="=b", checkpoint="=c")])
        (_, row) = csv.reader(io.StringIO(text, newline=""))
        assert [cell for cell in row if cell.startswith("=")] == []

    def test_an_empty_history_is_a_header(self) -> None:
        assert len(history_csv([]).splitlines()) == 1


class TestFilesThatAreNoStore:
    def test_folders_are_made_and_the_file_is_the_owners(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "store.sqlite"
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert store.status() == {"kept": "disk", "keep_days": 30.0, "problem": None}
        assert modes == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"), 0o600)

    def test_the_log_is_written_ahead(self, path: Path) -> None:
        with VerdictStore(path), closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert other.execute("PRAGMA user_version").fetchone() == (SCHEMA,)

    def test_the_switch_to_that_log_is_tried_again(self, path: Path) -> None:
        # Of processes that switch a new file at the same moment, some get SQLITE_BUSY without any wait: 2 of 360
        # here, with a timeout of 5 s. This connection always does, twice.
        with closing(sqlite3.connect(path, isolation_level=None, factory=TwiceBusy)) as connection:
            log_ahead(connection, time.monotonic() + 5)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with closing(sqlite3.connect(path, factory=TwiceBusy)) as connection, pytest.raises(sqlite3.OperationalError):
            log_ahead(connection, time.monotonic() - 1)

    @pytest.mark.parametrize(
        "content", [b"not a database " * 500, b"\xff\xd8\xff\xe0 photo", b"SQLite format 3\0" * 300]
    )
    def test_another_file_is_left_alone_and_a_store_begun_beside_it(
        self, path: Path, content: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        path.write_bytes(content)
        sentence = (
            "The file store.sqlite is damaged or is not a store of UnFake; "
            "it is left as it is, and another store is used beside it."
        )
        for start in range(2):  # and found again after a restart
            with caplog.at_level(logging.WARNING), VerdictStore(path) as store:
                if start == 0:
                    store.put(*KEY, FOUND)
                assert store.get(*KEY) == FOUND
                assert isinstance(store.problem, UnfakeError)
                assert store.status() == {"kept": "disk", "keep_days": 30.0, "problem": sentence}
        assert sentence in caplog.text
        assert path.read_bytes() == content
        assert sorted(file.name for file in path.parent.iterdir()) == ["store.sqlite", "store.v1-1.sqlite"]

    def test_the_database_of_another_program_is_left_alone(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE verdicts (sha256 TEXT)")
        before = path.read_bytes()
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND
            assert "is not a store of UnFake" in str(store.problem)
        assert path.read_bytes() == before

    def test_a_store_of_a_newer_version_is_left_alone(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.remember("ana", entry("of-the-future.jpg"))
        with closing(sqlite3.connect(path)) as other, other:
            other.execute(f"PRAGMA user_version = {SCHEMA + 1}")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND
            assert store.history("ana") == []
            assert str(store.problem) == (
                "The file store.sqlite was written by another version of UnFake; "
                "it is left as it is, and another store is used beside it."
            )
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT name FROM history").fetchall() == [("of-the-future.jpg",)]

    def test_damage_deep_in_the_file_is_found_on_opening(self, path: Path) -> None:
        spoil(path)
        with VerdictStore(path) as store:
            assert "is damaged" in str(store.problem)
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND

    def test_damage_while_running_costs_no_verdict(self, path: Path) -> None:
        fill(path)
        with VerdictStore(path) as store, VerdictStore(path) as other_worker:
            spoil(path)
            for each in (store, other_worker):
                assert each.get("0" * 64, "net", "cpu") is None
                each.put(*KEY, FOUND)
                each.remember("ana", entry())
            for each in (store, other_worker):
                assert each.get(*KEY) == FOUND
                assert len(each.history("ana")) == 2
                assert "is damaged" in str(each.problem)

    def test_a_place_that_cannot_be_written_means_memory(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        for place in (tmp_path, tmp_path / "file" / "store.sqlite", Path("/proc/nowhere/store.sqlite")):
            with VerdictStore(place) as store:
                store.put(*KEY, FOUND)
                store.remember("ana", entry())
                assert store.get(*KEY) == FOUND
                assert store.history("ana") == [entry()]
                assert store.status()["kept"] == "memory"
                assert str(store.problem) == (
                    f"The store {place.name} cannot be opened for writing, so verdicts and history are kept in memory "
                    "and end with this process."
                )

    def test_when_every_spare_file_is_taken_it_is_memory(self, path: Path) -> None:
        for name in ("store.sqlite", "store.v1-1.sqlite", "store.v1-2.sqlite", "store.v1-3.sqlite"):
            path.with_name(name).write_bytes(b"not a database " * 500)
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND
            assert store.status()["kept"] == "memory"

    def test_a_full_disk_costs_no_verdict(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            store._connection.execute("PRAGMA max_page_count = 1")  # SQLite then answers SQLITE_FULL
            big = replace(FOUND, verdict=replace(FOUND.verdict, reason="x" * 50_000))
            store.put("cd" * 32, "net", "cpu", big)
            assert "SQLITE_FULL" in str(store.problem)
            assert store.get(*KEY) == FOUND
            assert store.get("cd" * 32, "net", "cpu") is None

    def test_a_closed_store_breaks_nothing_but_says_so(self, path: Path) -> None:
        store = VerdictStore(path)
        store.put(*KEY, FOUND)
        store.close()
        store.close()
        store.put(*KEY, FOUND)
        store.remember("ana", entry())
        assert store.get(*KEY) is None
        for ask in (store.history, store.forget):
            with pytest.raises(StoreError, match="did not answer"):
                ask("ana")


LOCKED = (
    "The store store.sqlite is locked by another program, so verdicts are made anew and nothing is added to the "
    "history until it is free."
)


def later(store: VerdictStore, seconds: float) -> None:
    """Let the store believe that so much more time has passed."""
    store._health.clock = lambda: time.monotonic() + seconds


class TestALockedFile:
    def test_one_verdict_waits_and_the_next_ones_go_past_it(self, path: Path) -> None:
        with VerdictStore(path, patience=0.05) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            store.put(*KEY, FOUND)
            other.execute("BEGIN IMMEDIATE")
            store.put("cd" * 32, "net", "cpu", FOUND)
            assert str(store.problem) == LOCKED
            assert store.get(*KEY) == FOUND  # what can be read is read
            other.execute("ROLLBACK")
            # then nobody tries again for a while, and that is said
            store.put("ef" * 32, "net", "cpu", FOUND)
            store.remember("ana", entry())
            assert store.get("ef" * 32, "net", "cpu") is None
            assert store.status() == {"kept": "disk", "keep_days": 30.0, "problem": LOCKED}
            # and after that all is well
            later(store, BYPASS_SECONDS)
            store.put("ef" * 32, "net", "cpu", FOUND)
            assert store.get("ef" * 32, "net", "cpu") == FOUND
            assert store.problem is None

    def test_a_history_that_could_not_be_kept_is_not_called_empty(self, path: Path) -> None:
        with VerdictStore(path, patience=0.05) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            store.remember("bob", entry("before.jpg"))
            other.execute("BEGIN IMMEDIATE")
            store.remember("ana", entry())
            with pytest.raises(StoreError, match="is locked by another program"):
                store.history("ana")
            assert [found.name for found in store.history("bob")] == ["before.jpg"]
            with pytest.raises(StoreError, match="is locked by another program"):
                store.forget("bob")
            other.execute("ROLLBACK")
            store.forget("bob")  # who asks to be forgotten is not told to wait
            assert store.history("bob") == store.history("ana") == []
            assert store.problem is None

    def test_the_status_finds_out_by_itself(self, path: Path) -> None:
        with VerdictStore(path, patience=0.05) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.status()["problem"] == LOCKED
            other.execute("ROLLBACK")
            later(store, BYPASS_SECONDS)
            assert store.status()["problem"] is None

    def test_where_no_log_is_written_ahead_reading_goes_past_it_too(self, path: Path) -> None:
        with VerdictStore(path, patience=0.05) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            store.put(*KEY, FOUND)
            store.remember("ana", entry())
            store._connection.execute("PRAGMA journal_mode = DELETE")  # as on a network disk
            other.execute("BEGIN EXCLUSIVE")
            assert store.get(*KEY) is None
            assert store.status()["problem"] == LOCKED
            with pytest.raises(StoreError, match="is locked by another program"):
                store.history("ana")
            other.execute("ROLLBACK")
            assert store.history("ana") == [entry()]
            later(store, BYPASS_SECONDS)
            assert store.get(*KEY) == FOUND

    def test_one_that_is_locked_at_the_start_is_taken_up_when_it_is_free(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.remember("ana", entry("before.jpg"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            store = VerdictStore(path, patience=0.05, opening=0.05)
            sentence = (
                "The store store.sqlite is locked by another program, so verdicts and history are kept in memory until "
                "it is free."
            )
            assert store.status() == {"kept": "memory", "keep_days": 30.0, "problem": sentence}
            with pytest.raises(StoreError, match="is locked by another program"):
                store.history("ana")
            store.put(*KEY, FOUND)
            store.remember("ana", entry("meanwhile.jpg"))
            later(store, BYPASS_SECONDS + 1)
            assert store.get(*KEY) == FOUND  # tried, and still locked
            assert store.status()["kept"] == "memory"
        with store:
            later(store, 3 * BYPASS_SECONDS)
            assert store.status() == {"kept": "disk", "keep_days": 30.0, "problem": None}
            assert {found.name for found in store.history("ana")} == {"before.jpg", "meanwhile.jpg"}
            assert store.get(*KEY) == FOUND


class TestADeletedFile:
    @pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
    def test_it_is_begun_anew_and_said_so(self, path: Path, suffixes: tuple[str, ...]) -> None:
        with VerdictStore(path) as store, VerdictStore(path) as other_worker:
            store.put(*KEY, FOUND)
            store.remember("ana", entry())
            for suffix in suffixes:
                path.with_name(path.name + suffix).unlink()
            sentence = (
                "The store store.sqlite was deleted while UnFake was running, so a new one was begun: earlier verdicts "
                "and history are gone."
            )
            for each in (store, other_worker):
                assert each.status() == {"kept": "disk", "keep_days": 30.0, "problem": sentence}
                assert each.get(*KEY) is None
                with pytest.raises(StoreError, match="was deleted"):
                    each.history("ana")
            store.put(*KEY, FOUND)
            other_worker.remember("ana", entry("new.jpg"))
            for each in (store, other_worker):
                assert each.get(*KEY) == FOUND
                assert [found.name for found in each.history("ana")] == ["new.jpg"]
                later(each, DELETED_SECONDS)
                assert each.history("bob") == []
                assert each.problem is None
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_with_its_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "store.sqlite"
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            shutil.rmtree(path.parent)
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND
            assert path.is_file()
            assert "was deleted" in str(store.problem)

    def test_where_no_other_can_be_begun_it_is_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "store.sqlite"
        with VerdictStore(path) as store:
            shutil.rmtree(path.parent)
            path.parent.write_text("in the way")
            store.put(*KEY, FOUND)
            assert store.get(*KEY) == FOUND
            assert store.status()["kept"] == "memory"
            assert "cannot be opened for writing" in str(store.problem)


class TestTogether:
    def test_threads_share_one_store(self, path: Path) -> None:
        with VerdictStore(path) as store:
            threads = [threading.Thread(target=work, args=(store, number)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check_work(store, range(8))

    @pytest.mark.slow
    def test_processes_that_start_together_share_one_file(self, path: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        start = spawn.Barrier(4)
        problems = spawn.Queue()
        workers = [spawn.Process(target=worker, args=(path, number, start, problems)) for number in range(4)]
        for process in workers:
            process.start()
        assert [problems.get(timeout=60) for _ in workers] == [None] * 4
        for process in workers:
            process.join(60)
            assert process.exitcode == 0
        with VerdictStore(path) as store:
            check_work(store, range(4))
            assert store.problem is None
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    @pytest.mark.slow
    def test_processes_that_find_a_damaged_file_meet_in_the_same_new_one(self, path: Path) -> None:
        path.write_bytes(b"not a database " * 500)
        spawn = multiprocessing.get_context("spawn")
        start = spawn.Barrier(3)
        problems = spawn.Queue()
        workers = [spawn.Process(target=worker, args=(path, number, start, problems)) for number in range(3)]
        for process in workers:
            process.start()
        assert all("is damaged" in problems.get(timeout=60) for _ in workers)
        for process in workers:
            process.join(60)
        with VerdictStore(path) as store:
            check_work(store, range(3))

    @pytest.mark.slow
    def test_a_process_that_is_killed_loses_nothing_that_was_kept(self, path: Path) -> None:
        code = """
            import os, signal, sys
            from pathlib import Path
            from tests.test_store import FOUND, KEY, VerdictStore, entry
            store = VerdictStore(Path(sys.argv[1]))
            store.put(*KEY, FOUND)
            store.remember("ana", entry())
            store._connection.execute("BEGIN IMMEDIATE")
            store._connection.execute("DELETE FROM verdicts")
            os.kill(os.getpid(), signal.SIGKILL)
        """
        command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[1], timeout=60, check=False)
        assert done.returncode == -9
        with VerdictStore(path) as store:
            assert store.get(*KEY) == FOUND
            assert len(store.history("ana")) == 1
            assert store.problem is None

    def test_the_child_of_a_fork_opens_its_own_connection(self, path: Path) -> None:
        with VerdictStore(path) as store:
            store.put(*KEY, FOUND)
            with store._lock:  # as another thread may hold it
                process = multiprocessing.get_context("fork").Process(target=in_child, args=(store, os.getpid()))
                process.start()
                process.join(30)
                process.kill()
            assert process.exitcode == 0
            assert len(store.history("child")) == 1
            assert store.get(*KEY) == FOUND
            assert store.problem is None


class TwiceBusy(sqlite3.Connection):
    refusals = 2

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(*arguments)


def work(store: VerdictStore, number: int) -> None:
    for turn in range(25):
        store.put(f"{number}-{turn}", "net", "cpu", FOUND)
        store.put("shared", "net", "cpu", FOUND)
        store.remember(f"visitor {number}", entry(f"{turn}.jpg"))
        store.remember("everyone", entry(f"{number}-{turn}.jpg"))
        if store.get("shared", "net", "cpu") != FOUND or store.problem:
            raise AssertionError(str(store.problem))


def check_work(store: VerdictStore, numbers: range) -> None:
    assert all(store.get(f"{number}-{turn}", "net", "cpu") == FOUND for number in numbers for turn in range(25))
    for number in numbers:
        assert [found.name for found in store.history(f"visitor {number}")] == [f"{n}.jpg" for n in range(24, -1, -1)]
    names = {found.name for found in store.history("everyone", 1000)}
    assert names == {f"{number}-{turn}.jpg" for number in numbers for turn in range(25)}


def worker(path: Path, number: int, start: threading.Barrier, problems: multiprocessing.Queue[str | None]) -> None:
    start.wait(60)
    with VerdictStore(path, patience=30) as store:
        problem = store.status()["problem"]
        for turn in range(25):
            store.put(f"{number}-{turn}", "net", "cpu", FOUND)
            store.put("shared", "net", "cpu", FOUND)
            store.remember(f"visitor {number}", entry(f"{turn}.jpg"))
            store.remember("everyone", entry(f"{number}-{turn}.jpg"))
            if store.get("shared", "net", "cpu") != FOUND:
                problem = f"lost: {store.problem}"
    problems.put(problem)


def in_child(store: VerdictStore, parent: int) -> None:
    store.remember("child", entry())
    alright = os.getpid() != parent and store.get(*KEY) == FOUND and store.problem is None
    os._exit(0 if alright else 1)


def fill(path: Path) -> None:
    with VerdictStore(path) as store:
        for number in range(200):
            store.put(f"{number:064}", "net", "cpu", FOUND)


def spoil(path: Path) -> None:
    """Overwrite every page of a filled store but the first, which says that it is one."""
    if not path.exists():
        fill(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    later = time.time() + 1
    os.utime(path, (later, later))
