"""The same work asked for by several threads at once is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls by their key; the first does the work, and those that come before it is done wait for its answer.

    Named after ``golang.org/x/sync/singleflight``. Nothing is remembered once the work is done.

    >>> SingleFlight[int]().call("seven", lambda: 7)
    7
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[Hashable, Future[T]] = {}

    def call(self, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of ``work``, by this thread or by the one that already does it; raises what it raises there."""
        with self._lock:
            there = self._flying.get(key)
            ours = self._flying[key] = there or Future()
        if there is not None:
            return there.result()
        try:
            answer = work()
        except BaseException as error:
            ours.set_exception(error)
            raise
        else:
            ours.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._flying[key]
