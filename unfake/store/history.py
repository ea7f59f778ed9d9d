"""What visitors checked and downloaded: one row a thing, under a digest of the visitor's key."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from unfake.detector.calibration import Label
from unfake.report import Report
from unfake.store.text import storable
from unfake.store.transaction import transaction

Action = Literal["classified", "downloaded"]

LONGEST_NAME = 500
"""Characters of a name in the history; the rest is cut off."""


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


@dataclass
class HistoryRows:
    """The table ``history``: ``keep_days`` at most, ``rows`` of all visitors together and ``visitor_rows`` of one.

    Every method raises sqlite3.Error.
    """

    keep_days: float
    rows: int
    visitor_rows: int

    def add(self, connection: sqlite3.Connection, visitor: str, entry: HistoryEntry) -> None:
        """Add one; the oldest go where there are too many."""
        who = _hidden(visitor)
        row = (
            who,
            _microseconds(datetime.fromisoformat(entry.when)),
            entry.when,
            entry.sha256,
            storable(entry.name)[:LONGEST_NAME],
            entry.label.value,
            entry.probability,
            entry.checkpoint,
            entry.action,
        )
        with transaction(connection):
            connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute(
                "DELETE FROM history WHERE rowid IN "
                "(SELECT rowid FROM history WHERE visitor = ? ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (who, self.visitor_rows),
            )
            connection.execute(
                "DELETE FROM history WHERE rowid IN "
                "(SELECT rowid FROM history ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (self.rows,),
            )
            self.purge(connection)

    def of(self, connection: sqlite3.Connection, visitor: str, limit: int) -> list[HistoryEntry]:
        """A visitor's own, newest first, at most ``limit``."""
        rows = connection.execute(
            "SELECT moment, sha256, name, label, probability, checkpoint, action FROM history "
            "WHERE visitor = ? AND at >= ? ORDER BY at DESC, rowid DESC LIMIT ?",
            (_hidden(visitor), self._oldest(), max(0, limit)),
        )
        return [
            HistoryEntry(when, sha256, name, Label(label), probability, checkpoint, action)
            for when, sha256, name, label, probability, checkpoint, action in rows
        ]

    def erase(self, connection: sqlite3.Connection, visitor: str) -> None:
        """Delete a visitor's, on the disk too."""
        connection.execute("DELETE FROM history WHERE visitor = ?", (_hidden(visitor),))
        with suppress(sqlite3.Error):  # the rows are gone; this wipes them out of the write-ahead log as well
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def purge(self, connection: sqlite3.Connection) -> None:
        """Delete what is older than ``keep_days``."""
        connection.execute("DELETE FROM history WHERE at < ?", (self._oldest(),))

    def _oldest(self) -> int:
        return _microseconds(datetime.now(UTC) - timedelta(days=self.keep_days))


def _hidden(visitor: str) -> str:
    """The key as it is stored. Nothing is gained by a salt: the key has to be unguessable anyway."""
    return hashlib.sha256(b"unfake visitor\0" + visitor.encode(errors="surrogatepass")).hexdigest()


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
