"""The result of a scan: a Parquet file, and until it is whole a folder of parts beside it.

Everything appears whole or not at all (written under another name, synchronised, renamed), so a process that is killed
leaves what it had finished. A part is known by its shard and its number, so it is there once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from unfake.errors import ScanError
from unfake.scan import row
from unfake.scan.part import Begin, Part
from unfake.scan.plan import Plan
from unfake.scan.source import Shard, stretches

if TYPE_CHECKING:
    import pyarrow as pa

PLAN, FILES, LOCK, WHOLE, DRAFT = "plan.json", "files.parquet", "lock", "whole.parquet", ".draft"
_KEY, _END = b"unfake", b"unfake.end"
GROUP = 50_000  # rows of a row group of the result


@dataclass
class Summary:
    """What a result holds: its rows, of them by label, and those with a sentence instead of a verdict."""

    rows: int = 0
    unread: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a part."""
        found = table.column("label").to_pylist()
        self.rows += len(found)
        self.unread += found.count(None)
        self.labels.update(label for label in found if label is not None)


class Result:
    """The file ``out`` and its parts; a context manager that only one process can be in. Raises ScanError, OSError."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f"{out.name}.parts")

    def __enter__(self) -> Self:
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only a scan needs it

        if self.out.is_dir():
            raise ScanError(f"{self.out.name} is a folder: give the name of a file for --out.")
        self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise ScanError(f"Another scan writes {self.out.name} at the moment.") from None
        for draft in self.folder.glob(f"*{DRAFT}"):
            draft.unlink()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.plan() is None:  # nothing was begun, or all is in the result
            shutil.rmtree(self.folder)
        self._lock.release()

    def finished(self) -> Plan | None:
        """The plan of a result that is whole, None where there is none yet; raises ScanError for another file."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        if not self.out.exists():
            return None
        try:
            found = (pq.read_schema(self.out).metadata or {})[_KEY]
        except (ValueError, KeyError) as error:
            raise ScanError(f"{self.out.name} is there already and is no result of a scan.") from error
        return Plan.from_json(found)

    def plan(self) -> Plan | None:
        """The plan that was begun, None where none was."""
        try:
            return Plan.from_json((self.folder / PLAN).read_bytes())
        except FileNotFoundError:
            return None

    def begin(self, plan: Plan, names: Sequence[str] | None) -> None:
        """Keep the plan, and the list of files where it goes over such."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if names is not None:
            listed = pa.table({"name": pa.array(names, pa.string())})
            self._write(FILES, lambda file: pq.write_table(listed, file))
        self._write(PLAN, lambda file: file.write(plan.to_json().encode()))

    def shards(self, plan: Plan) -> Iterator[Shard]:
        """The shards of the plan, in order."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        if plan.splits:
            yield from (Shard(number, (), *split) for number, split in enumerate(plan.splits))
        else:
            names = pq.read_table(self.folder / FILES).column("name").to_pylist()
            yield from stretches(names, plan.size)

    def todo(self, plan: Plan) -> Iterator[Begin]:
        """Where each shard that is not done is gone on with."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        newest = dict(map(_numbers, self._parts()))  # in order, so the last part of each shard stays
        for shard in self.shards(plan):
            number = newest.get(shard.number)
            if number is None:
                yield Begin(shard)
                continue
            kept = pq.read_schema(self.folder / _name(shard.number, number)).metadata
            end: dict[str, Any] = json.loads(kept[_END])
            if not end["last"]:
                yield Begin(shard, number + 1, end["state"])

    def add(self, part: Part) -> None:
        """Keep a part."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        end = json.dumps({"last": part.last, "state": part.state})
        table = row.table(part.rows).replace_schema_metadata({_END: end})
        self._write(_name(part.shard, part.number), lambda file: pq.write_table(table, file))

    def kept(self) -> int:
        """Rows of all parts that are kept."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        return sum(pq.read_metadata(path).num_rows for path in self._parts())

    def join(self, plan: Plan) -> None:
        """Make the result of the parts, in the order of the source, and delete them."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        schema = row.schema().with_metadata({_KEY: plan.to_json()})

        def write(file: IO[bytes]) -> None:
            waiting: list[pa.Table] = []
            with pq.ParquetWriter(file, schema) as writer:

                def flush() -> None:
                    if waiting:
                        writer.write_table(pa.concat_tables(waiting).replace_schema_metadata(schema.metadata))
                        waiting.clear()

                for path in self._parts():
                    waiting.append(pq.read_table(path).replace_schema_metadata(None))
                    if sum(map(len, waiting)) >= GROUP:
                        flush()
                flush()

        self._write(WHOLE, write)
        (self.folder / WHOLE).replace(self.out)
        _synchronise(self.out.parent)
        self.clear()

    def clear(self) -> None:
        """Forget the plan, so that the folder goes; the parts first would leave a plan without them."""
        (self.folder / PLAN).unlink()

    def summary(self) -> Summary:
        """Of the result."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        found = Summary()
        with pq.ParquetFile(self.out) as file:
            for batch in file.iter_batches(columns=["label"]):
                found.add(batch)
        return found

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-[0-9]*.parquet"))

    def _write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        draft = self.folder / f"{name}{DRAFT}"
        with draft.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / name)
        _synchronise(self.folder)


def _name(shard: int, number: int) -> str:
    return f"{shard:08}-{number:06}.parquet"


def _numbers(path: Path) -> tuple[int, int]:
    shard, number = path.stem.split("-")
    return int(shard), int(number)


def _synchronise(folder: Path) -> None:
    """Bring a rename in the folder to the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        opened = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
