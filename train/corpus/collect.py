"""From the sources to the index: bring, list, and open each picture once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from train.corpus.dedupe.hashes import sha256
from train.corpus.index import Index
from train.corpus.scan import examine_batch, spread
from train.corpus.source import Picture, Source
from train.errors import SourceError

_LISTED = 500  # pictures noted at a time
_SCANNED = 16  # pictures examined at a time: a kill costs about so many, times the tasks under way

Batch = list[tuple[int, Path | bytes]]


@dataclass(frozen=True)
class Place:
    """A source and its folder."""

    source: Source
    folder: Path


def bar(what: str, total: int | None = None) -> Any:
    """A progress bar that counts pictures."""
    return tqdm(total=total, desc=f"{what:8}", unit=" pictures", smoothing=0.05, mininterval=0.5)


def prepare(places: list[Place]) -> None:
    """Let each source bring what it needs; those that make fakes get the real pictures of the ones before them."""
    for number, place in enumerate(places):
        place.folder.mkdir(parents=True, exist_ok=True)
        before = chain.from_iterable(each.source.pictures(each.folder) for each in places[:number])
        with closing(picture for picture in before if picture.label == "real") as reals:
            place.source.prepare(place.folder, reals)


def list_pictures(places: list[Place], index: Index, workers: int) -> None:
    """Note what the sources have. Pictures that are streamed are examined on the way: nothing else keeps their bytes.

    Raises SourceError, also for a source that has nothing.
    """
    index.clear_listing()
    with bar("list") as progress:
        _examine(_listed(places, index, progress), index, workers)


def scan(index: Index, workers: int) -> None:
    """Examine the files that have not been, or have changed since."""
    total = index.count_unknown()
    if total:
        with bar("scan", total) as progress:
            _examine(_unknown(index), index, workers, progress)


def _listed(places: list[Place], index: Index, progress: Any) -> Iterator[Batch]:
    """Note all pictures, and give those to examine that are streamed and not known."""
    position = 0
    for place in places:
        first = position
        page: list[tuple[int, Picture, int, int]] = []
        batch: Batch = []
        for picture in place.source.pictures(place.folder):
            size, mtime = _version(picture)
            if isinstance(picture.content, bytes):
                if not index.knows(picture.source, picture.key, sha256(picture.content)):
                    batch.append((position, picture.content))
                picture = replace(picture, content=b"")  # noqa: PLW2901 - a page of whole pictures would take 100 MB
            page.append((position, picture, size, mtime))
            position += 1
            if len(page) == _LISTED or len(batch) == _SCANNED:
                index.list_pictures(page)
                progress.update(len(page))
                if batch:
                    yield batch
                page, batch = [], []
        index.list_pictures(page)
        progress.update(len(page))
        if batch:
            yield batch
        if position == first:
            raise SourceError(
                f'the source "{place.source.name}" gives no picture: look whether its folder and its choice are right'
            )


def _version(picture: Picture) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns; the bytes of a streamed picture tell by themselves."""
    if isinstance(picture.content, bytes):
        return len(picture.content), 0
    try:
        found = picture.content.stat()
    except OSError:  # the scan will say so
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _unknown(index: Index) -> Iterator[Batch]:
    batch: Batch = []
    for position, path in index.unknown():
        batch.append((position, path))
        if len(batch) == _SCANNED:
            yield batch
            batch = []
    if batch:
        yield batch


def _examine(batches: Iterator[Batch], index: Index, workers: int, progress: Any = None) -> None:
    under_way: deque[list[int]] = deque()

    def contents() -> Iterator[list[Path | bytes]]:
        for batch in batches:
            under_way.append([position for position, _ in batch])
            yield [content for _, content in batch]

    with closing(spread(examine_batch, contents(), workers)) as results:
        for facts in results:
            index.learn(zip(under_way.popleft(), facts, strict=True))
            if progress is not None:
                progress.update(len(facts))
