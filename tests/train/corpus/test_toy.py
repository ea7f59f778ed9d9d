from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import load_from_disk
from scipy.ndimage import convolve

from tests.train.corpus.made import tree
from train.corpus.build import build
from train.corpus.config import load_config
from train.corpus.summary import read_summary
from train.corpus.toy import make_toy
from train.errors import ConfigError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The walk-through of docs/training.md: a toy by the command, and a corpus of it."""
    base = tmp_path_factory.mktemp("toy")
    command = [sys.executable, "-m", "train.corpus", "toy", str(base / "toy"), "--pictures", "80", "--size", "48"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"build {base / 'toy' / 'corpus.json'} --out FOLDER" in done.stdout
    build(load_config(base / "toy" / "corpus.json"), base / "out", workers=1)
    return base


def test_the_toy_is_the_same_every_time(toy: Path, tmp_path: Path) -> None:
    make_toy(tmp_path, 80, 48)
    assert tree(tmp_path) == tree(toy / "toy")


def test_a_build_of_it_meets_all_that_a_build_can_meet(toy: Path) -> None:
    counts = {"train": 0, "unreadable": 0, "exact": 0, "near": 0, "conflict": 0}
    for source in read_summary(toy / "out")["sources"]:
        for label in source["labels"].values():
            for what in counts:
                counts[what] += label[what]
    assert counts == {"train": counts["train"], "unreadable": 1, "exact": 1, "near": 1, "conflict": 2}
    assert counts["train"] > 60


def test_pixels_tell_the_label_and_files_hardly_do(toy: Path) -> None:
    corpus = load_from_disk(str(toy / "out"))
    kernel = np.array([[1, -1], [-1, 1]])
    found: dict[int, list[float]] = {0: [], 1: []}
    for row in corpus["train"]:
        checked = np.abs(convolve(np.asarray(row["image"].convert("L"), dtype=float), kernel))
        found[row["label"]].append(float(checked[::2, ::2].mean() / checked.mean()))
    assert abs(np.mean(found[0]) - np.mean(found[1])) > np.std(found[0] + found[1]) / 2
    assert read_summary(toy / "out")["header_auc"] < 0.75


def test_twins_lie_in_one_split(toy: Path) -> None:
    corpus = load_from_disk(str(toy / "out"))
    groups = [set(split["group"][:]) for split in corpus.values()]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert any(len(split) > len(set(split["group"][:])) for split in corpus.values())


def test_too_small_a_toy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 40 pictures of 32 px"):
        make_toy(tmp_path, 10, 48)
    assert not list(tmp_path.iterdir())
