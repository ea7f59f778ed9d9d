from __future__ import annotations

import io

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


def test_draws_are_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    found = [draw(rng) for _ in range(3000)]
    steps = [step for each in found for step in each.steps]

    def share(of: list[bool]) -> float:
        return sum(of) / len(of)

    assert share([step.quality is not None for step in steps]) == pytest.approx(0.9, abs=0.03)
    assert share([step.subsampling == 2 for step in steps]) == pytest.approx(0.75, abs=0.03)
    assert share([len(each.steps) == 2 for each in found]) == pytest.approx(0.3, abs=0.03)
    assert share([each.flip for each in found]) == pytest.approx(0.5, abs=0.03)
    changes = [amount for each in found for amount in (each.brightness, each.contrast, each.colour)]
    assert share([amount == 1 for amount in changes]) == pytest.approx(0.5, abs=0.03)
    assert (min(changes), max(changes)) == pytest.approx((0.9, 1.1), abs=0.01)


@pytest.mark.parametrize(
    ("name", "size", "files"),
    [
        ("web", (1080, 720), [("JPEG", {"quality": 80, "subsampling": 2})]),
        (
            "hard",
            (512, 341),
            [("JPEG", {"quality": 60, "subsampling": 2}), ("JPEG", {"quality": 50, "subsampling": 2})],
        ),
        ("webp", (1080, 720), [("WEBP", {"quality": 80})]),
        ("heic", (1300, 867), [("HEIF", {"quality": 90, "enc_params": {"preset": "ultrafast"}})]),
        ("thumb", (400, 267), [("JPEG", {"quality": 80, "subsampling": 2})]),
    ],
)
def test_a_measured_delivery_is_the_one_that_the_protocol_describes(
    name: str, size: tuple[int, int], files: list[tuple[str, dict[str, object]]]
) -> None:
    # given what docs/protocol.md says of it, done here by hand
    rows = np.arange(867)[:, None, None] * np.array([1, 2, 3])
    pixels = (rows + np.arange(1300)[None, :, None] * 5) % 251
    image = Image.fromarray(pixels.astype(np.uint8))
    expected = image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image
    for codec, options in files:
        file = io.BytesIO()
        expected.save(file, codec, **options)
        expected = Image.open(file).convert("RGB")
    # then the pictures are the same to the last bit
    assert np.array_equal(np.asarray(DELIVERIES[name](image)), np.asarray(expected))


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
