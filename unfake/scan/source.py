"""What is scanned: an address that becomes shards, each of which can be read alone, from where it was left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from unfake.batch import Member
from unfake.intake import Limits

State = dict[str, Any]
"""Where a stream stands, as JSON takes it."""


@dataclass(frozen=True)
class Shard:
    """A piece of a source: the files ``names`` where it is a stretch of a list, else the shard ``index`` of a split."""

    number: int
    names: tuple[str, ...] = ()
    split: str = ""
    index: int = 0


class Stream(Protocol):
    """The pictures of a shard, in their order."""

    def __iter__(self) -> Iterator[Member]: ...

    def state(self) -> State:
        """Where to go on after the last picture that was given."""
        ...

    def close(self) -> None:
        """Read no further."""
        ...


class Source(Protocol):
    """A source that is open; can be sent to another process."""

    @property
    def address(self) -> str:
        """What it is called in the result: without credentials, with the revision of a dataset."""
        ...

    def open(self, shard: Shard, state: State, limits: Limits) -> Stream:
        """The pictures of a shard after ``state``, from the first where it is empty; raises ScanError."""
        ...


def without_credentials(address: str) -> str:
    """The address without a name and password before the host.

    >>> without_credentials("ftp://ana:secret@example.org/cats")
    'ftp://example.org/cats'
    """
    return re.sub(r"//[^/@]*@", "//", address)


def stretches(names: Sequence[str], size: int) -> Iterator[Shard]:
    """Shards of ``size`` files each, the last one of what is left."""
    for number, start in enumerate(range(0, len(names), size)):
        yield Shard(number, tuple(names[start : start + size]))


def kind(error: Exception) -> str:
    """What a library said of a failure, on one line and not too long."""
    return without_credentials(f"{type(error).__name__}: {' '.join(str(error).split())}"[:200])
