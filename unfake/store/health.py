"""What is wrong with a store, in sentences, and for how long it is left alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unfake.errors import StoreError
from unfake.store.connection import is_locked
from unfake.store.text import storable

BYPASS_SECONDS = 15.0
"""How long verdicts go past a store that another program had locked, before one of them tries again."""

DELETED_SECONDS = 3600.0
"""How long it is said that a store was deleted while it was in use."""


@dataclass
class Health:
    """Why a store is not the one that was asked for (``notice``), or what failed last.

    A failure to write stands until something can be written again, a failure to read until something can be read.
    """

    clock: Callable[[], float] = time.monotonic
    notice: StoreError | None = None
    _failures: dict[bool, StoreError] = field(default_factory=dict)  # by whether it was a write
    _bypass: dict[bool, float] = field(default_factory=dict)
    _deleted: tuple[StoreError, float] | None = None

    @property
    def problem(self) -> StoreError | None:
        """What is wrong; None when all is well."""
        return self.notice or self._failures.get(True) or self._failures.get(False) or self.deleted

    @property
    def missing(self) -> StoreError | None:
        """Why something that was kept, or was to be kept, may not be there."""
        return self._failures.get(True) or self.deleted

    @property
    def deleted(self) -> StoreError | None:
        """That the file was deleted, for `DELETED_SECONDS`."""
        return self._deleted[0] if self._deleted and self.clock() < self._deleted[1] else None

    def bypassed(self, writes: bool) -> StoreError | None:
        """What to answer without trying: reading or writing found the store locked a moment ago."""
        return self._failures.get(writes) if self.clock() < self._bypass.get(writes, 0.0) else None

    def failed(self, error: sqlite3.Error, file: Path | None, writes: bool) -> StoreError:
        """Note what SQLite answered; the same in our words."""
        if is_locked(error) and file:
            found = StoreError(
                f"The store {storable(file.name)} is locked by another program, so verdicts are made anew and nothing "
                "is added to the history until it is free."
            )
            for kind in {writes, True}:  # what cannot be read cannot be written either
                self._failures[kind] = found
                self._bypass[kind] = self.clock() + BYPASS_SECONDS
        else:
            why = getattr(error, "sqlite_errorname", type(error).__name__)
            found = self._failures[writes] = StoreError(f"The store of verdicts and history did not answer ({why}).")
        return found

    def worked(self, writes: bool) -> None:
        """Note that reading, or writing, works."""
        for kind in (False, True) if writes else (False,):
            self._failures.pop(kind, None)
            self._bypass.pop(kind, None)

    def gone(self, file: Path) -> StoreError:
        """Note that the file in use was deleted."""
        found = StoreError(
            f"The store {storable(file.name)} was deleted while UnFake was running, so a new one was begun: earlier "
            "verdicts and history are gone."
        )
        self._deleted = (found, self.clock() + DELETED_SECONDS)
        return found
