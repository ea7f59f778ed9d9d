"""The tables, and whether a file holds them."""

from __future__ import annotations

import sqlite3

from unfake.store.transaction import transaction

SCHEMA = 1
"""Version of the tables, kept as SQLite's ``user_version``."""

_APPLICATION = 0x556E466B  # "UnFk" as SQLite's application_id: whose file this is
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


class Unfit(Exception):
    """A file that must not be used as the store, and is not to be changed either."""

    DAMAGED = "is damaged or is not a store of UnFake"
    OTHER = "was written by another version of UnFake"


def adopt(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; raise Unfit for one that is not empty and not ours."""
    connection.execute("PRAGMA secure_delete = ON")  # what a visitor deletes is overwritten
    connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a power cut loses the last writes, never the file
    with transaction(connection):
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
        raise Unfit(Unfit.DAMAGED)
    if version != SCHEMA:
        raise Unfit(Unfit.OTHER)
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise Unfit(Unfit.DAMAGED)
