"""Which real pictures are edited: a few of many that pass by once, chosen by chance but the same in every run."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.corpus.source import Picture


@dataclass
class Choice:
    """The ``many`` pictures of all that are offered whose names have the smallest hash with ``salt``.

    Only they are held, and of those that have no file of their own, the bytes lie in ``folder`` meanwhile.
    """

    many: int
    salt: str
    folder: Path
    _heap: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    def offer(self, picture: Picture) -> None:
        """Take a picture, or leave it. Raises OSError where it cannot be kept."""
        name = hashlib.sha256(f"{self.salt}/{picture.source}/{picture.key}".encode()).hexdigest()
        rank = -int(name[:15], 16)  # heapq has the smallest first, and the one to give up is the largest
        if len(self._heap) == self.many and rank <= self._heap[0][0]:
            return
        original: dict[str, Any] = {
            "name": name[:16],
            "source": picture.source,
            "key": picture.key,
            "file": self._keep(picture, name[:16]),
            "group": picture.group,
            "category": picture.category,
            "credit": picture.credit,
            "licence": picture.licence,
        }
        heapq.heappush(self._heap, (rank, name, original))
        if len(self._heap) > self.many:
            _, given_up, _ = heapq.heappop(self._heap)
            (self.folder / given_up[:16]).unlink(missing_ok=True)

    def originals(self) -> Iterator[dict[str, Any]]:
        """The pictures chosen, by their hash."""
        for _, _, original in sorted(self._heap, reverse=True):
            yield original

    def __len__(self) -> int:
        return len(self._heap)

    def _keep(self, picture: Picture, name: str) -> str:
        """The file, relative to the folder above where it is kept here."""
        if isinstance(picture.content, Path):
            return str(picture.content.resolve())
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(picture.content)
        return f"{self.folder.name}/{name}"


def choose(reals: Iterable[Picture], choices: list[Choice]) -> None:
    """Offer every real picture to every choice, in one pass."""
    for picture in reals:
        if picture.label == "real":
            for choice in choices:
                choice.offer(picture)
