"""Twins: real pictures' fake doubles, and pairs that are made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from train import roundtrip
from train.data import PairConfig, PairedCrops, PixelStore, read_pool
from train.twins import KINDS, blended, mixed, upsampled
from unfake.detector.views import Pixels, ViewRule


def scene(height: int = 160, width: int = 200) -> Pixels:
    """Smooth shades."""
    coarse = Image.fromarray(np.random.default_rng(1).integers(40, 216, (6, 7, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def grid_energy(pixels: Pixels) -> float:
    """How much of a picture changes from each column to the next and back: what a grid of two pixels does."""
    grey: NDArray[np.float64] = pixels.mean(axis=2)
    signs = (-1.0) ** np.arange(grey.shape[1])
    return float(np.abs((grey * signs).mean(axis=1)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_shows_the_same_picture(kind: str) -> None:
    for seed in range(5):
        real, twin = KINDS[kind](scene(), np.random.default_rng(seed))
        assert real.shape == twin.shape == (160, 200, 3)
        assert real.dtype == twin.dtype == np.uint8
        difference = np.abs(real.astype(int) - twin)
        assert 0 < difference.mean() < 12


def test_an_upsampled_twin_has_a_grid_that_its_real_picture_has_not() -> None:
    pairs = [upsampled(scene(), np.random.default_rng(seed)) for seed in range(8)]
    assert np.mean([grid_energy(twin) for _, twin in pairs]) > 2 * np.mean([grid_energy(real) for real, _ in pairs])


def test_an_odd_side_is_cut_by_a_pixel_in_both() -> None:
    real, twin = upsampled(scene(161, 203), np.random.default_rng(0))
    assert real.shape == twin.shape == (160, 202, 3)


def test_a_blended_twin_differs_in_a_part_only() -> None:
    for seed in range(5):
        pixels = scene()
        real, twin = blended(pixels, np.random.default_rng(seed))
        assert np.array_equal(real, pixels)
        changed = np.abs(real.astype(int) - twin).max(axis=2) > 2
        assert 0.02 < changed.mean() < 0.6
        assert changed[40:120, 50:150].mean() > changed.mean()


def test_mixing_stays_between_the_two() -> None:
    real, twin = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 200, np.uint8)
    for seed in range(20):
        assert np.unique(mixed(real, twin, np.random.default_rng(seed))).item() in range(150, 201)


def taef2(folder: Path) -> Path:
    """Weights with the names and shapes of the autoencoder's, at random."""
    rng = torch.Generator().manual_seed(0)
    middle = {"encoder": (11, 12, 13), "decoder": (3, 4, 5)}
    layers: dict[str, dict[int, str]] = {
        "encoder": dict.fromkeys((1, 3, 4, 5, 7, 8, 9, 11, 12, 13), "block")
        | {0: "in", 2: "down", 6: "down", 10: "down", 14: "out"},
        "decoder": dict.fromkeys((3, 4, 5, 8, 9, 10, 13, 14, 15, 18), "block")
        | {1: "in", 7: "up", 12: "up", 17: "up", 19: "out"},
    }
    channels = {"encoder": (3, 32), "decoder": (32, 3)}
    folder.mkdir()
    for part, kinds in layers.items():
        state: dict[str, torch.Tensor] = {}

        def conv(
            name: str, out: int, inner: int, side: int = 3, *, bias: bool = True, into: dict[str, torch.Tensor]
        ) -> None:
            into[f"{name}.weight"] = torch.randn(out, inner, side, side, generator=rng) * (1 / (inner * side**2)) ** 0.5
            if bias:
                into[f"{name}.bias"] = torch.zeros(out)

        for number, kind in sorted(kinds.items()):
            match kind:
                case "in":
                    conv(f"{number}", 64, channels[part][0], into=state)
                case "out":
                    conv(f"{number}", channels[part][1], 64, into=state)
                case "down" | "up":
                    conv(f"{number}", 64, 64, bias=False, into=state)
                case "block":
                    for place in (0, 2, 4):
                        conv(f"{number}.conv.{place}", 64, 64, into=state)
            if number in middle[part]:
                conv(f"{number}.pool.0", 256, 64, 1, bias=False, into=state)
                state |= {f"{number}.pool.1.weight": torch.ones(256), f"{number}.pool.1.bias": torch.zeros(256)}
                conv(f"{number}.pool.3", 64, 256, 1, bias=False, into=state)
        torch.save(state, folder / f"taef2_{part}.pth")
    return folder


def test_twins_through_an_autoencoder_lie_in_a_store(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build(read_pool(pool), ViewRule("crops", 64, 96, 4), tmp_path / "pixels")
    roundtrip.make(store, frozenset(), taef2(tmp_path / "taef2"), 2, tmp_path / "twins", seed=1)
    made = PixelStore(tmp_path / "twins")
    assert [e["label"] for e in made.entries] == ["real", "fake"] * 2
    assert all(made[i].shape == (roundtrip.SIDE, roundtrip.SIDE, 3) for i in range(4))
    assert not np.array_equal(made[0], made[1])


def test_both_of_a_pair_of_twins_go_through_one_window_and_one_delivery(pool: Path, tmp_path: Path) -> None:
    # given twins that do not differ
    store = PixelStore.build(read_pool(pool), ViewRule("crops", 64, 96, 4), tmp_path / "pixels")
    (tmp_path / "twins").mkdir()
    noise = np.random.default_rng(2).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    (tmp_path / "twins" / "pixels.bin").write_bytes(noise.tobytes() * 2)
    places = [{"source": "s", "label": label, "height": 100, "width": 100} for label in ("real", "fake")]
    entries = [place | {"start": number * noise.size} for number, place in enumerate(places)]
    (tmp_path / "twins" / "entries.json").write_text(json.dumps(entries))
    # then neither do the crops
    config = PairConfig(64, twinned=1.0, twins=(str(tmp_path / "twins"),))
    stream = iter(PairedCrops(store, config, seed=1))
    for _ in range(10):
        crops, labels = next(stream)
        assert torch.equal(crops[0], crops[1])
        assert labels.tolist() == [0, 1]


def test_kinds_of_twins_are_drawn_from_real_pictures(pool: Path, tmp_path: Path) -> None:
    store = PixelStore.build(read_pool(pool), ViewRule("crops", 64, 96, 4), tmp_path / "pixels")
    stream = iter(PairedCrops(store, PairConfig(64, twinned=1.0, twins=tuple(KINDS)), seed=1))
    for _ in range(10):
        crops, _ = next(stream)
        # the pool's fakes are noisy
        assert crops.float().std(dim=(1, 2)).mean() < 15
