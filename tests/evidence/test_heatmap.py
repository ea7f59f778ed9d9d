from __future__ import annotations

import numpy as np
import pytest

from unfake.detector.calibration import Calibration
from unfake.detector.views import ViewRule, cut
from unfake.evidence.heatmap import assemble

PLAIN = Calibration(1.0, 0.0)


def maps(*margins: np.ndarray) -> np.ndarray:
    stacked = np.stack(margins).astype(np.float32)
    return np.stack([np.zeros_like(stacked), stacked], axis=1)


def test_one_view_is_laid_out_as_it_is() -> None:
    found = assemble(maps(np.array([[-9.0, 0.0], [0.0, 9.0]])), [(0, 0, 1, 1)], PLAIN)
    assert (found.rows, found.columns) == (2, 2)
    assert found.values == ((0.0, 0.5), (0.5, 1.0))


def test_each_view_lands_on_its_own_place() -> None:
    left, right = np.full((2, 2), -9.0), np.full((2, 2), 9.0)
    found = assemble(maps(left, right), [(0, 0, 0.5, 1), (0.5, 0, 1, 1)], PLAIN)
    assert found.values == ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0))


def test_overlapping_views_are_averaged_and_gaps_stay_open() -> None:
    boxes = [(0, 0, 0.5, 1), (0, 0, 0.5, 1)]
    found = assemble(maps(np.full((2, 2), -4.0), np.full((2, 2), 4.0)), boxes, PLAIN)
    assert found.values == ((0.5, 0.5, None, None), (0.5, 0.5, None, None))


def test_a_view_with_one_value_covers_all_of_its_place() -> None:
    # given a near view in a corner and a far one in the middle
    boxes = [(0.0, 0.0, 0.5, 0.5), (0.25, 0.25, 0.75, 0.75)]
    found = assemble(maps(np.full((1, 1), -9.0), np.full((1, 1), 9.0)), boxes, PLAIN)
    assert (found.rows, found.columns) == (14, 14)
    values = np.array(found.values, dtype=float)
    # then each shows in its own place, both where they overlap, and nothing elsewhere
    assert (values[:3, :3] == 0.0).all()
    assert (values[4:7, 4:7] == 0.5).all()
    assert (values[8:10, 8:10] == 1.0).all()
    assert np.isnan(values[11:, :]).all()


@pytest.mark.parametrize("size", [(800, 600), (224, 224), (2000, 500), (64, 64)])
def test_covered_pictures_have_no_gaps(size: tuple[int, int]) -> None:
    views = cut(np.zeros((size[1], size[0], 3), np.uint8), ViewRule("crops", 224, 1280, 24))
    found = assemble(np.zeros((len(views.boxes), 2, 7, 7), np.float32), views.boxes, PLAIN)
    assert all(value == 0.5 for row in found.values for value in row)


def test_it_becomes_json() -> None:
    found = assemble(maps(np.zeros((1, 2))), [(0, 0, 1, 1)], PLAIN)
    assert found.to_json() == {"rows": 1, "columns": 2, "values": [[0.5, 0.5]]}
