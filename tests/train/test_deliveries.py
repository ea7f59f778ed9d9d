from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from train.deliveries import DELIVERIES, Delivery, Step, deliver, draw, jpeg


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1280, 960), (450, 340), (224, 224), (200, 90), (1280, 150)])
def test_every_draw_gives_a_crop_from_every_picture(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    pixels = noise(*size)
    for _ in range(60):
        crop = deliver(pixels, 224, draw(rng), rng)
        assert crop.shape == (224, 224, 3)
        assert crop.dtype == np.uint8


def test_a_seed_repeats_the_draw() -> None:
    assert draw(np.random.default_rng(3)) == draw(np.random.default_rng(3))
    assert draw(np.random.default_rng(3)) != draw(np.random.default_rng(4))


def test_without_resize_and_jpeg_the_pixels_are_native() -> None:
    untouched = Delivery((Step(1.0, Image.Resampling.BICUBIC, None, 2),), False, 1.0, 1.0, 1.0)
    pixels = noise(400, 300)
    crop = deliver(pixels, 224, untouched, np.random.default_rng(1))
    places = np.lib.stride_tricks.sliding_window_view(pixels, (224, 224, 3))[:, :, 0]
    assert any(
        np.array_equal(crop, places[y, x])
        for y in range(77)
        for x in range(177)
        if places[y, x, 0, 0, 0] == crop[0, 0, 0]
    )


def test_draws_cover_what_sites_do() -> None:
    rng = np.random.default_rng(0)
    found = [draw(rng) for _ in range(500)]
    assert {len(d.steps) for d in found} == {1, 2}
    qualities = [s.quality for d in found for s in d.steps if s.quality is not None]
    assert (min(qualities), max(qualities)) == (45, 96)
    assert 0.2 < min(d.scale for d in found) < 0.4
    assert any(s.quality is None for d in found for s in d.steps)


def test_wide_draws_show_most_of_a_picture() -> None:
    rng = np.random.default_rng(0)
    assert min(draw(rng, wide=1.0).scale for _ in range(300)) < 0.15
    assert all(draw(rng, wide=1.0).scale < 1.0 for _ in range(50))


def test_the_measured_deliveries_are_what_they_are_called() -> None:
    image = Image.fromarray(noise(2000, 1000))
    assert DELIVERIES["clean"](image) is image
    assert DELIVERIES["web"](image).size == (1080, 540)
    assert DELIVERIES["hard"](image).size == (512, 256)
    assert DELIVERIES["web"](Image.fromarray(noise(300, 200))).size == (300, 200)


def test_jpeg_loses_something_and_less_at_a_higher_quality() -> None:
    image = Image.fromarray(noise(64, 64))
    lost = [np.abs(np.asarray(jpeg(image, q)).astype(int) - np.asarray(image)).mean() for q in (50, 95)]
    assert lost[0] > lost[1] > 0
