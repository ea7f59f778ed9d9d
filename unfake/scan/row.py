"""One picture of a scan, as a row of its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from unfake.report import Report

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Row:
    """A picture and the verdict on it, or the sentence that says why there is none.

    ``source``: its address. ``sha256`` and ``bytes``: of the file, None where it could not be read. ``width`` and
    ``height``: in px, upright. ``label``, ``ground``, ``probability`` (of fake, None unless the ground is the pixels)
    and ``checkpoint``: as in `unfake.report.Report`.
    """

    source: str
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    label: str | None = None
    ground: str | None = None
    probability: float | None = None
    checkpoint: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, source: str, report: Report) -> Row:
        """The row of a picture that there is a report on."""
        picture = report.picture
        facts = (picture.sha256, picture.bytes, picture.width, picture.height)
        return cls(source, *facts, report.label.value, report.ground.value, report.probability, report.checkpoint)


def schema() -> pa.Schema:
    """The columns in Parquet."""
    import pyarrow as pa  # noqa: PLC0415 - only a scan needs it

    kinds = {"bytes": pa.int64(), "width": pa.int32(), "height": pa.int32(), "probability": pa.float64()}
    return pa.schema([(each.name, kinds.get(each.name, pa.string())) for each in fields(Row)])


def table(rows: list[Row]) -> pa.Table:
    """The rows as a table of `schema`."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.Table.from_pylist([asdict(row) for row in rows], schema())
