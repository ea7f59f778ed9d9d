"""How far a scan is, on a stream for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO


class Progress:
    """Counts pictures and says so now and then: on a terminal on one line, else on a line each half minute.

    ``done``: pictures that an earlier run had done; ``total``: of the source, None where that is not known.
    """

    def __init__(self, out: TextIO, done: int, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._done, self._total, self._clock = out, done, total, clock
        self._before, self._started = done, clock()
        self._every, self._end = (1.0, "") if out.isatty() else (30.0, "\n")
        self._said = self._started

    def tick(self, pictures: int = 1) -> None:
        """So many more are done."""
        self._done += pictures
        if self._clock() - self._said >= self._every:
            self.say()

    def say(self) -> None:
        """Say it now."""
        self._said = self._clock()
        seconds = self._said - self._started
        rate = (self._done - self._before) / seconds if seconds else 0.0
        of = f" of {self._total:,}" if self._total is not None else ""
        left = ""
        if self._total is not None and rate:
            left = f", {timedelta(seconds=round((self._total - self._done) / rate))} left"
        start = "" if self._end else "\r\x1b[K"
        self._out.write(f"{start}{self._done:,}{of} pictures, {rate:.1f} a second{left}{self._end}")
        self._out.flush()

    def close(self) -> None:
        """End the line."""
        self.say()
        self._out.write("" if self._end else "\n")
