"""How much of a picture a face fills."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import SAMPLES
from unfake.detector.portrait import FILLS, face_share
from unfake.detector.views import Pixels, resize
from unfake.intake import from_path


def sample(name: str) -> Pixels:
    return from_path(SAMPLES / f"{name}.jpg").pixels


@pytest.mark.parametrize(
    ("name", "fills"), [("smiling-woman", True), ("golden-light", True), ("hiker", False), ("astronaut", False)]
)
def test_a_portrait_is_filled_by_its_face_and_a_person_in_a_scene_does_not_fill_it(name: str, fills: bool) -> None:
    found = face_share(sample(name))
    assert found > 0
    assert (found >= FILLS) is fills


@pytest.mark.parametrize("name", ["dandelions", "ginger-cat", "espresso"])
def test_a_picture_without_people_has_none(name: str) -> None:
    assert face_share(sample(name)) == 0


def test_the_share_is_of_the_short_side_and_no_matter_of_size() -> None:
    pixels = sample("smiling-woman")  # 400 px square
    whole = face_share(pixels)
    assert face_share(resize(pixels, 1600, 1600)) == pytest.approx(whole, abs=0.03)
    beside = np.concatenate((pixels, np.full_like(pixels[:, :200], 128)), axis=1)
    assert face_share(beside) == pytest.approx(whole, abs=0.05)
    under = np.concatenate((pixels, np.full_like(pixels[:200], 128)), axis=0)
    assert face_share(under) == pytest.approx(whole, abs=0.05)
