from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unfake.detector.calibration import Calibration, Label, Thresholds
from unfake.detector.decision import Cause, Reading, as_portrait, decide, hangs_on_format, reencode
from unfake.detector.portrait import FILLS

CALIBRATION = Calibration(temperature=1.0, bias=0.0)
THRESHOLDS = Thresholds(likely_real=0.2, likely_fake=0.8, widening=1.0)


def never() -> Reading:
    raise AssertionError("the re-encoded picture was read for nothing")


@pytest.mark.parametrize(("margin", "label"), [(3.0, Label.LIKELY_FAKE), (-3.0, Label.LIKELY_REAL)])
def test_a_clear_picture_whose_copy_agrees_gets_its_label(margin: float, label: Label) -> None:
    found = decide(CALIBRATION, THRESHOLDS, Reading(margin, 0.1), lambda: Reading(margin, 0.1))
    assert found == (label, Cause.CLEAR)


def test_a_picture_between_the_thresholds_is_inconclusive_without_a_second_look() -> None:
    assert decide(CALIBRATION, THRESHOLDS, Reading(0.0, 0.0), never) == (Label.INCONCLUSIVE, Cause.BETWEEN)


@pytest.mark.parametrize("margin", [2.0, -2.0])
def test_views_that_disagree_widen_the_band(margin: float) -> None:
    assert decide(CALIBRATION, THRESHOLDS, Reading(margin, 1.0), never) == (Label.INCONCLUSIVE, Cause.DISAGREEMENT)
    same = Reading(margin, 0.2)
    assert decide(CALIBRATION, THRESHOLDS, same, lambda: same)[1] is Cause.CLEAR


@pytest.mark.parametrize("again", [-3.0, 0.0, float("nan")])
def test_a_label_that_re_encoding_changes_is_inconclusive(again: float) -> None:
    found = decide(CALIBRATION, THRESHOLDS, Reading(3.0, 0.0), lambda: Reading(again, 0.0))
    assert found == (Label.INCONCLUSIVE, Cause.REENCODING)


STRICT = Thresholds(likely_real=0.1, likely_fake=0.95, widening=1.0)
WITH_PORTRAITS = replace(THRESHOLDS, portrait=STRICT)


@pytest.mark.parametrize("margin", [2.0, -1.8])  # 88 % and 14 %: enough for any other picture
@pytest.mark.parametrize(("face", "fills"), [(FILLS, True), (FILLS - 0.001, False), (0.0, False)])
def test_a_picture_that_a_face_fills_is_judged_by_thresholds_of_its_own(
    margin: float, face: float, fills: bool
) -> None:
    reading = Reading(margin, 0.0)
    found = as_portrait(CALIBRATION, WITH_PORTRAITS, reading, lambda: face)
    own = WITH_PORTRAITS.of(found)
    assert (found, own) == (fills, STRICT if fills else THRESHOLDS)
    assert (decide(CALIBRATION, own, reading, lambda: reading)[0] is Label.INCONCLUSIVE) is fills


@pytest.mark.parametrize(
    ("thresholds", "margin"), [(WITH_PORTRAITS, 4.0), (WITH_PORTRAITS, 0.0), (WITH_PORTRAITS, -4.0), (THRESHOLDS, 2.0)]
)
def test_a_face_is_looked_for_only_where_the_label_depends_on_it(thresholds: Thresholds, margin: float) -> None:
    found = as_portrait(CALIBRATION, thresholds, Reading(margin, 0.0), pytest.fail)
    assert (found, thresholds.of(found)) == (False, THRESHOLDS)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(
    ("logit", "shift", "hangs"),
    [(1.8, 0.5, True), (1.0, 0.5, True), (-1.8, 0.5, True), (2.0, 0.5, False), (0.8, 0.5, False), (1.8, 0.0, False)],
)  # the thresholds lie at ±1.386
def test_an_answer_hangs_on_the_format_where_the_shift_of_one_reaches_a_threshold(
    temperature: float, logit: float, shift: float, hangs: bool
) -> None:
    limits = replace(THRESHOLDS, shift=shift)
    reading = Reading(logit * temperature, 0.0)
    assert hangs_on_format(Calibration(temperature, 0.0), limits, reading) is hangs


def test_disagreement_is_the_standard_error_over_views() -> None:
    logits = np.array([[0, 1], [0, 3], [1, 0], [0, 5]], np.float32)  # margins 1, 3, -1, 5
    found = Reading.of(logits)
    assert found.margin == pytest.approx(2.0)
    assert found.error == pytest.approx(np.std([1, 3, -1, 5], ddof=1) / 2)
    assert Reading.of(logits[:1]) == Reading(1.0, 0.0)


def test_the_disagreement_is_measured_after_the_temperature() -> None:
    warm = Calibration(temperature=10.0, bias=0.0)
    reading = Reading(20.0, 5.0)  # logit 2, error 0.5
    assert decide(warm, THRESHOLDS, reading, lambda: reading)[0] is Label.LIKELY_FAKE
    assert decide(warm, THRESHOLDS, Reading(20.0, 10.0), never)[0] is Label.INCONCLUSIVE


def test_re_encoding_shrinks_and_loses_fine_detail_only() -> None:
    rng = np.random.default_rng(0)
    smooth = np.tile(np.linspace(0, 255, 200, dtype=np.uint8)[:, None, None], (1, 160, 3))
    noisy = np.clip(smooth.astype(int) + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)
    found = reencode(noisy)
    assert found.shape == (150, 120, 3)
    assert found.dtype == np.uint8
    assert abs(float(found.mean()) - float(noisy.mean())) < 2
    assert found.astype(float).std(axis=1).mean() < noisy.astype(float).std(axis=1).mean()


def test_re_encoding_is_the_one_that_the_figures_were_measured_with() -> None:
    # given three quarters of the size and a JPEG at 70 (docs/protocol.md), made here by hand
    pixels = np.random.default_rng(1).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((90, 60), Image.Resampling.LANCZOS).save(file, "JPEG", quality=70, subsampling=2)
    # then the picture is the same to the last bit
    assert np.array_equal(reencode(pixels), np.asarray(Image.open(file)))


def test_re_encoding_a_sliver_leaves_a_pixel() -> None:
    assert reencode(np.zeros((1, 300, 3), np.uint8)).shape == (1, 225, 3)
