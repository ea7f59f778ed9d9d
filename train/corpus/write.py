"""From the plan to the files: one pass over the pictures, a shard of each split open at a time, nothing written twice.

A shard holds pictures of one source, and its name a digest of what goes into it. So a shard that is there is the one
that is wanted, and a source that changes, comes or goes leaves the shards of the others alone.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.corpus.collect import Place, bar
from train.corpus.config import CorpusConfig
from train.corpus.dedupe.duplicates import Reason
from train.corpus.dedupe.hashes import sha256
from train.corpus.index import FACTS, Index
from train.corpus.reencode import Reencoding, reencode
from train.corpus.scan import spread
from train.corpus.shards import DONE, Row, ShardWriter, write_frame
from train.corpus.split import SPLITS
from train.errors import CorpusError

_FORMAT = 1  # of the shards: another one writes all of them again
_PLAN = f"{FACTS} JOIN fate a ON a.position = l.position JOIN listing first ON first.position = a.tied"
_COLUMNS = (
    "l.position, a.split, a.shard, l.path, l.key,"
    " l.label, l.source, l.category, first.grp, f.sha256, l.credit, l.licence"
)


@dataclass(frozen=True)
class Planned:
    """A picture that goes into a shard. ``path``: None where its source streams it."""

    split: str
    shard: int
    path: bytes | None
    key: str
    row: Row


Contents = Generator[tuple[Planned, bytes], None, None]


@dataclass
class Shard:
    """A shard to be: ``number`` within its split, ``count`` pictures; the digest grows with them."""

    split: str
    source: str
    number: int
    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def file(self) -> str:
        """Its path in the corpus folder."""
        return f"{self.split}/{self.source}-{self.digest.hexdigest()[:16]}.arrow"


def write(config: CorpusConfig, index: Index, places: list[Place], out: Path, workers: int) -> str:
    """Write the shards that are missing, then what `datasets` needs around them; gives the corpus's fingerprint.

    Raises CorpusError where a picture has changed since it was listed.
    """
    shards = _shards(config, index)
    sizes = index.finished()
    missing = {
        key: shard
        for key, shard in shards.items()
        if not (out / shard.file).is_file() or sizes.get(shard.file) != (out / shard.file).stat().st_size
    }
    if missing:
        (out / DONE).unlink(missing_ok=True)
        _write_missing(missing, config, index, places, out, workers)
    files = {name: [shard.file for _, shard in sorted(shards.items()) if shard.split == name] for name in SPLITS}
    fingerprint = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    write_frame(out, files, fingerprint, index.path.parent / "frame")
    return fingerprint


def _shards(config: CorpusConfig, index: Index) -> dict[tuple[str, int], Shard]:
    """All shards by split and number, each with the digest of everything that goes into it."""
    shards: dict[tuple[str, int], Shard] = {}
    for planned in _planned(index):
        key = planned.split, planned.shard
        if key not in shards:
            shards[key] = Shard(planned.split, planned.row.source, planned.shard)
            shards[key].digest.update(repr((_FORMAT, config.reencoding)).encode())
        shards[key].count += 1
        shards[key].digest.update(repr(planned.row).encode())
    return shards


def _planned(index: Index) -> Iterator[Planned]:
    """The pictures that stay, in order."""
    for values in index.pages(_COLUMNS, _PLAN, f"a.reason = {int(Reason.KEPT)}"):
        _, split, shard, path, key, label, source, category, group, digest, credit, licence = values
        row = Row(key.rsplit("/", 1)[-1], label, source, category, group, digest.hex(), credit, licence)
        yield Planned(SPLITS[split], shard, path, key, row)


def _write_missing(
    missing: dict[tuple[str, int], Shard],
    config: CorpusConfig,
    index: Index,
    places: list[Place],
    out: Path,
    workers: int,
) -> None:
    writers: dict[tuple[str, int], ShardWriter] = {}
    left = {key: shard.count for key, shard in missing.items()}
    wanted = (planned for planned in _planned(index) if (planned.split, planned.shard) in missing)
    with bar("write", sum(left.values())) as progress, ExitStack() as opened:
        contents = opened.enter_context(closing(_contents(wanted, places)))
        if config.reencoding is not None:
            contents = opened.enter_context(closing(_reencoded(contents, config.reencoding, workers)))
        for planned, content in contents:
            key = planned.split, planned.shard
            if key not in writers:
                writers[key] = opened.enter_context(ShardWriter(out / missing[key].file))
            writers[key].add(planned.row, content)
            progress.update(1)
            left[key] -= 1
            if not left[key]:
                index.finish(missing[key].file, writers.pop(key).close())


def _contents(wanted: Iterator[Planned], places: list[Place]) -> Contents:
    """Each picture with its bytes, which are those that were scanned."""
    streams = {place.source.name: place.source.pictures(place.folder) for place in places}
    for planned in wanted:
        try:
            if planned.path is None:
                picture = next(each for each in streams[planned.row.source] if each.key == planned.key)
                content = picture.read()
            else:
                content = Path(os.fsdecode(planned.path)).read_bytes()
        except (OSError, StopIteration):
            content = b""
        if sha256(content).hex() != planned.row.sha256:
            raise CorpusError(
                f'the picture {planned.key} of the source "{planned.row.source}" has changed or gone during the build:'
                " run the same command again"
            )
        yield planned, content


def _reencoded(contents: Contents, how: Reencoding, workers: int) -> Contents:
    under_way: deque[Planned] = deque()

    def tasks() -> Iterator[tuple[str, bytes, Reencoding]]:
        for planned, content in contents:
            under_way.append(planned)
            yield f'the picture {planned.key} of the source "{planned.row.source}"', content, how

    with closing(spread(reencode, tasks(), workers)) as results:
        for content in results:
            yield under_way.popleft(), content
