"""All that is known about each picture, in one SQLite file: it grows with the corpus, the memory does not.

``facts`` hold what was found in a picture's bytes. They stay from build to build, and count for a picture as long as
its file's size and time (or, where a source streams it, its sha256) stay the same. ``listing`` is what the sources list
now, in the order of the configuration, and ``fate`` what becomes of it; both are made anew in each build, which takes
seconds. ``shards`` are the files that are finished.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from train.corpus.dedupe.hashes import small_hash
from train.corpus.scan import Facts
from train.corpus.source import LabelName, Picture
from train.errors import CorpusError, SourceError

LABELS: tuple[LabelName, LabelName] = ("real", "fake")
FACTS = "listing l JOIN facts f ON f.source = l.source AND f.key = l.key"  # what most queries are about
_VERSION = 1  # of the tables and of what is in them: another one empties the file
_PAGE = 1000  # rows read at a time, so that rows may be written in between
_SCHEMA = """
CREATE TABLE facts (
    source TEXT, key TEXT, size INTEGER, mtime INTEGER, sha256 BLOB, coarse BLOB, fine BLOB, flat INTEGER,
    width INTEGER, height INTEGER, format TEXT, bytes INTEGER, quality INTEGER, exif INTEGER, problem TEXT,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE TABLE listing (
    position INTEGER PRIMARY KEY, source TEXT, key TEXT, path BLOB, size INTEGER, mtime INTEGER,
    label INTEGER, grp TEXT, grp_hash INTEGER, category TEXT, credit TEXT, licence TEXT, UNIQUE (source, key)
);
CREATE TABLE fate (
    position INTEGER PRIMARY KEY, reason INTEGER, twin INTEGER, tied INTEGER, split INTEGER, shard INTEGER
);
CREATE TABLE shards (file TEXT PRIMARY KEY, size INTEGER);
"""


class Index:
    """The index at ``path``, made if there is none; a context manager. One process at a time holds it.

    All that it does raises CorpusError where another process holds it or it is damaged, and OSError (ENOSPC) where
    the disk is full.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            with self._explained():
                self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
                self.db.execute("PRAGMA journal_mode = WAL")
                self.db.execute(
                    "PRAGMA synchronous = NORMAL"
                )  # safe from a kill; a power cut may cost the last batches
                self.db.execute("BEGIN EXCLUSIVE")
                if self.db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                    self._empty()
                self.db.execute("COMMIT")
        except BaseException:
            self.db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def _empty(self) -> None:
        for (table,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            self.db.execute(f'DROP TABLE "{table}"')
        for statement in _SCHEMA.split(";\n"):
            self.db.execute(statement)
        self.db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from None
            if code == sqlite3.SQLITE_BUSY:
                folder = self.path.parent.parent
                raise CorpusError(f"another process is at work in {folder}: wait until it has ended") from None
            raise CorpusError(
                f"{self.path} cannot be used ({error}): delete it and build again, what the sources brought stays"
            ) from None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all of the block, or nothing."""
        with self._explained():
            self.db.execute("BEGIN")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The answer to a query that reads; nothing may be written until all of it has been taken."""
        with self._explained():
            yield from self.db.execute(query, values)

    def pages(self, columns: str, of: str, where: str) -> Iterator[tuple[Any, ...]]:
        """As `rows`, in the order of ``l.position``, the first column; in between anything may be written."""
        last = -1
        query = f"SELECT {columns} FROM {of} WHERE ({where}) AND l.position > ? ORDER BY l.position LIMIT {_PAGE}"  # noqa: S608 - no input of others
        while True:
            page = list(self.rows(query, last))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    # The listing

    def clear_listing(self) -> None:
        """Forget what the sources listed, and what became of it."""
        with self.writing():
            self.db.execute("DELETE FROM listing")
            self.db.execute("DELETE FROM fate")

    def list_pictures(self, pictures: Sequence[tuple[int, Picture, int, int]]) -> None:
        """Add pictures of one source with their position, size in bytes and time in ns.

        Raises SourceError where the source gives one key twice.
        """
        source = pictures[0][1].source if pictures else ""
        try:
            with self.writing():
                self.db.executemany(
                    "INSERT INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        (
                            *(position, picture.source, picture.key),
                            os.fsencode(picture.content) if isinstance(picture.content, Path) else None,
                            *(size, mtime, LABELS.index(picture.label), picture.group, small_hash(picture.group)),
                            *(picture.category, picture.credit, picture.licence),
                        )
                        for position, picture, size, mtime in pictures
                    ),
                )
        except sqlite3.IntegrityError:
            raise SourceError(f'two pictures of the source "{source}" have one and the same key') from None

    # Facts

    _UNKNOWN = (
        "listing l LEFT JOIN facts f ON f.source = l.source AND f.key = l.key",
        # What could not be read at all is tried again in each build.
        "l.path IS NOT NULL AND (f.key IS NULL OR f.size != l.size OR f.mtime != l.mtime OR f.sha256 = x'')",
    )

    def unknown(self) -> Iterator[tuple[int, Path]]:
        """Position and path of the files that have no facts, or facts from before they changed."""
        for position, path in self.pages("l.position, l.path", *self._UNKNOWN):
            yield position, Path(os.fsdecode(path))

    def count_unknown(self) -> int:
        """How many pictures `unknown` gives."""
        of, where = self._UNKNOWN
        return int(next(self.rows(f"SELECT count(*) FROM {of} WHERE {where}"))[0])  # noqa: S608

    def knows(self, source: str, key: str, digest: bytes) -> bool:
        """Whether there are facts of a streamed picture with these bytes."""
        found = list(self.rows("SELECT sha256 FROM facts WHERE source = ? AND key = ?", source, key))
        return found == [(digest,)]

    def learn(self, found: Iterable[tuple[int, Facts]]) -> None:
        """Keep the facts of listed pictures, given by position."""
        with self.writing():
            for position, facts in found:
                header = facts.header
                self.db.execute(
                    "INSERT OR REPLACE INTO facts SELECT source, key, size, mtime, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
                    " FROM listing WHERE position = ?",
                    (
                        *(facts.sha256, facts.coarse, facts.fine, facts.flat),
                        *((header.width, header.height, header.format, header.size) if header else (None,) * 4),
                        *((header.jpeg_quality, header.exif) if header else (None, None)),
                        *(facts.problem, position),
                    ),
                )

    # Shards

    def finished(self) -> dict[str, int]:
        """The bytes of each shard that has been written, by file."""
        return dict(self.rows("SELECT file, size FROM shards"))

    def finish(self, file: str, size: int) -> None:
        """Note that a shard stands in its place."""
        with self.writing():
            self.db.execute("INSERT OR REPLACE INTO shards VALUES (?, ?)", (file, size))
