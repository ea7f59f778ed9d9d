"""Fit, stop, resume, export, evaluate, calibrate, card: the way from a pool to a checkpoint that the app runs."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from train.bundled import lite0, pairs
from train.checkpoint import compact, export
from train.errors import RunError
from train.measure import card, check, metrics, predictions
from train.measure.protocol import Protocol
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.runtime import OpenVinoRuntime, TorchRuntime

CONFIG: dict[str, Any] = {
    "name": "toy",
    "backbone": "tf_efficientnet_lite0",
    "dropout": 0.1,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "views": {"kind": "crops", "size": 64, "long_side": 96, "max_views": 4},
    "crop": 64,
    "held_out": ["held"],
    "unused": [],
    "local_edits": [],
    "boosted": [],
    "boost": 1.0,
    "matched": 0.5,
    "wide": 0.25,
    "steps": 12,
    "batch": 8,
    "learning_rate": 0.002,
    "warmup": 2,
    "weight_decay": 0.01,
    "label_smoothing": 0.0,
    "ema": 0.5,
    "seed": 1,
    "threads": 2,
    "workers": 0,
    "save_every": 6,
}


PROTOCOL = Protocol(
    name="toy/1",
    folds={"held": ["held", "one"], "two": ["two"]},
    paired=["held", "two"],
    calibrated_on=["held", "one", "two"],
    portraits_and_cameras=["held"],
    local_edits=[],
    false_alarms=0.02,
    misses=0.02,
    asked_false_alarms=0.02,
    asked_misses=0.02,
    most=5,
    seed=0,
)


@pytest.fixture(scope="module")
def run(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was stopped half-way and taken up again."""
    folder = tmp_path_factory.mktemp("run")
    learned: list[int] = []

    class Stopped(Exception):
        pass

    ordinary = pairs.Trainer.learn

    def stop_after_seven(self: pairs.Trainer, *args: Any) -> tuple[float, float]:
        if len(learned) == 7:
            raise Stopped
        learned.append(1)
        return ordinary(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "LOG_STEPS", 4)
        patch.setattr(pairs.Trainer, "learn", stop_after_seven)
        with pytest.raises(Stopped):
            pairs.train(CONFIG, pool, folder / "pixels", folder, resume=False)
        patch.setattr(pairs.Trainer, "learn", ordinary)
        state = torch.load(folder / "state.pt", weights_only=True)
        assert state["step"] == 6
        pairs.train(CONFIG, pool, folder / "pixels", folder, resume=True)
    return folder


@pytest.fixture(scope="module")
def exported(made: Path) -> Checkpoint:
    return load_folder(made)


def test_the_training_ends_at_its_last_step(run: Path) -> None:
    assert torch.load(run / "state.pt", weights_only=True)["step"] == 12
    assert (run / "model" / "model.safetensors").is_file()


def test_held_out_sources_are_never_trained_on(run: Path) -> None:
    assert json.loads((run / "config.json").read_text())["training_sources"] == {"one": 12, "two": 8}


def test_both_weight_files_hold_the_same_numbers(exported: Checkpoint) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    ours = OpenVinoRuntime(exported, "f32").run(views)
    theirs = TorchRuntime(exported, "cpu", "f32").run(views)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-3)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-2)


def test_kernels_are_stored_in_half_precision(exported: Checkpoint) -> None:
    kinds = {t.ndim > 1: t.dtype for t in load_file(exported.safetensors_path).values() if t.is_floating_point()}
    assert kinds == {True: torch.float16, False: torch.float32}
    assert exported.onnx_path.stat().st_size < 8e6


def test_a_weight_beyond_half_precision_is_not_cut_off() -> None:
    with pytest.raises(OverflowError, match="layer"):
        compact.halve({"layer": torch.full((2, 2), 1e6)})


@pytest.fixture(scope="module")
def made(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole way, as the command goes it: stopped once by a failing export, and run again."""
    out = tmp_path_factory.mktemp("made")
    shared = {k: v for k, v in CONFIG.items() if k not in {"held_out", "steps", "matched", "wide"}}
    stage = {"steps": 4, "matched": 0.5, "wide": 0.25}
    config = shared | {
        "start": stage | {"held_out": ["one", "held"]},
        "from_start": stage,
        "from_imagenet": stage,
    }
    exported: list[Path] = []
    ordinary = export.export

    def fail_once(run: Path, folder: Path) -> None:
        exported.append(run)
        if len(exported) == 2:
            raise OSError(28, "No space left on device")
        ordinary(run, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "export", fail_once)
        patch.setattr(metrics, "ROUNDS", 20)
        with pytest.raises(OSError, match="No space"):
            lite0.make(config, PROTOCOL, pool, out)
        first = (out / "start" / "state.pt").stat().st_mtime_ns
        final = lite0.make(config, PROTOCOL, pool, out)
    assert (out / "start" / "state.pt").stat().st_mtime_ns == first  # what was done was not done again
    assert [run.name for run in exported] == ["held", "two", "two", "final"]
    return final


def test_a_network_never_starts_from_one_that_saw_what_it_leaves_out(made: Path) -> None:
    runs = {
        name: json.loads((made.parent.parent / name / "config.json").read_text()) for name in ("held", "two", "final")
    }
    assert runs["held"]["start"] is not None  # the start had left "held" and "one" out
    assert runs["two"]["start"] is None  # but had seen "two"
    assert set(runs["held"]["training_sources"]) == {"two"}
    assert set(runs["two"]["training_sources"]) == {"one", "held"}
    assert set(runs["final"]["training_sources"]) == {"one", "two", "held"}


def test_the_pool_is_decoded_once_for_all_networks(made: Path) -> None:
    out = made.parent.parent
    assert [file.relative_to(out).as_posix() for file in out.rglob("pixels.bin")] == ["pixels/pixels.bin"]


def test_a_finished_training_is_taken_up_by_its_own_settings_only(run: Path, pool: Path) -> None:
    before = (run / "state.pt").stat().st_mtime_ns
    pairs.train(CONFIG, pool, run / "pixels", run, resume=True)
    assert (run / "state.pt").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="made from other settings"):
        pairs.train(CONFIG | {"seed": 2}, pool, run / "pixels", run, resume=True)
    with pytest.raises(RunError, match="--resume"):
        pairs.train(CONFIG, pool, run / "pixels", run, resume=False)


def test_the_figures_are_those_of_networks_that_left_the_source_out(made: Path) -> None:
    networks = {p.source: p.part for p in predictions.load(made / "predictions.csv")}
    folder = made.parent.parent
    assert networks["held"] == load_folder(folder / "held" / "checkpoint").id
    assert networks["two"] == load_folder(folder / "two" / "checkpoint").id
    assert networks["one"] == networks["held"]
    found = load_folder(made).metrics()
    assert found["sources"]["held"]["web"]["real"] == 5
    assert set(found["headline"]) == {"clean", "web", "hard"}
    assert found["header_auc"].keys() == {"one", "two", "held"}


def test_the_card_has_the_figures_and_its_plots(made: Path) -> None:
    checkpoint = load_folder(made)
    text = checkpoint.card()
    assert text == card.card(checkpoint)
    assert "| held | 5 | 5 |" in text
    assert set(checkpoint.plots()) == set(re.findall(r"\]\((plots/[^)]+)\)", text))
    assert all(len(content) < 60_000 for content in checkpoint.plots().values())


def test_the_check_finds_what_does_not_belong_together(
    made: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "ROUNDS", 20)
    check.figures_are_its_own(load_folder(made))
    assert check.reads_the_same(made, predictions.load(made / "fingerprint.csv"), pool) < 0.001
    # given another network's fingerprint
    changed = [replace(p, margin=p.margin + 1) for p in predictions.load(made / "fingerprint.csv")]
    with pytest.raises(RunError, match="reads pictures otherwise"):
        check.reads_the_same(made, changed, pool)
    # and metrics that do not follow from the predictions
    forged = tmp_path / "forged"
    shutil.copytree(made, forged)
    figures = json.loads((forged / "metrics.json").read_text())
    figures["headline"]["web"]["auc"][0] = 0.99
    (forged / "metrics.json").write_text(json.dumps(figures))
    export.write_config(
        forged, {k: v for k, v in json.loads((forged / "config.json").read_text()).items() if k != "files"}
    )
    with pytest.raises(RunError, match="headline"):
        check.figures_are_its_own(load_folder(forged))


def test_predictions_survive_the_file(tmp_path: Path) -> None:
    found = [
        predictions.Prediction("s", "real", "web", "a.png", -1.25, 0.5, -1.0, 0.25, "net@0"),
        predictions.Prediction("s", "fake", "hard", "b, c.png", 2.0),
    ]
    predictions.save(found, tmp_path / "p.csv")
    again = predictions.load(tmp_path / "p.csv")
    assert again[0] == found[0]
    assert (again[1].picture, again[1].margin) == ("b, c.png", 2.0)
    assert np.isnan(again[1].margin_again)


def test_the_log_is_written(run: Path) -> None:
    with (run / "log.csv").open() as handle:
        rows = [[float(cell) for cell in row] for row in csv.reader(handle)]
    assert [step for step, *_ in rows] == [4, 8, 12]
    for _, loss, accuracy, speed in rows:
        assert loss > 0
        assert 0 <= accuracy <= 1
        assert speed > 0


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [pairs.learning_rate(step, 100, 1.0, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[99] < 0.001
