"""A bound on what is in use at a time."""

from __future__ import annotations

import threading

import pytest

from unfake.decoding.budget import BUSY, Budget
from unfake.errors import PictureTooSlow


def test_who_wants_more_than_is_free_waits_until_it_is_given_back() -> None:
    budget, done = Budget(10), threading.Event()
    first = budget.take(8, 1)

    def second() -> None:
        with budget.hold(5, 60):
            done.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not done.wait(0.05)
    budget.give_back(first)
    thread.join()

    assert done.is_set()
    assert budget.in_use == 0


def test_who_wants_more_than_there_is_goes_alone() -> None:
    budget = Budget(10)

    with budget.hold(1000, 1):
        assert budget.in_use == 10
        with pytest.raises(PictureTooSlow) as caught:
            budget.take(1, 0.01)

    assert str(caught.value) == BUSY
    assert budget.take(1, 1) == 1


def test_small_ones_do_not_overtake_a_large_one_for_ever() -> None:
    budget, order = Budget(10), []
    first = budget.take(5, 1)
    waiting = threading.Event()

    def large() -> None:
        waiting.set()
        with budget.hold(10, 60):
            order.append("large")

    thread = threading.Thread(target=large)
    thread.start()
    waiting.wait()
    while not budget.queued:
        pass
    with pytest.raises(PictureTooSlow):
        budget.take(1, 0.01)  # there is room, but not its turn
    budget.give_back(first)
    thread.join()

    assert order == ["large"]
