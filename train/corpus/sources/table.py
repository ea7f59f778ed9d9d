"""Pictures that a table lists, by path on this machine or by address: one line a picture."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from train.corpus.fetch.download import download
from train.corpus.fetch.journal import Journal, read
from train.corpus.options import Options
from train.corpus.source import LabelName, Picture
from train.errors import SourceError

JOURNAL = "journal.sqlite"
NEEDED = ("source", "label", "group", "generator")
COLUMNS = (*NEEDED, "path", "url")
_LABELS: dict[str, LabelName] = {"real": "real", "fake": "fake"}


@dataclass(frozen=True)
class Line:
    """One line of the table. Either ``path`` (absolute) or ``url`` is set; ``number`` begins at 1, with the header."""

    number: int
    source: str
    label: LabelName
    group: str
    generator: str
    path: Path | None
    url: str

    @property
    def key(self) -> str:
        """The same from run to run, whatever lines stand before it."""
        return self.url or str(self.path)


@dataclass(frozen=True)
class TableSource:
    """The pictures of ``table``, a TSV file (a CSV file where its name ends so) with the columns of `COLUMNS`.

    ``source`` says where a picture comes from and ``generator`` what made it: together they are its category. Lines
    with the same source and group are one group; a line without a group is its own. A relative ``path`` begins at
    ``root``.
    """

    name: str
    table: Path
    root: Path
    credit: str
    licence: str
    requests_per_second: float
    workers: int
    retries: int

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The source as configured; raises ConfigError."""
        given = Options(f'source "{name}"', options)
        table = given.path("table", base)
        root = given.text("root", "")
        source = cls(
            name=name,
            table=table,
            root=base / Path(root).expanduser() if root else table.parent,
            credit=given.text("credit", ""),
            licence=given.text("licence", ""),
            requests_per_second=given.number("requests_per_second", 5.0, least=0.01, most=50),
            workers=given.integer("workers", 4, least=1, most=32),
            retries=given.integer("retries", 4, least=0, most=20),
        )
        given.done()
        return source

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Read every line before anything is fetched, then bring what has an address; ``reals`` are not looked at.

        Raises SourceError, with the number of the line where one cannot be used.
        """
        lines = list(self._lines())
        for line in lines:
            if line.path and not line.path.is_file():
                raise self._wrong(line.number, f"there is no file {line.path}")
        plan = [(line.key, {"address": line.url, "file": _file(line.url)}) for line in lines if line.url]
        with Journal(folder / JOURNAL) as journal:
            mark = hashlib.sha256(json.dumps(plan).encode()).hexdigest()
            if journal.mark != mark:
                journal.plan(mark, plan)
            download(journal, folder, workers=self.workers, per_second=self.requests_per_second, retries=self.retries)

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """The pictures by line; those that could not be had are left out. Raises SourceError."""
        come = {item.key: folder / item.plan["file"] for item in read(folder / JOURNAL, "done")}
        for line in self._lines():
            content = line.path or come.get(line.key)
            if content is None:
                continue
            yield Picture(
                key=line.key,
                content=content,
                label=line.label,
                source=self.name,
                group=f"{self.name}/{line.source}/{line.group}" if line.group else f"{self.name}/{line.key}",
                category="/".join(part for part in (line.source, line.generator) if part),
                credit=self.credit or line.url,
                licence=self.licence,
            )

    def _lines(self) -> Iterator[Line]:
        """The lines of the table, each checked."""
        known: dict[str, int] = {}
        delimiter = "," if self.table.suffix.lower() == ".csv" else "\t"
        try:
            with self.table.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.reader(file, delimiter=delimiter, strict=True)
                header = next(rows, [])
                missing = [column for column in NEEDED if column not in header]
                if missing or not {"path", "url"} & set(header):
                    raise self._wrong(1, f"the header has to name {', '.join(NEEDED)}, and path or url")
                for row in rows:
                    if not row:
                        continue
                    if len(row) != len(header):
                        raise self._wrong(rows.line_num, f"{len(row)} columns and not {len(header)} as in the header")
                    line = self._line(rows.line_num, dict(zip(header, (cell.strip() for cell in row), strict=True)))
                    if line.key in known:
                        raise self._wrong(line.number, f"{line.key} stands in line {known[line.key]} as well")
                    known[line.key] = line.number
                    yield line
        except OSError as error:
            raise SourceError(f'source "{self.name}": {self.table} cannot be read ({error.strerror})') from None
        except UnicodeDecodeError:
            raise SourceError(f'source "{self.name}": {self.table} is not UTF-8') from None
        except csv.Error as error:
            raise self._wrong(rows.line_num, f"{error}") from None
        if not known:
            raise SourceError(f'source "{self.name}": {self.table} lists no pictures')

    def _line(self, number: int, row: dict[str, str]) -> Line:
        path, url = row.get("path", ""), row.get("url", "")
        label = _LABELS.get(row["label"])
        if label is None:
            raise self._wrong(number, f"the label has to be real or fake, and not {row['label'] or 'empty'}")
        if not row["source"]:
            raise self._wrong(number, "the source is empty")
        if bool(path) == bool(url):
            raise self._wrong(number, "either a path or a url has to be given, and not both")
        if url and not _is_address(url):
            raise self._wrong(number, f"{url} is no http(s) address")
        place = self.root / Path(path).expanduser() if path else None
        return Line(number, row["source"], label, row["group"], row["generator"], place, url)

    def _wrong(self, number: int, what: str) -> SourceError:
        return SourceError(f'source "{self.name}": line {number} of {self.table}: {what}')


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _file(url: str) -> str:
    """Where the file of an address goes; folders by hash, as file systems do not like a million files in one."""
    name = hashlib.sha256(url.encode()).hexdigest()
    return f"{name[:2]}/{name}"
