from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from train.deliveries import DELIVERIES, draw, jpeg


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_seed_repeats_the_draw() -> None:
    assert draw(np.random.default_rng(3)) == draw(np.random.default_rng(3))
    assert draw(np.random.default_rng(3)) != draw(np.random.default_rng(4))


def test_draws_cover_what_sites_do() -> None:
    rng = np.random.default_rng(0)
    found = [draw(rng) for _ in range(500)]
    assert {len(steps) for steps in found} == {1, 2}
    qualities = [s.quality for steps in found for s in steps if s.quality is not None]
    assert (min(qualities), max(qualities)) == (45, 96)
    assert 0.2 < min(math.prod(s.scale for s in steps) for steps in found) < 0.4
    assert any(s.quality is None for steps in found for s in steps)


def test_draws_are_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    found = [draw(rng) for _ in range(3000)]
    steps = [step for each in found for step in each]

    def share(of: list[bool]) -> float:
        return sum(of) / len(of)

    assert share([step.quality is not None for step in steps]) == pytest.approx(0.9, abs=0.03)
    assert share([step.subsampling == 2 for step in steps]) == pytest.approx(0.75, abs=0.03)
    assert share([len(each) == 2 for each in found]) == pytest.approx(0.3, abs=0.03)


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
