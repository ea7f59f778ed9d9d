"""The figures that we state belong to the weights that we ship."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from train.measure.check import figures_are_its_own
from unfake.detector.checkpoint import BUNDLED, Checkpoint, load_folder

EXAMPLE = ("unfake-efficientnet-b7", "0123456789ab")  # in the report of docs/api.md


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_folder(BUNDLED, origin="bundled")


def test_the_metrics_are_those_of_the_bundled_weights(checkpoint: Checkpoint) -> None:
    assert checkpoint.metrics()["weights"]["model.onnx"] == checkpoint.config.files["model.onnx"]
    assert "metrics.json" in checkpoint.config.files
    assert checkpoint.config.name == checkpoint.folder.name


@pytest.mark.slow
def test_the_metrics_follow_from_the_predictions_and_the_card_from_the_metrics(checkpoint: Checkpoint) -> None:
    figures_are_its_own(checkpoint)


def test_the_readme_says_what_the_card_says(checkpoint: Checkpoint) -> None:
    section = (ROOT / "README.md").read_text().split("How far to trust it")[1].split("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == deliveries(checkpoint.card())


def test_the_documents_name_the_weights_that_ship(checkpoint: Checkpoint) -> None:
    text = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    named = set(re.findall(r"(unfake-[a-z0-9-]+)@([0-9a-f]{12})", text)) - {EXAMPLE}
    assert {f"{name}@{revision}" for name, revision in named} == {checkpoint.id}
    assert checkpoint.id in checkpoint.card()


def deliveries(card: str) -> list[str]:
    """The lines of a card's table of deliveries, its first one: head, rule and a row for each."""
    first = card[card.index("| delivery |") :].split("\n\n", maxsplit=1)[0].splitlines()
    assert len(first) > 3
    return first


def test_only_the_weights_need_lfs_in_a_space(checkpoint: Checkpoint) -> None:
    large = {path for path in checkpoint.folder.rglob("*") if path.stat().st_size >= 10e6}
    assert large == {checkpoint.safetensors_path}
