"""The tables of the Unsplash Dataset, read as a stream: they can be far larger than memory."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from train.errors import SourceError

_EVERY = 20_000  # rows between two looks at how far a table has been read

log = logging.getLogger(__name__)


def files(folder: Path, table: str) -> list[Path]:
    """The parts of a table: photos.tsv000, photos.tsv001 and so on (some releases name them photos.csv000).

    Raises:
        SourceError: there are none.
    """
    part = re.compile(rf"{table}\.[ct]sv\d*")
    found = sorted(path for path in folder.glob(f"{table}.*") if part.fullmatch(path.name))
    if not found:
        raise SourceError(f"{folder} has no {table}.tsv000: it has to be the unpacked Unsplash Dataset")
    return found


def rows(folder: Path, table: str, columns: tuple[str, ...]) -> Iterator[list[str]]:
    """The ``columns`` of all rows of a table, with a progress bar.

    Raises:
        SourceError: the table is not there, has no such columns, or cannot be read.
    """
    parts = files(folder, table)
    total = sum(path.stat().st_size for path in parts)
    broken = 0
    with tqdm(total=total, unit="B", unit_scale=True, desc=table, disable=None) as bar:
        for path in parts:
            # A byte that is no UTF-8 spoils a word, which is no reason to stop hours in.
            with path.open("rb") as raw, io.TextIOWrapper(raw, "utf-8", errors="replace", newline="") as text:
                lines = csv.reader(text, delimiter="\t")  # quoted as psql's FORMAT csv does it
                try:
                    header = next(lines, [])
                    places = [_place(path, header, column) for column in columns]
                    seen = 0
                    for number, line in enumerate(lines):
                        if len(line) == len(header):
                            yield [line[place] for place in places]
                        else:
                            broken += 1
                        if number % _EVERY == 0:
                            bar.update(raw.tell() - seen)
                            seen = raw.tell()
                except csv.Error as error:
                    raise SourceError(f"{path} is damaged ({error}): unpack the dataset again") from None
    if broken:
        log.warning("%s: %d rows are not as long as the header, and were left out", table, broken)


def _place(path: Path, header: list[str], column: str) -> int:
    if column not in header:
        raise SourceError(f"{path} has no column {column}: it is no table of the Unsplash Dataset")
    return header.index(column)
