"""Peers of the benchmark: what is around them. None of them is installed here; our own checkpoint stands in."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers.measure import PeerFailed, measure
from benchmarks.peers.table import table
from tests.train.conftest import write_pool
from train.measure.predictions import Prediction, load, save
from train.pool import read_pool


def prediction(label: str, margin: float, source: str = "game", picture: str = "p") -> Prediction:
    return Prediction(source=source, label=label, delivery="web", picture=picture, margin=margin)


def test_the_table_has_a_column_for_each_file(tmp_path: Path) -> None:
    # given one detector that parts the labels and one that is of two minds, which skipped a source and a picture
    right = [prediction("real", -1), prediction("fake", 1), prediction("fake", -9, picture="only here")]
    save([*right, prediction("real", 3, "cameras")], tmp_path / "right.csv")
    save([prediction("real", 1), prediction("fake", 1)], tmp_path / "torn.csv")
    # then both stand in one row, with how many pictures of each label both have
    text = table([tmp_path / "right.csv", tmp_path / "torn.csv"])
    assert "| delivery | source | right | torn |" in text
    assert "| web | game | 1.00 (1.00–1.00) [1+1] | 0.50 (0.50–0.50) [1+1] |" in text
    assert "| web | cameras | – [1+0] | – |" in text
    assert "| web | game | 0% / 100% | 100% / 100% |" in text
    assert "| web | cameras | 100% / – | – |" in text


@pytest.mark.slow
def test_a_peer_answers_from_its_own_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given pictures of which one is too small for the app
    rows = read_pool(write_pool(tmp_path / "pool", {"one": 2}))
    rows += read_pool(write_pool(tmp_path / "small", {"tiny": 1}, size=40))
    # when our own checkpoint is measured as a peer
    monkeypatch.setattr("benchmarks.peers.measure.KEPT_EVERY", 2)
    kept: list[list[Prediction]] = []
    found = measure("unfake", rows, ("clean", "web"), keep=kept.append)
    # then each picture but that one has a score at both deliveries, and the file can be read again
    assert {(p.source, p.label, p.delivery, p.picture) for p in found.predictions} == {
        ("one", label, delivery, f"{number}.png")
        for label in ("real", "fake")
        for delivery in ("clean", "web")
        for number in range(2)
    }
    assert found.without == {}
    # and one that was stopped goes on: what was kept of it is not measured again, and nothing else changes
    save(kept[0], tmp_path / "p.csv")
    known = load(tmp_path / "p.csv")
    assert 0 < len(known) < len(found.predictions)
    marked = [replace(p, margin=p.margin + 100) for p in known]
    again = measure("unfake", rows, ("clean", "web"), known=marked)
    margins = {(p.label, p.picture, p.delivery): p.margin for p in found.predictions}
    margins |= {(p.label, p.picture, p.delivery): p.margin for p in marked}
    assert {(p.label, p.picture, p.delivery): p.margin for p in again.predictions} == margins


def test_a_peer_that_is_not_there_says_so(tmp_path: Path) -> None:
    rows = read_pool(write_pool(tmp_path / "pool", {"one": 1}))
    with pytest.raises(PeerFailed, match=r"phorensics stopped: ModuleNotFoundError: .*'phorensics'"):
        measure("phorensics", rows, ("web",), python=Path(sys.executable))
