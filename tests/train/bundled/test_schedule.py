from __future__ import annotations

import pytest

from train.bundled.running import Running
from train.bundled.schedule import learning_rate


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [learning_rate(step, 100, 1.0, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[99] < 0.001


def test_a_running_mean_is_unbiased_and_forgets() -> None:
    loss = Running()
    loss.add(3.0)
    assert loss.mean == pytest.approx(3.0)
    for _ in range(500):
        loss.add(1.0)
    assert loss.mean == pytest.approx(1.0, abs=0.001)
