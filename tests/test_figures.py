"""The figures that we state belong to the weights that we ship."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from train.measure.check import figures_are_its_own
from unfake.detector.checkpoint import BUNDLED, SMALL, Checkpoint, load_folder


@pytest.fixture(params=[BUNDLED, SMALL], ids=lambda folder: folder.name)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return load_folder(request.param, origin="bundled")


def test_the_metrics_are_those_of_the_bundled_weights(checkpoint: Checkpoint) -> None:
    assert checkpoint.metrics()["weights"]["model.onnx"] == checkpoint.config.files["model.onnx"]
    assert "metrics.json" in checkpoint.config.files
    assert checkpoint.config.name == checkpoint.folder.name


@pytest.mark.slow
def test_the_metrics_follow_from_the_predictions_and_the_card_from_the_metrics(checkpoint: Checkpoint) -> None:
    figures_are_its_own(checkpoint)


def test_the_readme_says_what_the_cards_say() -> None:
    section = (ROOT / "README.md").read_text().split("## How far to trust it")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    cards = {folder.name: load_folder(folder, origin="bundled").card() for folder in (BUNDLED, SMALL)}
    assert len(rows) > 3
    assert all(any(row in card for card in cards.values()) for row in rows)
    named = re.findall(r"(unfake-[a-z0-9]+)@[0-9a-f]{12}", section)
    assert set(named) == set(cards)
    for checkpoint in re.finditer(r"(unfake-[a-z0-9]+)@[0-9a-f]{12}", section):
        assert checkpoint.group() in cards[checkpoint.group(1)]


def test_the_small_one_fits_into_a_space_without_lfs() -> None:
    assert all(path.stat().st_size < 10e6 for path in SMALL.rglob("*"))
