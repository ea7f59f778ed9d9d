"""The store: one connection, what to do when its file is locked, damaged or deleted, and a status that says so."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from unfake.detector.detector import Detection
from unfake.errors import StoreError
from unfake.store.connection import connect, identity, is_damage, is_locked, places
from unfake.store.health import BYPASS_SECONDS, Health
from unfake.store.history import HistoryEntry, HistoryRows
from unfake.store.schema import Unfit
from unfake.store.text import storable
from unfake.store.transaction import transaction
from unfake.store.verdicts import VerdictRows

_log = logging.getLogger(__name__)
_left_open: list[sqlite3.Connection] = []  # connections of the process that this one was forked from
T = TypeVar("T")


class VerdictStore:
    """Verdicts and histories in the SQLite file at ``path``, or in memory when ``path`` is None.

    The store is a convenience and never stands in the way of a verdict:

    * A file that another program has locked is waited for once, for ``patience`` seconds; for a while after that
      verdicts go past it. One that is locked when it is opened is replaced by memory until it is free.
    * A file that is damaged, was written by another version, or is not UnFake's own is left as it is, and a new store
      is begun beside it, under the same name in every worker: ``store.sqlite`` → ``store.v1-1.sqlite``.
    * A file that is deleted while it is in use is begun anew.
    * Where no file can be opened or written, the store lives in memory until the process ends.
    * All of it is logged and stands in `problem`, which the status shows.
    * `get`, `put` and `remember` log what fails and go on. `history` and `forget` raise StoreError: an empty history
      must mean an empty history.

    Safe with several threads, and with several processes on one file; after a fork the child opens its own connection.

    Args:
        path: the file; it and its folder are made when missing, readable by their owner only.
        keep_days: age in days at which a history entry goes: on opening, and on each write.
        verdict_rows: verdicts kept, of about 5 kB each; the ones not asked for the longest go.
        history_rows: entries kept of all visitors together; the oldest go.
        visitor_rows: entries kept of one visitor; the oldest go.
        patience: seconds to wait for another process that has the file locked.
        opening: the same at the start, when several processes may make the file together.

    >>> from unfake.detector.calibration import Label
    >>> from unfake.detector.detector import Verdict
    >>> store = VerdictStore(None)
    >>> store.put("ab" * 32, "net@1", "cpu", Detection(Verdict(Label.LIKELY_REAL, 0.03, "Because."), 4, None))
    >>> found = store.get("ab" * 32, "net@1", "cpu")
    >>> found.verdict.probability if found else None
    0.03
    """

    _health: Health
    _places: Iterator[Path]
    _connection: sqlite3.Connection
    _file: Path | None
    _identity: tuple[int, int] | None
    _locked_out_until: float

    def __init__(
        self,
        path: Path | None,
        *,
        keep_days: float = 30.0,
        verdict_rows: int = 20_000,
        history_rows: int = 100_000,
        visitor_rows: int = 1_000,
        patience: float = 0.25,
        opening: float = 2.0,
    ) -> None:
        self.path = path
        self._history = HistoryRows(keep_days, history_rows, visitor_rows)
        self._verdicts = VerdictRows(verdict_rows)
        self._patience = patience
        self._opening = max(opening, patience)
        self._lock = threading.Lock()
        self._closed = False
        self._open(self._opening)
        _reopen_in_children(self)

    @property
    def keep_days(self) -> float:
        """Days that an entry of the history is kept."""
        return self._history.keep_days

    @keep_days.setter
    def keep_days(self, days: float) -> None:
        self._history.keep_days = days

    @property
    def problem(self) -> StoreError | None:
        """Why this is not the store that was asked for, or why it failed last; None when all is well."""
        return self._health.problem

    def status(self) -> dict[str, Any]:
        """For the status page: ``kept`` on disk or in memory, ``keep_days`` of history, ``problem`` in a sentence.

        The file is looked at, and whether it can be written; a locked one is waited for as in a verdict.
        """

        def try_to_write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                pass

        with suppress(StoreError):
            self._run(try_to_write, writes=True)
        return {
            "kept": "memory" if self._file is None else "disk",
            "keep_days": self.keep_days,
            "problem": str(self.problem) if self.problem else None,
        }

    def get(self, sha256: str, checkpoint_id: str, runtime: str) -> Detection | None:
        """What ``put`` kept under the same three, or None; for ``checkpoint_id`` see `verdict_key`. Never raises."""
        key = (sha256, checkpoint_id, runtime)
        with suppress(StoreError):
            found = self._run(lambda connection: self._verdicts.get(connection, key), writes=False)
            if found is not None:
                with suppress(StoreError):  # a full disk, say: the answer is there all the same
                    self._run(lambda connection: self._verdicts.touch(connection, key), writes=True)
            return found
        return None

    def put(self, sha256: str, checkpoint_id: str, runtime: str, detection: Detection) -> None:
        """Keep a verdict, over one under the same three. Never raises; what fails is logged."""

        def write(connection: sqlite3.Connection) -> None:
            self._verdicts.put(connection, (sha256, checkpoint_id, runtime), detection)
            self._history.purge(connection)

        with suppress(StoreError):
            self._run(write, writes=True)

    def remember(self, visitor: str, entry: HistoryEntry) -> None:
        """Add to a visitor's history; nobody's (an empty ``visitor``) is not kept. Never raises; failures are logged.

        ``visitor``: whoever has this key sees the history, so it must be one that nobody guesses (128 random bits).
        """
        if visitor:
            with suppress(StoreError):
                self._run(lambda connection: self._history.add(connection, visitor, entry), writes=True)

    def history(self, visitor: str, limit: int = 100) -> list[HistoryEntry]:
        """The visitor's own entries, newest first, at most ``limit``.

        Raises StoreError when they cannot be read, and when there are none because the store could not be written or
        was deleted.
        """
        if not visitor:
            return []
        found = self._run(lambda connection: self._history.of(connection, visitor, limit), writes=False, insist=True)
        missing = self._health.missing or (self._health.notice if self._locked_out_until else None)
        if not found and missing:
            raise StoreError(str(missing))
        return found

    def forget(self, visitor: str) -> None:
        """Delete the visitor's history, on the disk too; raises StoreError when that failed.

        The verdicts stay: nothing in them says who asked.
        """
        if visitor:
            self._run(lambda connection: self._history.erase(connection, visitor), writes=True, insist=True)

    def close(self) -> None:
        """Close the file. Afterwards nothing is found or kept, and history and forget raise StoreError."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Callable[[sqlite3.Connection], T], *, writes: bool, insist: bool = False) -> T:
        """The answer of ``work``, on another file if this one proves damaged or deleted; raises StoreError.

        ``insist``: also where the store was found locked a moment ago.
        """
        with self._lock:
            self._follow()
            bypassed = None if insist else self._health.bypassed(writes)
            if bypassed:
                raise StoreError(str(bypassed))
            try:
                try:
                    answer = work(self._connection)
                except sqlite3.DatabaseError as error:
                    if not is_damage(error) or self._file is None:
                        raise
                    self._leave(self._file)
                    answer = work(self._connection)
            except sqlite3.Error as error:
                failure = self._health.failed(error, self._file, writes)
                _log.warning("%s %s: %s", failure, self._file or "in memory", error)
                raise failure from error
            self._health.worked(writes)
            return answer

    def _follow(self) -> None:
        """Begin anew where the file was deleted; go back to the one asked for where it was locked on opening."""
        if self._closed:
            return
        if self._file and identity(self._file) != self._identity:
            _log.warning("%s", self._health.gone(self._file))
            self._connection.close()
            self._places = places(self.path)
            self._health.notice = None
            self._advance(self._patience)
        elif self._locked_out_until and self._health.clock() > self._locked_out_until:
            self._come_back()

    def _come_back(self) -> None:
        """Open the file that was locked, and take along what was kept in memory meanwhile."""
        before = self._connection
        self._places = places(self.path)
        self._health.notice = None
        self._advance(self._patience)
        if self._file:
            with suppress(sqlite3.Error), transaction(self._connection):
                for table, columns in (("verdicts", 5), ("history", 9)):
                    values = ", ".join("?" * columns)
                    self._connection.executemany(
                        f"INSERT OR REPLACE INTO {table} VALUES ({values})",  # noqa: S608
                        before.execute(f"SELECT * FROM {table}"),  # noqa: S608
                    )
            before.close()
        else:
            self._connection.close()
            self._connection = before

    def _open(self, patience: float) -> None:
        self._health = Health()
        self._places = places(self.path)
        self._advance(patience)

    def _leave(self, damaged: Path) -> None:
        self._connection.close()
        self._warn(damaged, Unfit.DAMAGED)
        self._advance(self._patience)

    def _advance(self, patience: float) -> None:
        """Open the first of the remaining places that can be used, else a store in memory."""
        self._locked_out_until = 0.0
        self._connection, self._file = self._next(patience)
        self._identity = identity(self._file) if self._file else None
        with suppress(sqlite3.Error):
            self._history.purge(self._connection)

    def _next(self, patience: float) -> tuple[sqlite3.Connection, Path | None]:
        for place in self._places:
            try:
                connection = connect(place, patience)
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._patience)}")
                return connection, place
            except Unfit as error:
                self._warn(place, str(error))
            except (sqlite3.Error, OSError) as error:
                _log.warning("%s: %s", place, error)
                if is_locked(error):
                    self._locked_out_until = self._health.clock() + BYPASS_SECONDS
                break
        if self.path:
            name = storable(self.path.name)
            self._health.notice = StoreError(
                f"The store {name} is locked by another program, so verdicts and history are kept in memory until it "
                "is free."
                if self._locked_out_until
                else f"The store {name} cannot be opened for writing, so verdicts and history are kept in memory and "
                "end with this process."
            )
            _log.warning("%s", self._health.notice)
        return connect(None, self._patience), None

    def _warn(self, place: Path, reason: str) -> None:
        self._health.notice = StoreError(
            f"The file {storable(place.name)} {reason}; it is left as it is, and another store is used beside it."
        )
        _log.warning("%s %s", self._health.notice, place)

    def _after_fork(self) -> None:
        # SQLite, "How To Corrupt An SQLite Database File", 2.6: a connection must not be used, nor even closed, on the
        # other side of a fork. The lock may have been held by a thread that does not exist here.
        _left_open.append(self._connection)
        self._lock = threading.Lock()
        if not self._closed:
            self._open(self._opening)


def _reopen_in_children(store: VerdictStore) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.ref(store)

    def reopen() -> None:
        kept = reference()
        if kept is not None:
            kept._after_fork()

    os.register_at_fork(after_in_child=reopen)
