from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unfake.detector.views import Box, ViewRule, cut, working_size

CROPS = ViewRule("crops", size=224, long_side=1280, max_views=12)


def picture(width: int, height: int) -> np.ndarray:
    """A picture whose red tells the column and whose green tells the row."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    return pixels


def test_crops_are_native_pixels_when_the_picture_fits() -> None:
    pixels = picture(800, 600)
    views = cut(pixels, CROPS)
    assert views.pixels.shape == (12, 224, 224, 3)
    for view, (left, top, right, bottom) in zip(views.pixels, views.boxes, strict=True):
        x, y = round(left * 800), round(top * 600)
        assert np.array_equal(view, pixels[y : y + 224, x : x + 224])
        assert (round(right * 800), round(bottom * 600)) == (x + 224, y + 224)


def test_crops_reach_every_corner() -> None:
    boxes = cut(picture(1000, 700), CROPS).boxes
    assert min(b[0] for b in boxes) == 0
    assert min(b[1] for b in boxes) == 0
    assert max(b[2] for b in boxes) == 1
    assert max(b[3] for b in boxes) == 1


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((1280, 960), (4, 3)),
        ((960, 1280), (3, 4)),
        ((1280, 640), (5, 2)),
        ((1280, 320), (6, 2)),
        ((500, 400), (3, 2)),
        ((224, 1280), (1, 6)),
    ],
)
def test_fewer_crops_lie_as_evenly_as_the_picture_is_shaped(size: tuple[int, int], grid: tuple[int, int]) -> None:
    boxes = cut(picture(*size), CROPS).boxes
    assert (len({left for left, *_ in boxes}), len({top for _, top, *_ in boxes})) == grid


def test_a_single_crop_lies_in_the_middle() -> None:
    ((left, top, right, bottom),) = cut(picture(600, 400), ViewRule("crops", 224, 1280, 1)).boxes
    assert (left + right, top + bottom) == pytest.approx((1, 1))


def test_a_view_is_resized_by_antialiased_bicubic_interpolation() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    expected = Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(cut(noise, ViewRule("squash", 64)).pixels[0], np.asarray(expected))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4000, 3000), (1280, 960)),
        ((100, 64), (350, 224)),
        ((500, 400), (500, 400)),
        ((224, 224), (224, 224)),
    ],
)
def test_large_pictures_shrink_and_small_ones_grow(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert working_size(*size, CROPS) == expected


@pytest.mark.parametrize("size", [(64, 64), (5000, 80), (80, 5000), (3000, 3000), (225, 224)])
def test_any_shape_gives_one_to_twelve_views(size: tuple[int, int]) -> None:
    views = cut(picture(*size), CROPS)
    assert 1 <= len(views.pixels) <= 12
    assert views.pixels.shape[1:] == (224, 224, 3)
    assert len(set(views.boxes)) == len(views.boxes)


def test_squash_takes_the_whole_picture() -> None:
    views = cut(picture(300, 100), ViewRule("squash", 600))
    assert views.pixels.shape == (1, 600, 600, 3)
    assert views.boxes == ((0, 0, 1, 1),)
    assert views.pixels[0, 300, 5, 0] < 10
    assert views.pixels[0, 300, 595, 0] > 245


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "tiles", "size": 224},
        {"kind": "crops", "size": 224, "long_side": 100},
        {"kind": "squash", "size": 9},
        {"kind": "crops", "size": 224, "long_side": 500, "max_views": 0},
        {"kind": "crops", "size": 224, "long_side": 500, "max_views": 2, "far_side": 600, "far_views": 1},
        {"kind": "crops", "size": 224, "long_side": 500, "max_views": 2, "far_side": 100, "far_views": 1},
        {"kind": "crops", "size": 224, "long_side": 500, "max_views": 2, "far_side": 448, "far_views": -1},
        {"kind": "crops", "size": 224, "long_side": 500, "max_views": 5, "diagonal": True},
        {
            "kind": "crops",
            "size": 224,
            "long_side": 500,
            "max_views": 4,
            "far_side": 448,
            "far_views": 1,
            "diagonal": True,
        },
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"view|side"):
        ViewRule(**rule)  # type: ignore[arg-type]


def test_far_views_show_more_of_the_picture() -> None:
    # given a picture whose brightness rises to the right, in 100 px a step of 25
    ramp = np.arange(1000, dtype=np.float32) / 4
    pixels = np.broadcast_to(ramp[None, :, None].astype(np.uint8), (800, 1000, 3))
    views = cut(pixels, ViewRule("crops", 224, 1280, 2, 448, 1))
    # then the near ones are cut from it as it is, and the far one from a picture of 448 px
    assert len(views.pixels) == len(views.boxes) == 3
    widths = [right - left for left, _, right, _ in views.boxes]
    assert widths == pytest.approx([0.224, 0.224, 0.5])
    spans = [int(view[0, -1, 0]) - int(view[0, 0, 0]) for view in views.pixels]
    assert spans[0] == pytest.approx(56, abs=2)
    assert spans[2] == pytest.approx(125, abs=4)


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((400, 300), [(0, 0, 0.75, 1), (0.25, 0, 1, 1)]),  # two of two by one
        ((400, 600), [(0.25, 0, 1, 0.5), (0, 0.5, 0.75, 1)]),  # of two by two, without upper left and lower right
        ((900, 300), [(0, 0, 1 / 3, 1), (2 / 3, 0, 1, 1)]),  # of three in a row
        ((1200, 300), [(0.25, 0, 0.5, 1), (0.5, 0, 0.75, 1)]),  # of four in a row
    ],
)
def test_of_four_views_those_on_a_diagonal_are_taken(size: tuple[int, int], boxes: list[Box]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    rule = ViewRule("crops", 300, 1200, 4, diagonal=True)
    found, every = cut(pixels, rule), cut(pixels, replace(rule, diagonal=False))
    assert [pytest.approx(box) for box in boxes] == list(found.boxes)
    for box, view in zip(found.boxes, found.pixels, strict=True):
        assert np.array_equal(view, every.pixels[every.boxes.index(box)])


def test_a_rule_survives_json() -> None:
    diagonal = ViewRule("crops", 224, 448, 4, diagonal=True)
    assert ViewRule(**diagonal.to_json()) == diagonal
    far = ViewRule("crops", 224, 1280, 2, 448, 1)
    assert ViewRule(**far.to_json()) == far
    assert ViewRule(**CROPS.to_json()) == CROPS
    assert ViewRule(**ViewRule("squash", 600).to_json()) == ViewRule("squash", 600)
