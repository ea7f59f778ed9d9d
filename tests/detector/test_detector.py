from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SAMPLES
from unfake.detector.calibration import Calibration, Label, Thresholds
from unfake.detector.checkpoint import load_folder
from unfake.detector.decision import reencode
from unfake.detector.detector import Detector
from unfake.detector.views import Pixels, cut
from unfake.errors import FacesFailed
from unfake.evidence.faces import FaceDetector
from unfake.intake import from_path


@pytest.fixture(scope="module")
def detector(toy: Path) -> Detector:
    return Detector.load(load_folder(toy), "cpu", "f32")


def test_a_picture_gets_a_probability_and_a_map(detector: Detector) -> None:
    found = detector.detect(from_path(SAMPLES / "astronaut.jpg").pixels)
    assert found.verdict.probability is not None
    assert 0 < found.verdict.probability < 1
    assert found.verdict.label in {
        Label.INCONCLUSIVE,
        detector.checkpoint.config.thresholds.label(found.verdict.probability),
    }
    assert found.views == 9
    assert found.heatmap is not None
    assert (found.heatmap.rows, found.heatmap.columns) == (16, 16)


@pytest.mark.parametrize("name", ["astronaut.jpg", "smiling-woman.jpg"])
def test_the_verdict_is_the_mean_of_what_its_regions_say(detector: Detector, name: str) -> None:
    found = detector.detect(from_path(SAMPLES / name).pixels)
    calibration = detector.checkpoint.config.calibration
    assert len(found.regions) == found.views
    each = [region.probability for region in found.regions]
    assert all(probability is not None for probability in each)
    logits = [math.log(p / (1 - p)) for p in each if p is not None]
    margins = [(logit - calibration.bias) * calibration.temperature for logit in logits]
    assert found.verdict.probability == pytest.approx(calibration.probability(sum(margins) / len(margins)), abs=1e-5)
    assert len(set(each)) > 1


def test_a_network_of_one_value_a_view_gives_regions_and_no_map(detector: Detector) -> None:
    class Whole:
        name = "whole"

        def run(self, views: Pixels) -> tuple[np.ndarray, np.ndarray]:
            logits = np.stack([np.zeros(len(views)), np.arange(len(views))], axis=1).astype(np.float32)
            return logits, logits[:, :, None, None]

    found = Detector(detector.checkpoint, Whole()).detect(from_path(SAMPLES / "astronaut.jpg").pixels)
    calibration = detector.checkpoint.config.calibration
    assert found.heatmap is None
    assert [region.probability for region in found.regions] == [calibration.probability(n) for n in range(9)]
    assert found.regions[0].box[:2] == (0.0, 0.0)


@pytest.mark.slow
def test_the_verdict_depends_on_the_picture(detector: Detector) -> None:
    margins = {round(detector.read(from_path(path).pixels).margin, 3) for path in SAMPLES.glob("*.jpg")}
    assert len(margins) == len(list(SAMPLES.glob("*.jpg")))


def test_the_same_picture_gets_the_same_answer(detector: Detector) -> None:
    pixels = from_path(SAMPLES / "espresso.jpg").pixels
    assert detector.detect(pixels) == detector.detect(pixels)


@pytest.mark.parametrize("shape", [(63, 500, 3), (500, 63, 3), (1, 1, 3)])
def test_a_tiny_picture_is_not_applicable_and_says_why(detector: Detector, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    verdict = detector.detect(noise).verdict
    assert verdict.label is Label.NOT_APPLICABLE
    assert verdict.probability is None
    assert "64 px" in verdict.reason
    assert f"{shape[1]} × {shape[0]}" in verdict.reason


def test_64_px_is_enough(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert detector.detect(noise).verdict.label is not Label.NOT_APPLICABLE


@pytest.mark.parametrize("colour", [(200, 200, 200), (255, 0, 0)])
def test_a_flat_picture_is_not_applicable(detector: Detector, colour: tuple[int, int, int]) -> None:
    verdict = detector.detect(np.full((300, 300, 3), colour, dtype=np.uint8)).verdict
    assert verdict.label is Label.NOT_APPLICABLE
    assert "flat colour" in verdict.reason


@pytest.mark.parametrize(("levels", "flat"), [(7, True), (8, False)])
def test_a_picture_of_few_levels_is_flat_and_one_of_more_is_not(detector: Detector, levels: int, flat: bool) -> None:
    pixels = np.full((100, 100, 3), 100, np.uint8)
    pixels[50:] += np.uint8(levels)
    assert (detector.detect(pixels).verdict.label is Label.NOT_APPLICABLE) is flat


def test_a_clear_label_is_asked_of_the_re_encoded_picture_too(detector: Detector) -> None:
    seen: list[Pixels] = []

    class Fickle:
        name = "fickle"

        def run(self, views: Pixels) -> tuple[np.ndarray, np.ndarray]:
            seen.append(views)
            fake = 99 if len(seen) == 1 else -99
            return np.tile(np.array([0, fake], np.float32), (len(views), 1)), np.zeros(
                (len(views), 2, 7, 7), np.float32
            )

    pixels = from_path(SAMPLES / "espresso.jpg").pixels
    verdict = Detector(detector.checkpoint, Fickle()).detect(pixels).verdict
    assert verdict.label is Label.INCONCLUSIVE
    assert "recompressed copy" in verdict.reason
    rule = detector.checkpoint.config.views
    assert len(seen) == 2
    assert np.array_equal(seen[0], cut(pixels, rule).pixels)
    assert np.array_equal(seen[1], cut(reencode(pixels), rule).pixels)


def test_numbers_that_are_none_become_no_verdict(detector: Detector) -> None:
    class Broken:
        name = "broken"

        def run(self, views: Pixels) -> tuple[np.ndarray, np.ndarray]:
            return np.full((len(views), 2), np.nan, np.float32), np.zeros((len(views), 2, 7, 7), np.float32)

    verdict = Detector(detector.checkpoint, Broken()).detect(from_path(SAMPLES / "espresso.jpg").pixels).verdict
    assert (verdict.label, verdict.probability) == (Label.NOT_APPLICABLE, None)


class Sure:
    """A network that reads the same margin off every view."""

    name = "sure"

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def run(self, views: Pixels) -> tuple[np.ndarray, np.ndarray]:
        logits = np.tile(np.array([0.0, self.margin], np.float32), (len(views), 1))
        return logits, logits[:, :, None, None]


@pytest.fixture
def careful(detector: Detector) -> Detector:
    """One that says AI from 80 % on, and of portraits from 99 % on, of pictures that it reads 90 % off."""
    limits = Thresholds(0.2, 0.8, reencoding=False, portrait=Thresholds(0.1, 0.99, reencoding=False))
    config = replace(detector.checkpoint.config, calibration=Calibration(1.0, 0.0), thresholds=limits)
    return Detector(replace(detector.checkpoint, config=config), Sure(math.log(9)))


@pytest.mark.parametrize(("name", "portrait"), [("golden-light", True), ("astronaut", False), ("dandelions", False)])
def test_a_portrait_needs_more_to_be_called_generated(careful: Detector, name: str, portrait: bool) -> None:
    found = careful.detect(from_path(SAMPLES / f"{name}.jpg").pixels)
    assert found.portrait is portrait
    assert found.verdict.label is (Label.INCONCLUSIVE if portrait else Label.LIKELY_FAKE)
    assert found.verdict.probability == pytest.approx(0.9)
    assert ("A face fills the picture" in found.verdict.reason) is portrait
    assert ("between 10% and 99%" in found.verdict.reason) is portrait


@pytest.mark.parametrize(
    ("shift", "margin", "label", "says"),
    [
        (0.9, math.log(9), Label.LIKELY_FAKE, "can come out inconclusive"),  # 90 %, and 79 % by the shift
        (0.5, math.log(9), Label.LIKELY_FAKE, ""),
        (0.9, 1.0, Label.INCONCLUSIVE, "can get a verdict"),  # 73 %, and 87 %
        (0.2, 1.0, Label.INCONCLUSIVE, ""),
    ],
)
def test_an_answer_that_another_file_format_can_change_says_so(
    careful: Detector, shift: float, margin: float, label: Label, says: str
) -> None:
    limits = replace(careful.checkpoint.config.thresholds, shift=shift)
    config = replace(careful.checkpoint.config, thresholds=limits)
    near = Detector(replace(careful.checkpoint, config=config), Sure(margin))
    verdict = near.detect(from_path(SAMPLES / "dandelions.jpg").pixels).verdict
    assert verdict.label is label
    assert ("It depends on the file format" in verdict.reason) is bool(says)
    assert says in verdict.reason


@pytest.mark.parametrize("problem", [FacesFailed("No."), RuntimeError("broken"), MemoryError()], ids=repr)
def test_where_the_search_for_a_face_fails_there_is_no_verdict_that_rests_on_it(
    careful: Detector, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(FaceDetector, "find", fail)
    found = careful.detect(from_path(SAMPLES / "astronaut.jpg").pixels)
    assert (found.verdict.label, found.portrait) == (Label.INCONCLUSIVE, False)
    assert "the search for a face failed" in found.verdict.reason
    # and a verdict that needs no search stands
    sure = Detector(careful.checkpoint, Sure(9.0)).detect(from_path(SAMPLES / "astronaut.jpg").pixels)
    assert sure.verdict.label is Label.LIKELY_FAKE
