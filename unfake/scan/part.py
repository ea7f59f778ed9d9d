"""The rows of some pictures of a shard, made in one go."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from unfake.batch import Member
from unfake.errors import PictureError, ScanError
from unfake.scan.row import Row
from unfake.scan.source import Shard, Source, State, kind
from unfake.services import FETCHERS, Services

MOST_FAILURES = 50
"""Pictures in a row whose place fails before the scan stops: then it is not the pictures."""


@dataclass(frozen=True)
class Begin:
    """Where a shard is gone on with: the ``number`` of the part, and the ``state`` that the one before it left."""

    shard: Shard
    number: int = 0
    state: State = field(default_factory=dict)

    def after(self, part: Part) -> Begin:
        """The same once that part is kept."""
        return replace(self, number=part.number + 1, state=part.state)


@dataclass(frozen=True)
class Part:
    """Rows of a shard; ``state``: where its pictures go on; ``last``: nowhere."""

    shard: int
    number: int
    rows: list[Row]
    state: State
    last: bool


def parts(
    services: Services, source: Source, begin: Begin, size: int, tick: Callable[[], None] = lambda: None
) -> Iterator[Part]:
    """The parts of a shard of ``size`` pictures each, one after another. ``tick`` is called after each picture.

    Raises ScanError where the source cannot be read (any further), CheckpointError where there is no detector.
    """
    with closing(source.open(begin.shard, begin.state, services.settings.limits)) as stream:
        members = iter(stream)
        ahead = list(islice(members, 1))
        while True:
            rows = list(_rows(services, chain(ahead, islice(members, size - len(ahead))), tick))
            state = stream.state()
            ahead = list(islice(members, 1))
            part = Part(begin.shard.number, begin.number, rows, state, not ahead)
            yield part
            if part.last:
                return
            begin = begin.after(part)


def _rows(services: Services, members: Iterable[Member], tick: Callable[[], None]) -> Iterator[Row]:
    """The rows of these pictures in their order, several made at once."""
    services.wait()
    failures = 0
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="scan") as threads:
        waiting: deque[Future[tuple[Row, bool]]] = deque()
        try:
            for member in chain(members, (None,) * FETCHERS):
                if member is not None:
                    waiting.append(threads.submit(_row, services, member))
                if waiting and (member is None or len(waiting) > FETCHERS):
                    row, failed = waiting.popleft().result()
                    failures = failures + 1 if failed else 0
                    if failures == MOST_FAILURES:
                        raise ScanError(f"{failures} pictures in a row could not be fetched. The last: {row.error}")
                    yield row
                    tick()
        finally:
            for future in waiting:
                future.cancel()


def _row(services: Services, member: Member) -> tuple[Row, bool]:
    """A picture's row, and whether its place failed."""
    try:
        data = member.read()
    except PictureError as error:
        return Row(member.name, error=str(error)), False
    except Exception as error:  # of a file system that is somewhere else
        return Row(member.name, error=f"The picture could not be fetched ({kind(error)})."), True
    answer = services.answer(Member(member.name, lambda: data), thumbnail=False)
    if answer.report is None:
        return Row(member.name, hashlib.sha256(data).hexdigest(), len(data), error=answer.error), False
    return Row.of(member.name, answer.report), False
