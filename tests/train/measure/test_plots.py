from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.fit.history import Epoch
from train.measure import plots

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 4000)
SCORES = RNG.normal(LABELS * 1.5, 1)
PROBABILITIES = 1 / (1 + np.exp(-SCORES))
HISTORY = [Epoch(i, 1e-4, 0.7 / i, 0.5, 0.8 / i + 0.1 * i, 0.5, None, None, None, None, 0) for i in range(1, 16)]
SOURCES = {"low": (0.2, 0.1, 0.3), "$high$ <&>": (0.9, 0.8, 1.0), "middle": (0.5, 0.4, 0.6), "none": (math.nan,) * 3}

PLOTS: dict[str, Callable[[Path], None]] = {
    "training_results": lambda path: plots.training_results(HISTORY, path),
    "confusion": lambda path: plots.confusion([[1500, 200], [300, 2000]], path),
    "roc": lambda path: plots.roc({d: (LABELS, SCORES + i) for i, d in enumerate(("clean", "web", "hard"))}, path),
    "reliability": lambda path: plots.reliability(LABELS, PROBABILITIES, path),
    "source_bars": lambda path: plots.source_bars(SOURCES, path, "AUC", 0.95),
    "many_sources": lambda path: plots.source_bars({f"s{i}": (i / 40, 0, 1) for i in range(40)}, path, "AUC"),
}


def texts(path: Path) -> list[str]:
    return ["".join(e.itertext()).strip() for e in ET.fromstring(path.read_text()).iter() if e.tag.endswith("}text")]  # noqa: S314 - our own file


@pytest.mark.parametrize("name", PLOTS)
def test_an_svg_is_small_the_same_each_time_and_loads_nothing(name: str, tmp_path: Path) -> None:
    for file in ("a.svg", "b.svg"):
        PLOTS[name](tmp_path / file)
    data = (tmp_path / "a.svg").read_bytes()
    assert data == (tmp_path / "b.svg").read_bytes()
    assert len(data) < 60_000
    assert b"<dc:date>" not in data
    assert b"<script" not in data
    assert texts(tmp_path / "a.svg")


@pytest.mark.parametrize("name", PLOTS)
def test_a_png_is_as_wide_as_a_phone_needs(name: str, tmp_path: Path) -> None:
    for file in ("a.png", "b.png"):
        PLOTS[name](tmp_path / file)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 768
        assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_training_is_blue_and_validation_red(tmp_path: Path) -> None:
    plots.training_results(HISTORY, tmp_path / "t.png")
    with Image.open(tmp_path / "t.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in (plots.BLUE, plots.RED):
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels - wanted).max(axis=1) < 8).sum() > 200
    plots.training_results(HISTORY, tmp_path / "t.svg")
    assert {"train", "validation", "best: epoch 3"} <= set(texts(tmp_path / "t.svg"))


def test_a_training_without_epochs_has_a_plot(tmp_path: Path) -> None:
    plots.training_results([], tmp_path / "t.svg")
    assert "Loss" in texts(tmp_path / "t.svg")


def test_the_confusion_matrix_counts_and_divides(tmp_path: Path) -> None:
    plots.confusion([[1500, 500], [0, 0]], tmp_path / "c.svg")
    said = " ".join(texts(tmp_path / "c.svg"))
    for part in ("1,500", "75%", "500", "25%", "0%"):
        assert part in said


def test_the_curves_are_named_with_their_auc(tmp_path: Path) -> None:
    plots.roc({"good": ([0, 0, 1, 1], [1, 2, 3, 4]), "chance": ([0, 1, 0, 1], [1, 1, 1, 1])}, tmp_path / "r.svg")
    assert {"good: AUC 1.000", "chance: AUC 0.500"} <= set(texts(tmp_path / "r.svg"))
    with pytest.raises(ValueError, match="the curve one needs pictures of both labels"):
        plots.roc({"one": ([1, 1], [0.1, 0.2])}, tmp_path / "r.svg")


def test_reliability_counts_each_bin_and_sums_up_the_error(tmp_path: Path) -> None:
    # given three pictures at 0.25, one of them fake, and one at 1.0 that is real
    plots.reliability([1, 0, 0, 0], [0.25, 0.25, 0.25, 1.0], tmp_path / "r.svg", bins=4)
    said = texts(tmp_path / "r.svg")
    # then the fake weighs 1/2 and each of the reals 1/6, and the error is |5/6 x 0.25 - 1/2| + |1/6 x (1 - 0)|
    assert f"measured, ECE {(0.5 - 5 / 24) + 1 / 6:.3f}" in said
    assert said.count("3") >= 1


def test_sources_are_sorted_named_and_left_out_where_there_is_no_value(tmp_path: Path) -> None:
    plots.source_bars(SOURCES, tmp_path / "s.svg", "AUC", 0.95)
    said = texts(tmp_path / "s.svg")
    names = [t for t in said if t in SOURCES]
    assert names == ["low", "middle", "$high$ <&>"]  # from the bottom up
    assert "target 0.95" in said
    assert {"0.20", "0.50", "0.90"} <= set(said)
