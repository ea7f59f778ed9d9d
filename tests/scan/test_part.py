from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import pytest

from tests.scan.made import Reader
from unfake.batch import Member
from unfake.errors import PictureError, ScanError
from unfake.intake import Limits
from unfake.scan.part import MOST_FAILURES, Begin, parts
from unfake.scan.source import Shard, State
from unfake.services import Services


class Numbers:
    """A source and its stream: pictures that are numbers, from where it was left. ``read``: gives their bytes."""

    address = "numbers"

    def __init__(self, count: int, read: Callable[[int], bytes] = lambda number: b"%d" % number) -> None:
        self.count, self.read, self.next = count, read, 0

    def open(self, shard: Shard, state: State, limits: Limits) -> Numbers:
        self.next = state.get("next", 0)
        return self

    def __iter__(self) -> Iterator[Member]:
        while self.next < self.count:
            self.next += 1
            yield Member(str(self.next - 1), partial(self.read, self.next - 1))

    def state(self) -> State:
        return {"next": self.next}

    def close(self) -> None:
        pass


SERVICES = cast(Services, Reader())


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])])
def test_a_shard_is_cut_into_parts_and_the_last_one_says_so(count: int, sizes: list[int]) -> None:
    found = list(parts(SERVICES, Numbers(count), Begin(Shard(3)), 4))
    assert [len(part.rows) for part in found] == sizes
    assert [part.number for part in found] == list(range(len(sizes)))
    assert [part.last for part in found] == [False] * (len(sizes) - 1) + [True]
    assert [row.source for part in found for row in part.rows] == [str(number) for number in range(count)]


def test_each_part_can_be_gone_on_with_by_the_state_of_the_one_before() -> None:
    whole = list(parts(SERVICES, Numbers(11), Begin(Shard(0)), 4))
    begin = Begin(Shard(0))
    for part in whole[:-1]:
        begin = begin.after(part)
        assert list(parts(SERVICES, Numbers(11), begin, 4)) == whole[part.number + 1 :]


def test_a_picture_without_a_verdict_keeps_what_is_known_of_it() -> None:
    def read(number: int) -> bytes:
        if number:
            raise PictureError("It is not there.")
        return b"zero"

    (part,) = parts(SERVICES, Numbers(2, read), Begin(Shard(0)), 4)
    there, gone = part.rows
    assert (there.sha256, there.bytes, there.error) == (
        hashlib.sha256(b"zero").hexdigest(),
        4,
        "Nothing was looked for.",
    )
    assert (gone.sha256, gone.bytes, gone.error) == (None, None, "It is not there.")


def test_a_place_that_fails_again_and_again_stops_the_scan_before_a_part_is_made_of_it() -> None:
    def fails(number: int, least: int) -> bytes:
        if number < least:
            raise ConnectionError("no route")
        return b"there"

    (part,) = parts(SERVICES, Numbers(60, partial(fails, least=MOST_FAILURES - 1)), Begin(Shard(0)), 100)
    assert part.rows[0].error == "The picture could not be fetched (ConnectionError: no route)."
    with pytest.raises(ScanError, match=f"{MOST_FAILURES} pictures in a row"):
        list(parts(SERVICES, Numbers(60, partial(fails, least=MOST_FAILURES)), Begin(Shard(0)), 100))
