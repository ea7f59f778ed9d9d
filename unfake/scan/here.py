"""The engine that scans in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from unfake.detector.checkpoint import Checkpoint
from unfake.scan.part import Begin, Part, parts
from unfake.scan.source import Source
from unfake.services import Services
from unfake.settings import Settings


class Here:
    """One detector, one shard after another. The app's store is left alone; raises CheckpointError."""

    def __init__(self, settings: Settings) -> None:
        self._services = Services(replace(settings, store=None))

    @property
    def checkpoint(self) -> Checkpoint:
        """That gives the verdicts."""
        return self._services.checkpoint

    def run(self, source: Source, todo: Iterable[Begin], size: int, tick: Callable[[int], None]) -> Iterator[Part]:
        """The parts that are still to be made, each once. ``tick`` is told how many pictures more are done."""
        for begin in todo:
            yield from parts(self._services, source, begin, size, lambda: tick(1))
