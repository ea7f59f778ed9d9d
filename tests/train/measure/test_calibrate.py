"""Calibration on made-up predictions whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.errors import RunError
from train.measure import calibrate
from train.measure.predictions import Prediction
from train.measure.protocol import Protocol
from unfake.detector.calibration import Label

PROTOCOL = Protocol(
    name="toy/1",
    folds={"a": ["one", "reals"], "b": ["two"]},
    paired=["one", "two"],
    calibrated_on=["one", "two", "reals"],
    portraits_and_cameras=["reals"],
    local_edits=["edited"],
    false_alarms=0.02,
    misses=0.02,
    asked_false_alarms=0.02,
    asked_misses=0.02,
    most=100,
    seed=0,
)


def predictions(
    source: str, network: str, count: int = 300, labels: str = "real fake", error: float = 0.3
) -> list[Prediction]:
    rng = np.random.default_rng(len(source) + len(network))
    found = []
    for label in labels.split():
        for number, margin in enumerate(rng.normal(1.5 if label == "fake" else -1.5, 1.5, count)):
            for delivery in ("clean", "web", "hard"):
                m = float(margin)
                found.append(Prediction(source, label, delivery, str(number), m, error, m, error, network))
    return found


@pytest.fixture(scope="module")
def measured() -> list[Prediction]:
    return [
        *predictions("one", "net-a"),
        *predictions("reals", "net-a", labels="real"),
        *predictions("two", "net-b"),
    ]


def test_calibration_recovers_the_true_slope(measured: list[Prediction]) -> None:
    # two Gaussians at ±m with deviation s have log odds 2 m x / s²
    found = calibrate.fit(measured)
    assert 1 / found.temperature == pytest.approx(2 * 1.5 / 1.5**2, rel=0.1)
    assert abs(found.bias) < 0.2


def test_a_source_ten_times_as_large_does_not_rule_the_calibration(measured: list[Prediction]) -> None:
    shifted = [replace(p, margin=p.margin + 4) for p in predictions("other", "net-a", 3000)]
    bias = calibrate.fit([*measured, *shifted]).bias
    plain = calibrate.fit(measured).bias
    assert bias < plain
    assert bias / calibrate.fit(shifted).bias < 0.75


def test_a_network_that_is_upside_down_is_refused() -> None:
    wrong = [replace(p, margin=-p.margin) for p in predictions("one", "net-a")]
    with pytest.raises(RunError, match="nothing to calibrate"):
        calibrate.fit(wrong)


def test_thresholds_keep_false_alarms_and_misses_down(measured: list[Prediction]) -> None:
    calibration, limits = calibrate.settle(measured, PROTOCOL, widening=1.0)
    judged = calibrate.judge([p for p in measured if p.delivery == "web"], calibration, limits)
    assert (judged.label[~judged.fake] == Label.LIKELY_FAKE).mean() <= 0.025
    assert (judged.label[judged.fake] == Label.LIKELY_REAL).mean() <= 0.025
    assert (judged.label[judged.fake] == Label.LIKELY_FAKE).mean() > 0.3
    assert limits.widening == 1.0


def test_where_labels_part_cleanly_the_thresholds_do_not_cross() -> None:
    clean = [replace(p, margin=9.0 if p.fake else -9.0) for p in predictions("one", "net-a", 40)]
    calibration = calibrate.fit([*clean, *predictions("two", "net-b")])
    limits = calibrate.thresholds(clean, calibration, 0.02, 0.02, 0.0)
    assert limits.likely_real < limits.likely_fake


def test_a_network_is_judged_by_what_the_others_settled(measured: list[Prediction]) -> None:
    groups = calibrate.crossfit(measured, PROTOCOL, 0.0)
    assert sum(len(members) for members, *_ in groups) == len(measured)
    for members, *settled in groups:
        (network,) = {p.part for p in members}
        others = [p for p in measured if p.part != network]
        assert tuple(settled) == calibrate.settle(others, PROTOCOL, 0.0)


def test_without_folds_the_validation_split_settles_and_the_test_split_is_judged() -> None:
    found = [
        *predictions("one", "validation"),
        *predictions("one", "test", 50),
        *predictions("two", "test", labels="real"),
    ]
    protocol = Protocol.of_splits(found, 300, 0)
    ((members, *settled),) = calibrate.crossfit(found, protocol, 1.0)
    assert {p.part for p in members} == {"test"}
    assert tuple(settled) == calibrate.settle([p for p in found if p.part == "validation"], protocol, 1.0)
    judged = calibrate.judge_all(found, protocol, 1.0)
    assert len(judged["all pictures"]["web"].fake) == 400
    metrics = calibrate.summary(judged, protocol)
    assert metrics["headline"]["web"]["auc"][0] > 0.8
    assert metrics["portraits_and_cameras"] == {}


def test_local_edits_are_never_fitted_on(measured: list[Prediction]) -> None:
    edits = predictions("edited", "net-a", labels="fake")
    protocol = replace(PROTOCOL, calibrated_on=[*PROTOCOL.calibrated_on, "edited"])
    assert calibrate.settle([*measured, *edits], protocol, 0.0) == calibrate.settle(measured, protocol, 0.0)


def test_a_verdict_that_re_encoding_changes_is_inconclusive_in_the_figures(measured: list[Prediction]) -> None:
    calibration, limits = calibrate.settle(measured, PROTOCOL, 0.0)
    sure = Prediction("one", "fake", "web", "x", 9.0, 0.1, 9.0, 0.1, "net-a")
    found = calibrate.judge([sure, replace(sure, margin_again=-9.0)], calibration, limits)
    assert list(found.label) == [Label.LIKELY_FAKE, Label.INCONCLUSIVE]


def test_the_summary_has_the_headline_the_sources_and_the_real_pictures(measured: list[Prediction]) -> None:
    found = calibrate.summary(calibrate.judge_all(measured, PROTOCOL, 0.0), PROTOCOL)
    value, low, high = found["headline"]["web"]["auc"]
    means = [found["sources"][s]["web"]["auc"][0] for s in PROTOCOL.paired]
    assert value == pytest.approx(np.mean(means), abs=1e-4)
    assert low < value < high
    assert found["portraits_and_cameras"]["web"]["real"] == 300
    assert found["sources"]["reals"]["web"]["auc"] is None


def test_the_widening_is_chosen_by_what_it_gives(measured: list[Prediction]) -> None:
    best, tried = calibrate.choose_widening(measured, PROTOCOL)
    assert set(tried) == {str(w) for w in calibrate.WIDENINGS}
    kept = [w for w in tried if tried[w]["real_called_fake"] <= 0.02]
    if kept:
        assert tried[str(best)]["fake_called_fake"] == max(tried[w]["fake_called_fake"] for w in kept)
