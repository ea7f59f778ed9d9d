"""From a path to an SQLite connection that can be used, and what SQLite's errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from unfake.store.schema import SCHEMA, Unfit, adopt

_SPARE_FILES = 3  # stores begun beside one that cannot be used
_RETRY_SECONDS = 0.01


def places(path: Path | None) -> Iterator[Path]:
    """The file asked for, then the ones beside it: the same in every process, so that workers meet again.

    >>> [place.name for place in places(Path("store.sqlite"))][:2]
    ['store.sqlite', 'store.v1-1.sqlite']
    """
    if path:
        yield path
        for number in range(1, _SPARE_FILES + 1):
            yield path.with_name(f"{path.stem}.v{SCHEMA}-{number}{path.suffix}")


def connect(file: Path | None, patience: float) -> sqlite3.Connection:
    """A connection with the tables in place, to memory without a file; raises Unfit, sqlite3.Error, OSError.

    ``patience``: seconds to wait for another process that has the file locked, now and whenever it is used.
    """
    if file and not file.exists():
        _create(file)
    connection = sqlite3.connect(file or ":memory:", timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        adopt(connection)
        log_ahead(connection, time.monotonic() + patience)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise Unfit(Unfit.DAMAGED) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.touch(mode=0o600, exist_ok=False)  # SQLite gives the files that it puts beside this one the same mode
    except FileExistsError:  # by another process, a moment ago
        return
    # What lies beside it belongs to a store of that name that was deleted ("How To Corrupt An SQLite Database File",
    # 1.4: a write-ahead log must never meet another database).
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def log_ahead(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to write-ahead logging, in which readers and a writer do not wait for each other.

    SQLite does not wait for others in this one switch, so it is tried until ``deadline``. Where it cannot be had (some
    network disks, memory) SQLite keeps its old journal, which is as safe.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def identity(file: Path) -> tuple[int, int] | None:
    """Device and inode, by which a file is known; None where there is none that can be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_damage(error: BaseException) -> bool:
    """Whether SQLite found the file to be none of its own, or broken."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_locked(error: BaseException) -> bool:
    """Whether SQLite waited for another connection in vain."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 for errors of Python's module."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
