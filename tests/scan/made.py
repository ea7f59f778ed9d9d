"""Parts without a detector, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from unfake.batch import Member
from unfake.detector.checkpoint import BUNDLED, Checkpoint, load_folder
from unfake.scan import run
from unfake.scan.part import Begin, Part, parts
from unfake.scan.source import Source
from unfake.services import Answer, Services
from unfake.settings import Settings


@dataclass
class Reader:
    """In place of `Services`: notes what it is asked about, and finds nothing in it. ``before``: called each time."""

    settings: Settings = field(default_factory=Settings)
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], object] = lambda name: None

    def wait(self) -> None:
        pass

    def answer(self, member: Member, *, thumbnail: bool) -> Answer:
        self.before(member.name)
        member.read()
        self.asked.append(member.name)
        return Answer(member.name, None, "Nothing was looked for.")


@cache
def bundled() -> Checkpoint:
    """The checkpoint that ships; its files are hashed once."""
    return load_folder(BUNDLED)


@dataclass
class Engine:
    """In place of the real ones."""

    reader: Reader = field(default_factory=Reader)
    checkpoint: Checkpoint = field(default_factory=bundled)

    def run(self, source: Source, todo: Iterable[Begin], size: int, tick: Callable[[int], None]) -> Iterator[Part]:
        for begin in todo:
            yield from parts(cast(Services, self.reader), source, begin, size, lambda: tick(1))


def use(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Let scans run on this engine."""

    def chosen(*_: Any) -> Engine:
        return engine

    patch.setattr(run, "_engine", chosen)


def folder(place: Path, pictures: int) -> Path:
    """A folder of files with the endings of pictures."""
    place.mkdir(parents=True)
    for number in range(pictures):
        (place / f"{number:03}.jpg").write_bytes(b"%d" % number)
    return place
