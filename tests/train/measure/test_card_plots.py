from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from train.measure import card
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.config import METRICS
from unfake.ui.sources import NAMES


def test_the_bars_have_the_readable_names_whole(tmp_path: Path) -> None:
    for name in (METRICS, card.PREDICTIONS):
        shutil.copy(BUNDLED / name, tmp_path / name)
    checkpoint = replace(load_folder(BUNDLED), folder=tmp_path)
    card.draw_plots(checkpoint)
    drawn = (tmp_path / "plots" / "sources.svg").read_text()
    shown = [source for source, by in checkpoint.metrics()["sources"].items() if by["web"]["auc"] is not None]
    assert shown
    for source in shown:
        assert f">{NAMES[source]}</text>" in drawn
        assert f">{source}<" not in drawn
