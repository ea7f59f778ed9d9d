"""The rows of a streamed dataset: their pictures fetched, and noted in a journal together with where the stream is."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import fsspec

SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY, file TEXT NOT NULL, label TEXT NOT NULL, category TEXT NOT NULL, grp TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_THREADS = 8  # that fetch single files


@dataclass(frozen=True)
class Example:
    """A row of the dataset. ``label`` is empty and ``image`` None where it is passed over; ``state``: of the stream."""

    number: int
    label: str
    category: str
    group: str
    image: dict[str, Any] | None
    state: dict[str, Any]


def fetched(examples: Iterator[Example]) -> Generator[tuple[Example, bytes], None, None]:
    """Each example with its bytes, which for a dataset of single files have to be fetched: several at a time."""
    with ThreadPoolExecutor(_THREADS) as threads:
        ahead: deque[tuple[Example, Future[bytes]]] = deque()
        try:
            for example in examples:
                ahead.append((example, threads.submit(_content, example.image)))
                if len(ahead) > 2 * _THREADS:
                    yield ahead[0][0], ahead.popleft()[1].result()
            while ahead:
                yield ahead[0][0], ahead.popleft()[1].result()
        finally:
            for _, future in ahead:
                future.cancel()


def _content(image: dict[str, Any] | None) -> bytes:
    """The bytes of a picture that was not decoded, none where there is none."""
    if not image or image.get("bytes") is not None or not image.get("path"):
        return image["bytes"] if image and image.get("bytes") else b""
    with fsspec.open(image["path"], "rb") as file:
        return bytes(file.read())


def note(db: sqlite3.Connection, commit: str, examples: list[tuple[Example, str]]) -> None:
    """Note what has come, and where the stream goes on after it."""
    if not examples:
        return
    last = examples[-1][0]
    meta = {"commit": commit, "number": str(last.number + 1), "state": json.dumps(last.state)}
    rows = ((each.number, file, each.label, each.category, each.group) for each, file in examples if file)
    with db:
        db.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", rows)
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
