"""What a source means to bring or make, picture by picture, and what became of it: one SQLite file.

A run that was killed leaves it whole: SQLite takes back a transaction that did not end. One process at a time holds it.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from train.errors import SourceError

# done: the file is there. left_out: it never will be (gone, black). failed: to be tried again in another run.
Status = Literal["waiting", "done", "left_out", "failed"]

MOST_ATTEMPTS = 3  # runs in which one picture may fail before nobody asks for it any more
_PAGE = 500  # rows read at a time, so that the rows read may be written to in between
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, plan TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '{}'
);
"""


@dataclass(frozen=True)
class Item:
    """One picture: ``plan`` says what it is to be, ``outcome`` what became of it, ``attempts`` how often it failed."""

    key: str
    plan: dict[str, Any]
    status: Status
    attempts: int
    outcome: dict[str, Any]


class Journal:
    """The journal at ``path``, made if there is none; a context manager.

    Raises:
        SourceError: another process holds it, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._db = path, _open(path)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _failed(path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @property
    def mark(self) -> str:
        """What `plan` was last called with."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'mark'").fetchone()
        return str(row[0]) if row else ""

    def plan(self, mark: str, items: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Put ``items`` (key and plan, each key once) in the place of those of before.

        What became of an item stays where key and plan are what they were. ``mark`` tells what the plan was made from.
        """
        with self._writing():
            self._db.execute("DROP TABLE IF EXISTS earlier")
            self._db.execute("CREATE TABLE earlier AS SELECT * FROM items")
            self._db.execute("CREATE UNIQUE INDEX earlier_keys ON earlier (key)")
            self._db.execute("DELETE FROM items")
            rows = ((key, json.dumps(plan, sort_keys=True)) for key, plan in items)
            self._db.executemany("INSERT INTO items (key, plan) VALUES (?, ?)", rows)
            self._db.execute(
                "UPDATE items SET status = earlier.status, attempts = earlier.attempts, outcome = earlier.outcome"
                " FROM earlier WHERE earlier.key = items.key AND earlier.plan = items.plan"
            )
            self._db.execute("DROP TABLE earlier")
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('mark', ?)", (mark,))

    def items(self, status: Status | None = None) -> Iterator[Item]:
        """All items, or those of one status, in the order of the plan."""
        return _items(self._db, status)

    def to_do(self) -> Iterator[Item]:
        """What is waiting, then what failed in fewer than `MOST_ATTEMPTS` earlier runs: each once."""
        again = self._db.execute(
            "SELECT position FROM items WHERE status = 'failed' AND attempts < ? ORDER BY attempts, position",
            (MOST_ATTEMPTS,),
        ).fetchall()
        yield from self.items("waiting")
        for position in again:
            row = self._db.execute(
                "SELECT position, key, plan, status, attempts, outcome FROM items WHERE position = ?", position
            )
            yield _item(row.fetchone())

    def settle(self, key: str, status: Status, **outcome: Any) -> None:
        """Note what became of an item."""
        with self._writing():
            self._db.execute(
                "UPDATE items SET status = ?, outcome = ?, attempts = attempts + (? = 'failed') WHERE key = ?",
                (status, json.dumps(outcome, sort_keys=True), status, key),
            )

    def counts(self) -> dict[str, int]:
        """How many items there are of each status."""
        return dict(self._db.execute("SELECT status, count(*) FROM items GROUP BY status"))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction: all of the block, or nothing."""
        with full_disk_as_such(self._path):
            try:
                self._db.execute("BEGIN")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


@contextmanager
def full_disk_as_such(path: Path) -> Iterator[None]:
    """Turn what SQLite raises on a full disk into the OSError that everything else raises there."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None


def read(path: Path, status: Status | None = None) -> Iterator[Item]:
    """The items of a journal that nobody else writes to; raises SourceError if there is none."""
    if not path.is_file():
        raise SourceError(f"{path} is not there: the pictures of this source have not been prepared")
    try:
        with closing(_open(path)) as db:
            yield from _items(db, status)
    except sqlite3.DatabaseError as error:
        raise _failed(path, error) from None


def _items(db: sqlite3.Connection, status: Status | None) -> Iterator[Item]:
    last = -1
    while True:
        rows = db.execute(
            "SELECT position, key, plan, status, attempts, outcome FROM items"
            " WHERE position > ? AND (? IS NULL OR status = ?) ORDER BY position LIMIT ?",
            (last, status, status, _PAGE),
        ).fetchall()
        yield from map(_item, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


def _item(row: tuple[int, str, str, Status, int, str]) -> Item:
    _, key, plan, status, attempts, outcome = row
    return Item(key, json.loads(plan), status, attempts, json.loads(outcome))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=1.0, isolation_level=None)


def _failed(path: Path, error: sqlite3.DatabaseError) -> SourceError:
    if "locked" in str(error):
        return SourceError(f"another run is at work in {path.parent}: wait until it has ended")
    return SourceError(f"{path} cannot be read ({error}): move it away and run the same command again")
