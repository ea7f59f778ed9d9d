from __future__ import annotations

import pytest

from unfake.detector.calibration import Thresholds
from unfake.detector.views import Box
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.ui import overlay

LIMITS = Thresholds(likely_real=0.2, likely_fake=0.8)
UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT = (0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (
            [(LOWER_LEFT, 0.84), (UPPER_RIGHT, 0.91)],
            "2 of 2 parts read as generated: upper right 91 %, lower left 84 %",
        ),
        ([(UPPER_LEFT, 0.3), (UPPER_RIGHT, 0.8)], "1 of 2 parts read as generated: upper right 80 %, upper left 30 %"),
        ([(UPPER_LEFT, None), (UPPER_RIGHT, 0.1)], "0 of 1 part reads as generated: upper right 10 %"),
        ([((0.0, 0.02, 1.0, 0.98), 0.999)], "1 of 1 part reads as generated: the whole picture over 99 %"),
        ([(UPPER_LEFT, None)], "No part could be read alone"),
        ([], "No part could be read alone"),
    ],
)
def test_parts_are_told_in_words(parts: list[tuple[Box, float | None]], told: str) -> None:
    assert overlay.parts_told([Region(box, probability) for box, probability in parts], LIMITS) == told


def test_of_many_parts_the_highest_are_told() -> None:
    regions = [Region(UPPER_LEFT, n / 10) for n in range(1, 10)]
    assert overlay.parts_told(regions, LIMITS) == (
        "2 of 9 parts read as generated: upper left 90 %, upper left 80 %, upper left 70 %, upper left 60 %, "
        "5 more at most 50 %"
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            ((0.9, 0.5, 0.5), (0.5, 0.5, 0.5), (0.5, 0.5, 0.1)),
            "generation upper left, most signs of a photograph lower",
        ),
        (((None, 0.6, 0.7),), "Heat map: most signs of generation middle right"),
        (((0.5, None),), "Heat map: no signs of either side"),
        (((None,),), "Heat map: no signs of either side"),
    ],
)
def test_a_heat_map_is_told_in_words(values: tuple[tuple[float | None, ...], ...], told: str) -> None:
    assert told in overlay.heat_told(Heatmap(len(values), len(values[0]), values))
