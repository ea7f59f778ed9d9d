from __future__ import annotations

import math

import numpy as np
import pytest

from unfake.detector.calibration import Calibration, Label, Thresholds, margin


def test_probability_is_the_sigmoid_of_the_scaled_margin() -> None:
    assert Calibration(2.0, 0.5).probability(3.0) == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert Calibration(1.0, 0.0).probability(0.0) == 0.5


def test_probability_stays_in_range_at_any_margin() -> None:
    assert Calibration(0.1, 0).probability(1e9) == 1.0
    assert Calibration(0.1, 0).probability(-1e9) == 0.0


@pytest.mark.parametrize(
    ("probability", "label"),
    [
        (0.0, Label.LIKELY_REAL),
        (0.2, Label.LIKELY_REAL),
        (0.2001, Label.INCONCLUSIVE),
        (0.8999, Label.INCONCLUSIVE),
        (0.9, Label.LIKELY_FAKE),
        (1.0, Label.LIKELY_FAKE),
    ],
)
def test_labels_abstain_between_the_thresholds(probability: float, label: Label) -> None:
    assert Thresholds(0.2, 0.9).label(probability) is label


@pytest.mark.parametrize("pair", [(0.9, 0.2), (0.5, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_crossed_thresholds_are_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Thresholds(*pair)


@pytest.mark.parametrize("pair", [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, math.inf)])
def test_a_calibration_that_gives_no_probability_is_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="temperature"):
        Calibration(*pair)


def test_margin_is_the_mean_over_views() -> None:
    assert margin(np.array([[0.0, 1.0], [2.0, 0.0]], dtype=np.float32)) == -0.5


def test_a_threshold_moves_by_widening_times_the_disagreement() -> None:
    limits = Thresholds(0.2, 0.8, widening=2.0)
    logit = math.log(0.9 / 0.1)
    assert limits.label(0.9) is Label.LIKELY_FAKE
    assert limits.label(0.9, (logit - math.log(4)) / 2 - 1e-6) is Label.LIKELY_FAKE
    assert limits.label(0.9, (logit - math.log(4)) / 2 + 1e-6) is Label.INCONCLUSIVE
    assert limits.label(0.1, (logit - math.log(4)) / 2 - 1e-6) is Label.LIKELY_REAL
    assert limits.label(0.1, (logit - math.log(4)) / 2 + 1e-6) is Label.INCONCLUSIVE
    assert limits.label(1.0, 5.0) is Label.LIKELY_FAKE


@pytest.mark.parametrize("widening", [-0.1, math.nan, math.inf])
def test_a_widening_that_narrows_or_is_no_number_is_refused(widening: float) -> None:
    with pytest.raises(ValueError, match="widening"):
        Thresholds(0.2, 0.8, widening)
