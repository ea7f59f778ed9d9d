from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from train.errors import RunError
from train.fit import history, report, scores
from train.fit.config import FitConfig
from train.fit.history import Epoch
from train.fit.scores import Predictions

NASTY = '<script>alert("x")</script>&$'


class Page(HTMLParser):
    """Tags, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def write_run(folder: Path, *, ended: bool = True, epochs: int = 3) -> Path:
    """A run's folder as train.fit leaves it, with names that mean harm."""
    split = {
        "pictures": 8,
        "real": 4,
        "fake": 4,
        "sources": {NASTY: {"real": 2, "fake": 2}, "b": {"real": 2, "fake": 2}},
    }
    config = FitConfig(name=NASTY, epochs=5).to_json() | {
        "views": {"kind": "squash", "size": 600},
        "corpus": {"folder": NASTY, "fingerprint": "f" * 64, "splits": dict.fromkeys(("train", "validation"), split)},
        "ran_on": {"device": "cpu"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    made = [Epoch(i, 1e-4, 1 / i, 0.5, 1 / i, 0.6, None, 0.5, None, 0.7, i) for i in range(1, epochs + 1)]
    history.save(made, folder / "metrics.csv")
    if ended:
        labels = np.array([0, 1] * 4)
        p = Predictions("validation", np.arange(8), labels, np.linspace(0.1, 0.9, 8), [NASTY] * 4 + ["b"] * 4, [""] * 8)
        real = Predictions("test", np.arange(2), np.array([0, 0]), np.array([0.1, 0.7]), ["b"] * 2, [""] * 2)
        scores.save([p, real], folder / "predictions.csv")
        figures = {"threshold": 0.5, "best_epoch": 3, "splits": {"validation": p.scores(), "test": real.scores()}}
        (folder / "scores.json").write_text(json.dumps(figures))
    return folder


def test_the_page_needs_nothing_else_and_escapes_everything(tmp_path: Path) -> None:
    text = report.report(write_run(tmp_path))
    page = Page(text)
    # no script, no link, nothing fetched: all addresses hold their data
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.addresses
    assert all(a.startswith("data:image/svg+xml;base64,") for a in page.addresses)
    assert not re.search(r"url\(|@import|https?:", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
    # and names are shown as they are
    assert NASTY in "".join(page.words)
    assert "<script" not in text
    # and each picture says in words what it shows
    assert all(image["alt"] for image in page.images)
    assert text.count("prefers-color-scheme: dark") == 1
    assert "@media print" in text


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    words = " ".join("".join(Page(report.report(write_run(tmp_path))).words).split())
    assert "3 of 5 epochs" in words
    assert "It stopped early" in words
    found = scores.load(tmp_path / "predictions.csv")[0]
    overall = scores.score(found.labels, found.probabilities)
    for value in (overall.loss, overall.accuracy, overall.auc):
        assert f"{value:.3f}" in words
    assert "augment.perspective" in words
    # a split with one label has no curve and no AUC, and the page says so by a dash
    assert "Test" in words
    assert "–" in words


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_training_under_way_has_a_page(epochs: int, tmp_path: Path) -> None:
    words = "".join(Page(report.report(write_run(tmp_path, ended=False, epochs=epochs))).words)
    assert "has not ended" in words


def test_the_interval_is_wilsons() -> None:
    # Wilson (1927), worked for 8 of 10 at 95 %: 0.490 to 0.943
    value, low, high = report.interval(8, 10)
    assert (value, round(low, 3), round(high, 3)) == (0.8, 0.490, 0.943)
    assert report.interval(0, 5)[1] == 0
    assert report.interval(5, 5)[2] == pytest.approx(1)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"config\.json cannot be read"):
        report.report(tmp_path)
    write_run(tmp_path)
    (tmp_path / "predictions.csv").write_text("split,index,source,label,probability,sha256\n")
    with pytest.raises(RunError, match="do not belong together"):
        report.report(tmp_path)


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["report", str(write_run(tmp_path))])
    report.main()
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
