"""The figures that we state belong to the weights that we ship."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from train.check import figures_are_its_own
from unfake.detector.checkpoint import BUNDLED, load_folder


def test_the_metrics_are_those_of_the_bundled_weights() -> None:
    checkpoint = load_folder(BUNDLED, origin="bundled")
    assert checkpoint.metrics()["weights"]["model.onnx"] == checkpoint.config.files["model.onnx"]
    assert "metrics.json" in checkpoint.config.files


def test_the_metrics_follow_from_the_predictions_and_the_card_from_the_metrics() -> None:
    figures_are_its_own(load_folder(BUNDLED, origin="bundled"))


def test_the_readme_says_what_the_card_says() -> None:
    section = (ROOT / "README.md").read_text().split("## How far to trust it")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    card_text = load_folder(BUNDLED, origin="bundled").card()
    assert len(rows) > 3
    assert all(row in card_text for row in rows)
    checkpoint = re.search(r"unfake-lite0@[0-9a-f]{12}", section)
    assert checkpoint
    assert checkpoint.group() in card_text


def test_the_bundle_is_small_enough_for_a_space_without_lfs() -> None:
    assert all(path.stat().st_size < 10e6 for path in BUNDLED.rglob("*"))
