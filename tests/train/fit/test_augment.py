from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from scipy.stats import ks_2samp

from tests.train.toy_dataset import write_corpus
from train.deliveries import Step, draw
from train.fit import augment
from train.fit.augment import PlainTransform, TrainTransform, deliver, grid, visible
from train.fit.config import FitConfig, parse
from train.fit.data import Pictures, load_corpus
from unfake.detector.views import ViewRule, cut
from unfake.evidence.stability import web

RANDOM = "flip rotation brightness contrast saturation hue affine translate scale perspective erasing"
OFF = dict.fromkeys(RANDOM.split(), 0)


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Soft coloured patches, with an edge."""
    pixels = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2] //= 2
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(3))


def config(size: int = 96, **values: Any) -> FitConfig:
    return parse({"image_size": size, "augment": values})


def test_validation_sees_what_the_app_sees() -> None:
    # given no delivery, then the network's input is the app's view, normalised
    settings = config(validation_delivery=False)
    tensor = PlainTransform(settings)(scene())
    view = cut(np.asarray(scene()), ViewRule("squash", 96)).pixels[0]
    expected = (torch.from_numpy(view.copy()).permute(2, 0, 1) / 255 - torch.tensor(settings.mean).view(3, 1, 1)) / (
        torch.tensor(settings.std).view(3, 1, 1)
    )
    torch.testing.assert_close(tensor, expected, atol=1e-5, rtol=0)
    # and with the delivery it is the view of the delivered picture
    delivered = PlainTransform(config(long_side=200, quality=70))(scene())
    view = cut(np.asarray(web(scene(), 200, 70)), ViewRule("squash", 96)).pixels[0]
    assert np.array_equal(np.asarray(visible(delivered, settings)), view)


def test_training_without_any_augmentation_is_the_plain_view() -> None:
    settings = config(delivery=False, validation_delivery=False, **OFF)
    assert torch.equal(TrainTransform(settings)(scene(), (1, 2)), PlainTransform(settings)(scene()))


@pytest.mark.parametrize(
    "on",
    [
        {"flip": 1},
        {"rotation": 15},
        {"brightness": 0.2},
        {"hue": 0.05},
        {"affine": 5},
        {"translate": 0.1},
        {"scale": 0.1},
        {"perspective": 1},
        {"erasing": 1},
        {"delivery": True},
    ],
    ids=lambda on: next(iter(on)),
)
def test_each_augmentation_does_something_and_a_seed_repeats_it(on: dict[str, float]) -> None:
    settings = config(96, **{"delivery": False, **OFF, **on})
    plain = PlainTransform(config(validation_delivery=False))(scene())
    one, again, other = (TrainTransform(settings)(scene(), seed) for seed in ((1, 0), (1, 0), (1, 5)))
    assert one.shape == (3, 96, 96)
    assert one.dtype == torch.float32
    assert torch.equal(one, again)
    assert not torch.equal(one, plain)
    if on != {"flip": 1}:
        assert not torch.equal(one, other)


def test_chance_comes_from_the_seed_and_leaves_the_generator_alone() -> None:
    transform, image = TrainTransform(config()), scene()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = transform(image, (3, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(transform(image, (3, 1, 2)), one)


def test_a_whole_picture_is_delivered_as_drawn() -> None:
    steps = (Step(0.5, Image.Resampling.BICUBIC, 60, 2), Step(0.8, Image.Resampling.BILINEAR, None, 2))
    assert deliver(scene(1000, 600), steps, 800).size == (320, 192)
    # and a small one is not shrunk away
    assert deliver(scene(100, 70), steps, 800).size == (91, 64)
    assert deliver(scene(50, 40), steps, 800).size == (50, 40)
    # and it is compressed: what JPEG takes away is gone
    compressed = (Step(1.0, Image.Resampling.BICUBIC, 30, 2),)
    assert not np.array_equal(np.asarray(deliver(scene(), compressed, 800)), np.asarray(scene()))


def test_both_labels_are_delivered_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a corpus, and a note of each delivery that is drawn
    data = Pictures(load_corpus(write_corpus(tmp_path)), "train", TrainTransform(config(32, **OFF)), seed=1)
    drawn: list[tuple[Step, ...]] = []

    def noting(rng: np.random.Generator) -> tuple[Step, ...]:
        drawn.append(draw(rng))
        return drawn[-1]

    monkeypatch.setattr(augment, "draw", noting)
    labels = [data[(epoch, index, index)].label for epoch in range(1, 6) for index in range(len(data))]
    # then shrinking, quality and number of passes come from one distribution (Kolmogorov and Smirnov's test)
    numbers = np.array([(math.prod(s.scale for s in steps), steps[0].quality or 100, len(steps)) for steps in drawn])
    for what in numbers.T:
        real, fake = (what[np.array(labels) == label] for label in (0, 1))
        assert len(real) == len(fake) == 120
        assert ks_2samp(real, fake).pvalue > 0.01


def test_the_contact_sheet_shows_pictures_that_differ(tmp_path: Path) -> None:
    # given the sheet of a corpus, written and read again
    settings = config(64, delivery=True)
    data = Pictures(load_corpus(write_corpus(tmp_path / "corpus")), "train", PlainTransform(settings), seed=1)
    grid(data, settings, rows=4, columns=5, tile=64).save(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (76 + 5 * 68, 22 + 4 * 68)
        pixels = np.asarray(sheet).astype(int)
    tiles = pixels[22:, 76:].reshape(4, 68, 5, 68, 3).transpose(0, 2, 1, 3, 4)[:, :, :64, :64]
    # then each augmented picture differs from the plain one and from the others of its row
    for row in tiles:
        for i in range(5):
            for j in range(i):
                assert np.abs(row[i] - row[j]).mean() > 1
    # and real and fake take turns: the fake ones are noisy, even after the deliveries
    noise = [np.abs(np.diff(row[0], axis=0)).mean() for row in tiles]
    assert min(noise[1::2]) > max(noise[::2])


def test_the_command_writes_the_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "grid.png"
    monkeypatch.setattr(sys, "argv", ["augment", str(corpus), "--out", str(out), "--rows", "2", "--columns", "2"])
    augment.main()
    assert str(out) in capsys.readouterr().out
    with Image.open(out) as sheet:
        assert sheet.width > 2 * 192
