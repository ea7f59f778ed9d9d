"""Training views: of the right size, from the scales that the app reads, alike for both labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from train.bundled.drawn import CODEC_SHARES, CODECS, FAR, NEAR, Drawing, DrawnViews, view
from train.bundled.pixels import PixelStore
from train.deliveries import encoded
from train.pool import read_pool
from unfake.detector.views import Pixels, ViewRule


def gradient(width: int, height: int) -> Pixels:
    """Left to right from black to white, so that a view's span says how much of the picture it shows."""
    line = np.linspace(0, 255, width)
    return np.repeat(np.broadcast_to(line[None, :, None], (height, width, 1)), 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(1280, 853), (300, 1280), (100, 140), (224, 224)])
@pytest.mark.parametrize("kind", [NEAR, FAR])
def test_a_view_has_the_network_s_size_whatever_the_picture(kind: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        assert view(gradient(*size), kind, Drawing(), rng).shape == (224, 224, 3)


def span(kind: str, drawing: Drawing) -> float:
    rng = np.random.default_rng(1)
    views = [view(gradient(1280, 853), kind, drawing, rng).astype(int) for _ in range(30)]
    return float(np.median([np.ptp(each[112, :, 0]) for each in views])) / 255


def test_a_far_view_shows_as_much_as_the_app_s() -> None:
    # 224 of 448 px: half of the width, however the picture was delivered
    assert span(FAR, Drawing(far_side=448, far_sides=(448, 449))) == pytest.approx(0.5, abs=0.06)


def test_a_near_view_shows_less() -> None:
    assert span(NEAR, Drawing()) < span(FAR, Drawing())


def test_both_pictures_of_a_pair_are_drawn_from_their_label_and_only_where_they_have_weight(
    pool: Path, tmp_path: Path
) -> None:
    rows = read_pool(pool)
    store = PixelStore.build(rows, ViewRule("crops", 224, 1280), tmp_path / "pixels")
    one = [row.source == "one" and row.name == "0.png" for row in rows]
    pairs = iter(DrawnViews(store, np.array(one, dtype=float), Drawing(), 5))
    for _ in range(6):
        views, labels = next(pairs)
        assert labels.tolist() == [0, 1]
        spread = views.float().std(dim=(1, 2)).mean(-1)
        assert spread[1] > spread[0]  # the pool's fakes are noise, its reals smooth


def test_a_picture_may_come_twice_in_a_row_and_each_time_on_a_way_of_its_own(pool: Path, tmp_path: Path) -> None:
    rows = read_pool(pool)
    store = PixelStore.build(rows, ViewRule("crops", 224, 1280), tmp_path / "pixels")
    one = [row.source == "one" and row.name == "0.png" for row in rows]
    views, labels = next(iter(DrawnViews(store, np.array(one, dtype=float), Drawing(), 5, repeats=2)))
    assert labels.tolist() == [0, 0, 1, 1]
    assert len(views) == 4
    spread = views.float().std(dim=(1, 2)).mean(-1)
    assert spread[2:].min() > spread[:2].max()
    assert not torch.equal(views[2], views[3])


def test_the_codecs_are_what_people_meet_and_each_loses_something() -> None:
    assert sum(CODEC_SHARES) == pytest.approx(1)
    noise = Image.effect_noise((64, 64), 60).convert("RGB")
    for codec in CODECS:
        again = encoded(noise, codec, 50)
        assert again.size == noise.size
        assert np.asarray(again).tobytes() != np.asarray(noise).tobytes()
