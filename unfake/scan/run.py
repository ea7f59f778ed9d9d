"""A scan from its address to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TextIO

from unfake.detector.checkpoint import Checkpoint
from unfake.errors import ScanError
from unfake.scan.dataset import PREFIX, Dataset
from unfake.scan.files import Files
from unfake.scan.needs import need
from unfake.scan.part import Begin, Part
from unfake.scan.plan import Plan
from unfake.scan.progress import Progress
from unfake.scan.result import Result, Summary
from unfake.scan.source import Source
from unfake.settings import Settings
from unfake.store import verdict_key

ENGINES = ("here", "ray")
PART = 250
"""Pictures of a part: what is done again at most after a kill, a minute or so on two cores."""


class Engine(Protocol):
    """Makes parts."""

    @property
    def checkpoint(self) -> Checkpoint:
        """That gives the verdicts; raises CheckpointError."""
        ...

    def run(self, source: Source, todo: Iterable[Begin], size: int, tick: Callable[[int], None]) -> Iterator[Part]:
        """The parts that are still to be made, each once; those of a shard in order."""
        ...


def scan(
    address: str, out: Path, settings: Settings, said: TextIO, *, engine: str = "here", size: int = PART
) -> Summary:
    """Scan an address into the Parquet file ``out``, or go on with a scan of it that was stopped.

    ``said``: where progress goes. ``size``: pictures of a part, when a scan begins. Raises ScanError, CheckpointError,
    SettingsError, OSError.
    """
    need("pyarrow", "filelock", *(["ray"] if engine == "ray" else []))
    with Result(out) as result:
        works = _engine(engine, settings)
        if works.checkpoint.notice:
            said.write(f"{works.checkpoint.notice}\n")
        key = verdict_key(works.checkpoint)
        asked = address if address.startswith(PREFIX) else Files(address).address
        _hold(out, result.finished() or result.plan(), asked, key)
        if result.finished():
            if result.plan():  # stopped just before it was cleared
                result.clear()
            said.write(f"{out.name} is whole already.\n")
            return result.summary()
        plan = result.plan()
        source: Source
        if plan is None:
            plan, source = _begun(result, address, asked, key, size)
        else:
            source = Dataset.of(plan.source) if plan.splits else Files(address)
        progress = Progress(said, result.kept(), plan.total)
        for part in works.run(source, result.todo(plan), plan.size, progress.tick):
            result.add(part)
        progress.close()
        if next(result.todo(plan), None) is not None:
            raise ScanError("Some parts of the scan are missing: the same command goes on with them.")
        result.join(plan)
        return result.summary()


def _engine(name: str, settings: Settings) -> Engine:
    if name == "ray":
        from unfake.scan.cluster import Cluster  # noqa: PLC0415 - ray is there only where it is asked for

        return Cluster(settings)
    from unfake.scan.here import Here  # noqa: PLC0415 - as above

    return Here(settings)


def _hold(out: Path, plan: Plan | None, asked: str, key: str) -> None:
    """Go on only with the same scan; raises ScanError."""
    if plan is not None and not plan.fits(asked, key):
        what = f"{plan.asked} by {plan.checkpoint.partition('+')[0]}"
        raise ScanError(f"{out.name} belongs to a scan of {what}, or to one with other settings: give another --out.")


def _begun(result: Result, address: str, asked: str, key: str, size: int) -> tuple[Plan, Source]:
    """A plan for the address, kept; raises ScanError."""
    if address.startswith(PREFIX):
        dataset = Dataset.of(address)
        splits = tuple((shard.split, shard.index) for shard in dataset.shards())
        plan = Plan(asked, dataset.address, key, size, None, splits)
        result.begin(plan, None)
        return plan, dataset
    files = Files(address)
    names = files.names()
    if not names:
        raise ScanError("There is no picture there.")
    plan = Plan(asked, files.address, key, size, len(names))
    result.begin(plan, names)
    return plan, files
