"""From the index to a plan: what stays, in which split and in which file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.corpus.config import CorpusConfig
from train.corpus.dedupe.duplicates import Reason, dedupe
from train.corpus.dedupe.near import Looks
from train.corpus.index import FACTS, LABELS, Index
from train.corpus.split import SPLITS, split
from train.errors import CorpusError

_CHUNK = 10_000  # rows that are Python objects at a time


@dataclass(frozen=True)
class Pictures:
    """What is compared about N readable pictures, in order: about 130 bytes each.

    ``position``, ``group``, ``size`` (bytes): int64 ``[N]``. ``source``: its number in the configuration, int32
    ``[N]``. ``fake`` ``[N]``. ``digest``: S32 ``[N]``.
    """

    position: NDArray[np.int64]
    fake: NDArray[np.bool_]
    source: NDArray[np.int32]
    group: NDArray[np.int64]
    size: NDArray[np.int64]
    digest: NDArray[np.bytes_]
    looks: Looks


def load(config: CorpusConfig, index: Index) -> Pictures:
    """The readable pictures of the index."""
    numbers = {source.name: number for number, source in enumerate(config.sources)}
    columns = "l.position, l.label, l.source, l.grp_hash, f.bytes, f.sha256, f.coarse, f.fine, f.flat"
    query = f"SELECT {columns} FROM {FACTS} WHERE f.problem = '' ORDER BY l.position"  # noqa: S608
    kinds: tuple[Any, ...] = (np.int64, np.bool_, np.int32, np.int64, np.int64, "S32", "V8", "V32", np.bool_)
    parts: list[list[NDArray[Any]]] = [[np.empty(0, kind)] for kind in kinds]
    for chunk in _chunks(index.rows(query)):
        for part, kind, values in zip(parts, kinds, zip(*chunk, strict=True), strict=True):
            part.append(np.array([numbers[v] for v in values] if kind is np.int32 else values, dtype=kind))
    position, fake, source, group, size, digest, coarse, fine, flat = (np.concatenate(part) for part in parts)
    looks = Looks(coarse.view(np.uint64), fine.view(np.uint64).reshape(-1, 4), flat, config.near_distance or 0)
    return Pictures(position, fake, source, group, size, digest, looks)


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    chunk: list[tuple[Any, ...]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def decide(config: CorpusConfig, index: Index) -> None:
    """Write the fate of each readable picture into the index.

    Raises CorpusError where a label, or a label in a split, would have no pictures.
    """
    pictures = load(config, index)
    _check_labels(pictures.fake, "")
    fate = dedupe(
        pictures.fake, pictures.group, pictures.digest, None if config.near_distance is None else pictures.looks
    )
    kept = np.nonzero(fate.reason == Reason.KEPT)[0]
    # The bundle's first picture that stays names it, so that what is left out in front of it moves nothing.
    tied = _first_kept(fate.tied, kept)
    strata = pictures.source.astype(np.int64) * 2 + pictures.fake
    number = np.full(len(pictures.fake), -1)
    number[kept] = split(tied[kept], strata[kept], pictures.group[kept], config.shares, config.seed)
    shard = np.full(len(pictures.fake), -1)
    for each in range(len(SPLITS)):
        members = np.nonzero(number == each)[0]
        shard[members] = _shards(pictures.size[members], pictures.source[members], config.shard_mb * 2**20)

    twin = np.where(fate.twin < 0, -1, pictures.position[fate.twin])
    columns: list[NDArray[Any]] = [pictures.position, fate.reason, twin, pictures.position[tied], number, shard]
    with index.writing():
        index.db.execute("DELETE FROM fate")
        for start in range(0, len(number), _CHUNK):
            rows = zip(*(column[start : start + _CHUNK].tolist() for column in columns), strict=True)
            index.db.executemany("INSERT INTO fate VALUES (?, ?, ?, ?, ?, ?)", rows)
    _check_labels(pictures.fake[kept], " that is not in conflict with another (see left_out.csv)")
    for each, name in enumerate(SPLITS):
        _check_labels(pictures.fake[number == each], f" in the split '{name}'")


def _check_labels(fake: NDArray[np.bool_], where: str) -> None:
    for number, label in enumerate(LABELS):
        if not (fake == bool(number)).any():
            raise CorpusError(
                f"there is no readable {label} picture{where}: both labels are needed, so add pictures or sources"
            )


def _first_kept(tied: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """``tied``, naming the first picture of each bundle that stays instead of the first one."""
    _, firsts, bundle = np.unique(tied[kept], return_index=True, return_inverse=True)
    found = tied.copy()
    found[kept] = kept[firsts][bundle]
    return found


def _shards(sizes: NDArray[np.int64], sources: NDArray[np.int32], most: int) -> NDArray[np.int64]:
    """The number of the shard of pictures of these sizes and sources, in order.

    A new one begins with each source, and within it wherever ``most`` bytes are full.
    """
    begins = np.cumsum(sizes) - sizes
    starts = np.diff(sources, prepend=-1) != 0
    begins -= np.maximum.accumulate(np.where(starts, begins, 0))
    new = starts | (np.diff(begins // most, prepend=0) > 0)
    found: NDArray[np.int64] = np.cumsum(new) - 1
    return found
