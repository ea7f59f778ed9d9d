"""Which pictures are left out because the corpus has them already, and which groups belong together because of it.

Same bytes: the first stays, in the order of the configuration; with both labels none does. Near duplicates of one label
(see `near`): a picture goes when one that stays is near it. Near duplicates across labels are kept where they share a
group, as a photo and the fake that was made from it do. Elsewhere one of the labels is probably wrong, and nobody
knows which: the two and everything that hangs together with them goes, because a wrong label in training costs more
than a lost picture.

All groups that hang together by copies, whether these stay or not, are tied: they have to lie in one split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from train.corpus.dedupe.near import Looks, join

Indices = NDArray[np.int64]


class Reason(IntEnum):
    """Why a picture is left out."""

    KEPT = 0
    EXACT = 1
    NEAR = 2
    CONFLICT = 3


@dataclass(frozen=True)
class Fate:
    """What becomes of N pictures, in the order of the configuration.

    ``reason`` int8 ``[N]``, of `Reason`. ``twin`` ``[N]``: the picture it is a copy of or in conflict with, -1 where
    there is none. ``tied`` ``[N]``: the first picture of all whose groups are tied to its own.
    """

    reason: NDArray[np.int8]
    twin: Indices
    tied: Indices


def dedupe(fake: NDArray[np.bool_], groups: Indices, digests: NDArray[np.bytes_], looks: Looks | None) -> Fate:
    """The fate of N pictures with these labels ``[N]``, groups ``[N]`` (any numbers), sha256 (S32 ``[N]``) and looks.

    Without ``looks`` only the bytes are compared.
    """
    size = len(fake)
    everyone = np.arange(size)
    first = _firsts(digests)  # of each picture the first with its bytes
    tied = join(everyone, [np.stack([everyone, _firsts(groups)]), np.stack([everyone, first])])
    reason = np.where(first == everyone, Reason.KEPT, Reason.EXACT).astype(np.int8)
    twin = np.where(first == everyone, -1, first)

    disputed = np.zeros(size, dtype=bool)  # by the first with the same bytes
    disputed[first[fake != fake[first]]] = True
    kept = np.nonzero(first == everyone)[0]
    parents = np.arange(len(kept)) if looks is None else looks.of(kept).components()
    for members in _components(parents, disputed[kept]):
        pictures = kept[members]
        if disputed[pictures].any() or _conflict(pictures, fake, tied, looks):
            reason[pictures] = Reason.CONFLICT
        elif looks is not None:
            _leave_out_near(pictures, fake, looks, reason, twin)
    tied = join(tied, [np.stack([kept, kept[parents]])])

    reason[reason[first] == Reason.CONFLICT] = Reason.CONFLICT
    again = (reason == Reason.EXACT) & (reason[first] == Reason.NEAR)
    twin[again] = twin[first[again]]
    _name_opponents(reason, twin, fake, first, kept[parents], kept)
    return Fate(reason, twin, tied)


def _firsts(values: NDArray[np.generic]) -> Indices:
    """Of each value the index of its first appearance."""
    _, firsts, inverse = np.unique(values, return_index=True, return_inverse=True)
    found: Indices = firsts[inverse]
    return found


def _components(parents: Indices, also: NDArray[np.bool_]) -> Iterator[Indices]:
    """The members, in order, of each component with two or more, and of those with one that is in ``also``."""
    order = np.argsort(parents, kind="stable")
    starts = np.nonzero(np.diff(parents[order], prepend=-1))[0]
    for members in np.split(order, starts[1:]):
        if len(members) > 1 or also[members].any():
            yield members


def _conflict(pictures: Indices, fake: NDArray[np.bool_], tied: Indices, looks: Looks | None) -> bool:
    """Whether two near pictures with different labels have groups that only this would tie.

    A real photo and its copy in another source count as one here: the fake made from the one is a twin of the other.
    """
    labels = fake[pictures]
    if looks is None or labels.all() or not labels.any():
        return False
    group = {int(each): int(each) for each in tied[pictures]}

    def root(picture: int) -> int:
        found = int(tied[picture])
        while group[found] != found:
            found = group[found]
        return found

    for place, picture in enumerate(pictures):
        alike = pictures[place + 1 :][labels[place + 1 :] == labels[place]]
        for other in alike[looks.near(picture, alike)]:
            group[root(other)] = root(picture)
    others = pictures[labels]
    return any(
        root(other) != root(picture) for picture in pictures[~labels] for other in others[looks.near(picture, others)]
    )


def _leave_out_near(
    pictures: Indices, fake: NDArray[np.bool_], looks: Looks, reason: NDArray[np.int8], twin: Indices
) -> None:
    staying: dict[bool, list[int]] = {False: [], True: []}
    for picture in pictures:
        before = np.array(staying[bool(fake[picture])], dtype=np.int64)
        near = before[looks.near(picture, before)]
        if len(near):
            reason[picture], twin[picture] = Reason.NEAR, near[0]
        else:
            staying[bool(fake[picture])].append(int(picture))


def _name_opponents(
    reason: NDArray[np.int8], twin: Indices, fake: NDArray[np.bool_], first: Indices, roots: Indices, kept: Indices
) -> None:
    """Give each picture in a conflict the first one of the other label in it."""
    root = np.empty(len(first), dtype=np.int64)
    root[kept] = roots
    root = root[first]
    opponents: dict[tuple[int, bool], int] = {}
    losers = np.nonzero(reason == Reason.CONFLICT)[0]
    for picture in losers:
        opponents.setdefault((int(root[picture]), bool(fake[picture])), int(picture))
    for picture in losers:
        twin[picture] = opponents[int(root[picture]), not fake[picture]]
