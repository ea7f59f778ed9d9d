"""The benchmark of boxes on composites: what it pastes, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks.composites import area, highest, paste
from unfake.evidence.regions import Region

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_the_pasted_square_lies_where_it_says(seed: int) -> None:
    made = paste(Image.new("RGB", (900, 600)), Image.new("RGB", (300, 500), "white"), np.random.default_rng(seed))
    left, top, right, bottom = made.pasted
    width, height = (right - left) * 900, (bottom - top) * 600
    assert width == pytest.approx(height)
    assert 0.2 * 600 - 1 <= width <= 0.4 * 600
    rows, columns = np.nonzero(made.pixels.mean(axis=2) > 127)
    middle = (columns.mean() + 0.5) / 900, (rows.mean() + 0.5) / 600
    assert middle == pytest.approx(((left + right) / 2, (top + bottom) / 2), abs=0.005)
    assert made.centre_in(LEFT) == (middle[0] < 0.5)
    assert made.centre_in(RIGHT) == (middle[0] >= 0.5)


def test_the_same_seed_gives_the_same_composite() -> None:
    real, fake = Image.new("RGB", (500, 500), "teal"), Image.new("RGB", (500, 500), "white")
    first, again, other = (paste(real, fake, np.random.default_rng(seed)).pixels for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_highest_region_counts_where_there_is_a_choice() -> None:
    low, high = Region(LEFT, 0.4), Region(RIGHT, 0.6)
    assert highest((low, high)) is high
    assert highest((high,)) is None
    assert area(LEFT) == 0.5
