"""A weighted semaphore: so much may be in use at a time, and whoever wants more waits for its turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from unfake.errors import PictureTooSlow

BUSY = "Too many pictures are being opened at the moment; try again in a minute."


class Budget:
    """``total`` units, handed out first come, first served. One that wants more than all gets all, and goes alone."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()  # on a lock for re-entry: a finalizer may release anywhere

    @property
    def in_use(self) -> int:
        """Units that are handed out."""
        return self.total - self._free

    @property
    def queued(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    def take(self, weight: int, seconds: float) -> int:
        """Wait for ``weight`` units and take them; returns how many to give back.

        Raises PictureTooSlow after ``seconds`` of waiting.
        """
        weight, ticket = min(weight, self.total), object()
        with self._changed:
            self._queue.append(ticket)
            try:
                if not self._changed.wait_for(
                    lambda: self._queue[0] is ticket and self._free >= weight, timeout=seconds
                ):
                    raise PictureTooSlow(BUSY)
                self._free -= weight
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        return weight

    def give_back(self, weight: int) -> None:
        """Return units that were taken."""
        with self._changed:
            self._free += weight
            self._changed.notify_all()

    @contextmanager
    def hold(self, weight: int, seconds: float) -> Iterator[None]:
        """``take`` for as long as the block lasts."""
        taken = self.take(weight, seconds)
        try:
            yield
        finally:
            self.give_back(taken)
