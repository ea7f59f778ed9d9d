from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from unfake.detector.calibration import Calibration
from unfake.detector.views import Box, ViewRule, cut
from unfake.evidence import heatmap
from unfake.evidence.heatmap import Heatmap

PLAIN = Calibration(1.0, 0.0)


def assemble(found: np.ndarray, boxes: Sequence[Box]) -> Heatmap:
    """The map, where there is one."""
    whole = heatmap.assemble(found, boxes, PLAIN)
    assert whole is not None
    return whole


def maps(*margins: np.ndarray) -> np.ndarray:
    stacked = np.stack(margins).astype(np.float32)
    return np.stack([np.zeros_like(stacked), stacked], axis=1)


def test_one_view_is_laid_out_as_it_is() -> None:
    found = assemble(maps(np.array([[-9.0, 0.0], [0.0, 9.0]])), [(0, 0, 1, 1)])
    assert (found.rows, found.columns) == (2, 2)
    assert found.values == ((0.0, 0.5), (0.5, 1.0))


def test_each_view_lands_on_its_own_place() -> None:
    left, right = np.full((2, 2), -9.0), np.full((2, 2), 9.0)
    found = assemble(maps(left, right), [(0, 0, 0.5, 1), (0.5, 0, 1, 1)])
    assert found.values == ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0))


def test_overlapping_views_are_averaged_and_gaps_stay_open() -> None:
    boxes = [(0, 0, 0.5, 1), (0, 0, 0.5, 1)]
    found = assemble(maps(np.full((2, 2), -4.0), np.full((2, 2), 4.0)), boxes)
    assert found.values == ((0.5, 0.5, None, None), (0.5, 0.5, None, None))


def test_one_value_for_a_whole_view_is_no_map() -> None:
    boxes = [(0.0, 0.0, 0.5, 0.5), (0.25, 0.25, 0.75, 0.75)]
    assert heatmap.assemble(maps(np.full((1, 1), -9.0), np.full((1, 1), 9.0)), boxes, PLAIN) is None
    assert heatmap.assemble(maps(np.zeros((1, 2))), boxes[:1], PLAIN) is not None


@pytest.mark.parametrize("size", [(800, 600), (224, 224), (2000, 500), (64, 64)])
def test_covered_pictures_have_no_gaps(size: tuple[int, int]) -> None:
    views = cut(np.zeros((size[1], size[0], 3), np.uint8), ViewRule("crops", 224, 1280, 24))
    found = assemble(np.zeros((len(views.boxes), 2, 7, 7), np.float32), views.boxes)
    assert all(value == 0.5 for row in found.values for value in row)


def test_it_becomes_json() -> None:
    found = assemble(maps(np.zeros((1, 2))), [(0, 0, 1, 1)])
    assert found.to_json() == {"rows": 1, "columns": 2, "values": [[0.5, 0.5]]}
