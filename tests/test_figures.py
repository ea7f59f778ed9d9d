"""The figures that we state belong to the weights that we ship."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from train.measure.check import figures_are_its_own
from unfake.detector.checkpoint import BUNDLED, SMALL, Checkpoint, load_folder

EXAMPLE = ("unfake-lite0", "0123456789ab")  # in the report of docs/api.md


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


@pytest.mark.parametrize(("folder", "document"), [(BUNDLED, "README.md"), (SMALL, "docs/accuracy.md")])
def test_the_documents_say_what_the_cards_say(folder: Path, document: str) -> None:
    card = load_folder(folder, origin="bundled").card()
    section = (ROOT / document).read_text().split("How far to trust it")[1].split("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == deliveries(card)


def test_the_documents_name_the_weights_that_ship() -> None:
    text = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    cards = {folder.name: load_folder(folder, origin="bundled").card() for folder in (BUNDLED, SMALL)}
    named = set(re.findall(r"(unfake-[a-z0-9]+)@([0-9a-f]{12})", text)) - {EXAMPLE}
    assert {name for name, _ in named} == set(cards)
    assert all(f"{name}@{revision}" in cards[name] for name, revision in named)


def deliveries(card: str) -> list[str]:
    """The lines of a card's table of deliveries, its first one: head, rule and a row for each."""
    first = card[card.index("| delivery |") :].split("\n\n", maxsplit=1)[0].splitlines()
    assert len(first) > 3
    return first


def test_the_small_one_fits_into_a_space_without_lfs() -> None:
    assert all(path.stat().st_size < 10e6 for path in SMALL.rglob("*"))
