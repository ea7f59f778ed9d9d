"""What every kind of source gives the corpus: pictures with their label, where they come from, and what may be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

LabelName = Literal["real", "fake"]


@dataclass(frozen=True)
class Picture:
    """One picture as a source offers it, its bytes untouched.

    ``content``: the file, or its bytes where the source streams them. ``key``: a name that stays the same from run
    to run and is unique within the source. ``group``: pictures that must not be split between training and test
    (twins, frames, variations), unique within the corpus; a picture of its own is its own group.
    """

    key: str
    content: Path | bytes
    label: LabelName
    source: str
    group: str
    category: str = ""
    credit: str = ""
    licence: str = ""

    def read(self) -> bytes:
        """The bytes; raises OSError where the file cannot be read."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Source(Protocol):
    """A place that pictures come from.

    ``name`` is unique in the configuration, and stands in the column ``source``.
    """

    name: str

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Bring or make what is not on this machine yet, in ``folder``, which is this source's own.

        Running it again goes on where it stopped, and does nothing when all is there. ``reals``: the real pictures
        of the sources before this one, for sources that make fakes from them. Raises SourceError.
        """
        ...

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """All pictures, in the same order each time, without holding them in memory. Raises SourceError."""
        ...
