"""Verdicts by picture, and what each visitor has checked: one SQLite file, shared by all workers.

What is kept: a verdict under the sha256 of the picture, with no pixels, no file name and no address; and the history
of a visitor, which has the name that they gave, under a sha256 of their key, for a number of days.

The store is a convenience and never stands in the way of a verdict:

* A file that is damaged, was written by another version, or is not UnFake's own is left as it is, and a new store is
  begun beside it, under the same name in every worker: ``store.sqlite`` → ``store.v1-1.sqlite``.
* Where no file can be opened or written, the store lives in memory until the process ends.
* Both are logged and stand in `VerdictStore.problem`, which the status shows, until someone mends it.
* `VerdictStore.get`, `VerdictStore.put` and `VerdictStore.remember` log what fails later and go on.
  `VerdictStore.history` and `VerdictStore.forget` raise StoreError: an empty history must mean an empty history.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from unfake.detector.calibration import Label
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.detector import Detection, Verdict
from unfake.errors import StoreError
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.report import Report

Action = Literal["classified", "downloaded"]

SCHEMA = 1
"""Version of the tables, kept as SQLite's ``user_version``."""

PIPELINE = 3
"""Raise it when the way from a picture to its verdict changes in this code: older verdicts are then made anew."""

LONGEST_NAME = 500
"""Characters of a name in the history; the rest is cut off."""

_APPLICATION = 0x556E466B  # "UnFk" as SQLite's application_id: whose file this is
_LONGEST_DETECTION = 2**16  # characters of JSON; a heat map beyond (a strip of a panorama) is cheaper made anew
_SPARE_FILES = 3  # stores begun beside one that cannot be used
_RETRY_SECONDS = 0.01
_TABLES = (
    """CREATE TABLE verdicts (
        sha256 TEXT NOT NULL, checkpoint TEXT NOT NULL, runtime TEXT NOT NULL,
        detection TEXT NOT NULL, used INTEGER NOT NULL,
        PRIMARY KEY (sha256, checkpoint, runtime))""",
    "CREATE INDEX verdicts_by_use ON verdicts (used)",
    """CREATE TABLE history (
        visitor TEXT NOT NULL, at INTEGER NOT NULL, moment TEXT NOT NULL, sha256 TEXT NOT NULL, name TEXT NOT NULL,
        label TEXT NOT NULL, probability REAL, checkpoint TEXT NOT NULL, action TEXT NOT NULL)""",
    "CREATE INDEX history_by_visitor ON history (visitor, at)",
    "CREATE INDEX history_by_time ON history (at)",
)

# OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection: a cell that begins with = + - @ (also
# full-width), tab, CR or LF may run as a formula, and so may what follows a separator inside a cell, because the
# spreadsheet may separate by another character than the file. NUL: OWASP ASVS 5.0, 1.2.10.
_FORMULA = re.compile("(?:^|[;,\t\r\n])(?=[\\s\0]*[=+\\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n\0])")
_COLUMNS = ("when_utc", "name", "label", "probability_of_fake", "action", "checkpoint", "sha256")

_log = logging.getLogger(__name__)
_left_open: list[sqlite3.Connection] = []  # connections of the process that this one was forked from
T = TypeVar("T")


@dataclass(frozen=True)
class HistoryEntry:
    """One thing a visitor did.

    ``when``: UTC, ISO 8601. ``sha256``: of the picture's bytes. ``name``: file name, photo id or address as the visitor
    gave it. ``probability``: of fake, in [0, 1], or None when not applicable. ``checkpoint``: id of the one that spoke.
    """

    when: str
    sha256: str
    name: str
    label: Label
    probability: float | None
    checkpoint: str
    action: Action

    def __post_init__(self) -> None:
        """Raise ValueError when ``when`` is no ISO 8601 time in UTC."""
        if datetime.fromisoformat(self.when).utcoffset() != timedelta(0):
            raise ValueError(f"{self.when!r} is not in UTC")

    @classmethod
    def of(cls, report: Report, action: Action, when: datetime | None = None) -> HistoryEntry:
        """The entry for a report; ``when`` is an aware datetime, by default now."""
        moment = (when or datetime.now(UTC)).astimezone(UTC)
        return cls(
            when=moment.isoformat(timespec="seconds"),
            sha256=report.picture.sha256,
            name=report.picture.source_name,
            label=report.label,
            probability=report.probability,
            checkpoint=report.checkpoint,
            action=action,
        )


class VerdictStore:
    """Verdicts and histories in the SQLite file at ``path``, or in memory when ``path`` is None.

    Safe with several threads, and with several processes on one file; after a fork the child opens its own connection.

    Args:
        path: the file; it and its folder are made when missing, readable by their owner only.
        keep_days: age in days at which a history entry goes: on opening, and on each write.
        verdict_rows: verdicts kept, of about 5 kB each; the ones not asked for the longest go.
        history_rows: entries kept of all visitors together; the oldest go.
        visitor_rows: entries kept of one visitor; the oldest go.
        patience: seconds to wait for another process that writes.

    >>> store = VerdictStore(None)
    >>> store.put("ab" * 32, "net@1", "cpu", Detection(Verdict(Label.LIKELY_REAL, 0.03, "Because."), 4, None))
    >>> found = store.get("ab" * 32, "net@1", "cpu")
    >>> found.verdict.probability if found else None
    0.03
    """

    def __init__(
        self,
        path: Path | None,
        *,
        keep_days: float = 30.0,
        verdict_rows: int = 20_000,
        history_rows: int = 100_000,
        visitor_rows: int = 1_000,
        patience: float = 5.0,
    ) -> None:
        self.path = path
        self.keep_days = keep_days
        self._verdict_rows = verdict_rows
        self._history_rows = history_rows
        self._visitor_rows = visitor_rows
        self._patience = patience
        self._lock = threading.Lock()
        self._notice: StoreError | None = None
        self._failure: StoreError | None = None
        self._open()
        _reopen_in_children(self)

    @property
    def problem(self) -> StoreError | None:
        """Why this is not the store that was asked for, or why it failed last; None when all is well."""
        return self._notice or self._failure

    def status(self) -> dict[str, Any]:
        """For the status page: ``kept`` on disk or in memory, ``keep_days`` of history, ``problem`` in a sentence."""
        return {
            "kept": "memory" if self._file is None else "disk",
            "keep_days": self.keep_days,
            "problem": str(self.problem) if self.problem else None,
        }

    def get(self, sha256: str, checkpoint_id: str, runtime: str) -> Detection | None:
        """What ``put`` kept under the same three, or None; for ``checkpoint_id`` see `verdict_key`. Never raises."""
        key = (sha256, checkpoint_id, runtime)

        def read(connection: sqlite3.Connection) -> Detection | None:
            where = "WHERE (sha256, checkpoint, runtime) = (?, ?, ?)"
            row = connection.execute(f"SELECT detection FROM verdicts {where}", key).fetchone()  # noqa: S608
            if row is None:
                return None
            with suppress(sqlite3.OperationalError):  # a full disk, say: the answer is there all the same
                connection.execute(f"UPDATE verdicts SET used = ? {where}", (time.time_ns(), *key))  # noqa: S608
            return _parse(row[0])

        with suppress(StoreError):
            return self._run(read)
        return None

    def put(self, sha256: str, checkpoint_id: str, runtime: str, detection: Detection) -> None:
        """Keep a verdict, over one under the same three. Never raises; what fails is logged."""
        text = _write(detection)
        if len(text) > _LONGEST_DETECTION:
            return

        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute(
                    "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
                    (sha256, checkpoint_id, runtime, text, time.time_ns()),
                )
                connection.execute(
                    "DELETE FROM verdicts WHERE rowid IN "
                    "(SELECT rowid FROM verdicts ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)",
                    (self._verdict_rows,),
                )
                self._purge(connection)

        with suppress(StoreError):
            self._run(write)

    def remember(self, visitor: str, entry: HistoryEntry) -> None:
        """Add to a visitor's history; nobody's (an empty ``visitor``) is not kept. Never raises; failures are logged.

        ``visitor``: whoever has this key sees the history, so it must be one that nobody guesses (128 random bits).
        """
        if not visitor:
            return
        who = _hidden(visitor)
        row = (
            who,
            _microseconds(datetime.fromisoformat(entry.when)),
            entry.when,
            entry.sha256,
            _storable(entry.name)[:LONGEST_NAME],
            entry.label.value,
            entry.probability,
            entry.checkpoint,
            entry.action,
        )

        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                connection.execute(
                    "DELETE FROM history WHERE rowid IN "
                    "(SELECT rowid FROM history WHERE visitor = ? ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?)",
                    (who, self._visitor_rows),
                )
                connection.execute(
                    "DELETE FROM history WHERE rowid IN "
                    "(SELECT rowid FROM history ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?)",
                    (self._history_rows,),
                )
                self._purge(connection)

        with suppress(StoreError):
            self._run(write)

    def history(self, visitor: str, limit: int = 100) -> list[HistoryEntry]:
        """The visitor's own entries, newest first, at most ``limit``; raises StoreError when they cannot be read."""

        def read(connection: sqlite3.Connection) -> list[HistoryEntry]:
            rows = connection.execute(
                "SELECT moment, sha256, name, label, probability, checkpoint, action FROM history "
                "WHERE visitor = ? AND at >= ? ORDER BY at DESC, rowid DESC LIMIT ?",
                (_hidden(visitor), self._oldest(), max(0, limit)),
            )
            return [
                HistoryEntry(when, sha256, name, Label(label), probability, checkpoint, action)
                for when, sha256, name, label, probability, checkpoint, action in rows
            ]

        return self._run(read) if visitor else []

    def forget(self, visitor: str) -> None:
        """Delete the visitor's history, on the disk too; raises StoreError when that failed.

        The verdicts stay: nothing in them says who asked.
        """

        def erase(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM history WHERE visitor = ?", (_hidden(visitor),))
            with suppress(sqlite3.Error):  # the rows are gone; this wipes them out of the write-ahead log as well
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        if visitor:
            self._run(erase)

    def close(self) -> None:
        """Close the file. Afterwards nothing is found or kept, and history and forget raise StoreError."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of ``work``, on another file if this one proves damaged; raises StoreError."""
        with self._lock:
            try:
                try:
                    answer = work(self._connection)
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error) or self._file is None:
                        raise
                    self._leave(self._file)
                    answer = work(self._connection)
            except sqlite3.Error as error:
                why = getattr(error, "sqlite_errorname", type(error).__name__)
                self._failure = StoreError(f"The store of verdicts and history did not answer ({why}).")
                _log.warning("%s %s: %s", self._failure, self._file or "in memory", error)
                raise self._failure from error
            self._failure = None
            return answer

    def _open(self) -> None:
        self._notice = self._failure = None
        self._places = _places(self.path)
        self._advance()

    def _leave(self, damaged: Path) -> None:
        self._connection.close()
        self._warn(damaged, _Unfit.DAMAGED)
        self._advance()

    def _advance(self) -> None:
        """Open the first of the remaining places that can be used, else a store in memory."""
        self._connection, self._file = self._next()
        with suppress(sqlite3.Error):
            self._purge(self._connection)

    def _next(self) -> tuple[sqlite3.Connection, Path | None]:
        for place in self._places:
            try:
                return _connect(place, self._patience), place
            except _Unfit as error:
                self._warn(place, str(error))
            except (sqlite3.Error, OSError) as error:
                _log.warning("%s: %s", place, error)
                break
        if self.path:
            self._notice = StoreError(
                f"The store {_storable(self.path.name)} cannot be opened for writing, so verdicts and history are kept "
                "in memory and end with this process."
            )
            _log.warning("%s", self._notice)
        return _connect(None, self._patience), None

    def _warn(self, place: Path, reason: str) -> None:
        self._notice = StoreError(
            f"The file {_storable(place.name)} {reason}; it is left as it is, and another store is used beside it."
        )
        _log.warning("%s %s", self._notice, place)

    def _oldest(self) -> int:
        return _microseconds(datetime.now(UTC) - timedelta(days=self.keep_days))

    def _purge(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM history WHERE at < ?", (self._oldest(),))

    def _after_fork(self) -> None:
        # SQLite, "How To Corrupt An SQLite Database File", 2.6: a connection must not be used, nor even closed, on the
        # other side of a fork. The lock may have been held by a thread that does not exist here.
        _left_open.append(self._connection)
        self._lock = threading.Lock()
        self._open()


def verdict_key(checkpoint: Checkpoint) -> str:
    """What to keep verdicts of a checkpoint under: its id, and a digest of its configuration.

    The id names the weights only; other thresholds, calibration or views on the same weights give another verdict.
    """
    config = json.dumps(checkpoint.config.to_json(), sort_keys=True)
    return f"{checkpoint.id}+{hashlib.sha256(config.encode()).hexdigest()[:12]}"


def history_csv(entries: list[HistoryEntry]) -> str:
    """A history as CSV (RFC 4180, with a header), every cell quoted and no cell a formula to a spreadsheet.

    Source of the rule: OWASP, CSV Injection. Save it as ``utf-8-sig`` for Excel to read the names right.

    >>> entry = HistoryEntry("2026-03-01T10:00:00+00:00", "ab", "=1+1", Label.LIKELY_REAL, 0.5, "net@1", "classified")
    >>> history_csv([entry]).splitlines()[1]
    '"2026-03-01T10:00:00+00:00","\\'=1+1","likely_real","0.5000","classified","net@1","ab"'
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for entry in entries:
        probability = "" if entry.probability is None else f"{entry.probability:.4f}"
        cells = (entry.when, entry.name, entry.label, probability, entry.action, entry.checkpoint, entry.sha256)
        writer.writerow(map(spreadsheet_cell, cells))
    return file.getvalue()


def spreadsheet_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula, and that UTF-8 can hold."""
    return _FORMULA.sub(lambda found: found.group() + "'", _storable(text))


class _Unfit(Exception):
    """A file that must not be used as the store, and is not to be changed either."""

    DAMAGED = "is damaged or is not a store of UnFake"
    OTHER = "was written by another version of UnFake"


def _places(path: Path | None) -> Iterator[Path]:
    """The file asked for, then the ones beside it: the same in every process, so that workers meet again."""
    if path:
        yield path
        for number in range(1, _SPARE_FILES + 1):
            yield path.with_name(f"{path.stem}.v{SCHEMA}-{number}{path.suffix}")


def _connect(file: Path | None, patience: float) -> sqlite3.Connection:
    """A connection with the tables in place; raises _Unfit, sqlite3.Error, OSError."""
    if file and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # SQLite gives the files that it puts beside this one the same mode
    connection = sqlite3.connect(file or ":memory:", timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        _adopt(connection)
        _log_ahead(connection, time.monotonic() + patience)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_damage(error):
            raise _Unfit(_Unfit.DAMAGED) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _adopt(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; raise _Unfit for one that is not empty and not ours."""
    connection.execute("PRAGMA secure_delete = ON")  # what a visitor deletes is overwritten
    connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a power cut loses the last writes, never the file
    with _transaction(connection):
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if tables == 0 and application == 0 and version == 0:
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
            return
    if application != _APPLICATION:
        raise _Unfit(_Unfit.DAMAGED)
    if version != SCHEMA:
        raise _Unfit(_Unfit.OTHER)
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise _Unfit(_Unfit.DAMAGED)


def _log_ahead(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to write-ahead logging, in which readers and a writer do not wait for each other.

    SQLite does not wait for others in this one switch, so it is tried until ``deadline``. Where it cannot be had (some
    network disks, memory) SQLite keeps its old journal, which is as safe.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with the write lock from the start, so that waiting for it never ends in a deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _reopen_in_children(store: VerdictStore) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.ref(store)

    def reopen() -> None:
        kept = reference()
        if kept is not None:
            kept._after_fork()

    os.register_at_fork(after_in_child=reopen)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors of Python's module."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _hidden(visitor: str) -> str:
    """The key as it is stored. Nothing is gained by a salt: the key has to be unguessable anyway."""
    return hashlib.sha256(b"unfake visitor\0" + visitor.encode(errors="surrogatepass")).hexdigest()


def _storable(text: str) -> str:
    """Text that UTF-8 can hold: names of files may have bytes that are none (lone surrogates)."""
    return text.encode(errors="replace").decode()


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _write(detection: Detection) -> str:
    verdict, heatmap = detection.verdict, detection.heatmap
    data = {
        "pipeline": PIPELINE,
        "label": verdict.label.value,
        "probability": verdict.probability,
        "reason": verdict.reason,
        "views": detection.views,
        "heatmap": heatmap.to_json() if heatmap else None,
        "regions": [[region.box, region.probability] for region in detection.regions],
    }
    return json.dumps(data, separators=(",", ":"))


def _parse(text: str) -> Detection | None:
    """The detection, or None for one of another pipeline or that cannot be understood: it is made anew then."""
    try:
        data = json.loads(text)
        if data["pipeline"] != PIPELINE:
            return None
        found = data["heatmap"]
        heatmap = found and Heatmap(found["rows"], found["columns"], tuple(tuple(row) for row in found["values"]))
        verdict = Verdict(Label(data["label"]), data["probability"], data["reason"])
        regions = tuple(Region(tuple(box), probability) for box, probability in data["regions"])
        return Detection(verdict, data["views"], heatmap, regions)
    except (ValueError, KeyError, TypeError):
        return None
