from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import SAMPLES
from unfake.detector.calibration import Thresholds
from unfake.evidence import drawing
from unfake.evidence.regions import Region
from unfake.intake import from_path

THRESHOLDS = Thresholds(0.1, 0.9)
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance by WCAG 2.2 of uint8 RGB ``[..., 3]``."""
    channels = pixels / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_a_box_and_its_number_stand_out_on_any_picture(grey: int) -> None:
    picture = np.full((480, 640, 3), grey, np.uint8)
    drawn = drawing.draw_on(picture, [Region((0.25, 0.25, 0.75, 0.75), 0.83)], THRESHOLDS)
    background = float(luminance(picture[0, 0]))
    across = luminance(drawn[300, 150:180])  # over the left line
    contrast = [(max(line, background) + 0.05) / (min(line, background) + 0.05) for line in across]
    assert max(contrast) > 4.5  # WCAG 2.2, 1.4.3
    plate = luminance(drawn[122:150, 162:230])
    assert plate.max() > 0.9
    assert plate.min() < 0.02
    assert (drawn[:110] == grey).all()  # nothing outside the box


def test_the_colour_is_that_of_the_label() -> None:
    drawn = [
        drawing.draw_on(np.zeros((200, 200, 3), np.uint8), [Region((0, 0, 1, 1), probability)], THRESHOLDS)
        for probability in (0.05, 0.5, 0.95, None)
    ]
    for picture, colour in zip(drawn, drawing.COLOURS.values(), strict=True):
        assert (picture[:, -10:] == colour).all(axis=2).any()
        others = [other for other in drawing.COLOURS.values() if other != colour]
        assert not any((picture[:, -10:] == other).all(axis=2).any() for other in others)


def test_each_number_is_its_own() -> None:
    size = (600, 400)
    one = drawing.overlay(size, [Region(LEFT, 0.2)], THRESHOLDS)
    other = drawing.overlay(size, [Region(LEFT, 0.7)], THRESHOLDS)
    assert one.tobytes() != other.tobytes()
    both = drawing.overlay(size, [Region(LEFT, 0.2), Region(RIGHT, 0.7)], THRESHOLDS)
    assert both.crop((0, 0, 300, 400)).tobytes() == one.crop((0, 0, 300, 400)).tobytes()


def test_boxes_in_one_place_have_numbers_side_by_side() -> None:
    box = (0.1, 0.1, 0.9, 0.9)
    alone = np.asarray(drawing.overlay((400, 400), [Region(box, 0.5)], THRESHOLDS))
    twice = np.asarray(drawing.overlay((400, 400), [Region(box, 0.5), Region(box, 0.5)], THRESHOLDS))
    inside = (slice(50, 140), slice(50, 140))  # of the lines
    count = [(each[inside].min(axis=2) > 200).sum() for each in (alone, twice)]
    assert count[1] > count[0] > 0


@pytest.mark.parametrize("size", [(64, 64), (2, 2), (3, 900), (900, 3), (1, 1)])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.99, 0.99, 1, 1), (0, 0, 1e-9, 1e-9), (-0.5, -0.5, 1.5, 1.5)])
def test_any_size_and_any_box_can_be_drawn(size: tuple[int, int], box: tuple[float, float, float, float]) -> None:
    assert drawing.overlay(size, [Region(box, 0.5), Region(box, None)], THRESHOLDS).size == size


def test_without_regions_the_picture_stays_as_it_is() -> None:
    pixels = from_path(SAMPLES / "pagoda.jpg").pixels
    assert (drawing.draw_on(pixels, [], THRESHOLDS) == pixels).all()
    assert drawing.overlay((10, 10), [], THRESHOLDS).getbbox() is None


def test_a_region_becomes_json() -> None:
    assert Region((0, 0.25, 1 / 3, 1), 0.123456).to_json() == {"box": [0, 0.25, 0.3333, 1], "probability": 0.1235}
    assert Region(LEFT, None).to_json() == {"box": list(LEFT), "probability": None}
