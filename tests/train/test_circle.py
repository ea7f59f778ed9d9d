"""Fit, stop, resume, export, evaluate, calibrate, card: the way from a pool to a checkpoint that the app runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from train import bundled, calibrate, card, evaluate, export
from train.data import read_pool
from unfake.detector.calibration import Label
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.detector import Detector
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


@pytest.fixture(scope="module")
def run(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was stopped half-way and taken up again."""
    folder = tmp_path_factory.mktemp("run")
    learned: list[int] = []

    class Stopped(Exception):
        pass

    ordinary = bundled.Trainer.learn

    def stop_after_seven(self: bundled.Trainer, *args: Any) -> tuple[float, float]:
        if len(learned) == 7:
            raise Stopped
        learned.append(1)
        return ordinary(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundled.Trainer, "learn", stop_after_seven)
        with pytest.raises(Stopped):
            bundled.train(CONFIG, pool, folder, resume=False)
    state = torch.load(folder / "state.pt", weights_only=True)
    assert state["step"] == 6
    bundled.train(CONFIG, pool, folder, resume=True)
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("checkpoint")
    export.export(run, folder)
    return load_folder(folder)


def test_the_training_ends_at_its_last_step(run: Path) -> None:
    assert torch.load(run / "state.pt", weights_only=True)["step"] == 12
    assert (run / "model" / "model.safetensors").is_file()


def test_held_out_sources_are_never_decoded_for_training(run: Path) -> None:
    entries = json.loads((run / "pixels" / "entries.json").read_text())
    assert {e["source"] for e in entries} == {"one", "two"}


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
        export.halve({"layer": torch.full((2, 2), 1e6)})


def test_measured_calibrated_and_described(pool: Path, exported: Checkpoint, tmp_path: Path) -> None:
    # given predictions on the source that was held out
    rows = evaluate.choose(read_pool(pool), {"held"}, most=5, seed=0)
    assert len(rows) == 10
    predictions = evaluate.measure(exported.folder, rows, processes=1)
    assert {p.delivery for p in predictions} == {"clean", "web", "hard"}
    evaluate.save(predictions, tmp_path / "p.csv")
    assert evaluate.load(tmp_path / "p.csv") == predictions
    # and others whose labels are known to be easy
    easy = [
        evaluate.Prediction("easy", label, d, str(i), margin + i / 10)
        for label, margin in (("real", -2.0), ("fake", 2.0))
        for d in ("clean", "web", "hard")
        for i in range(20)
    ]
    calibrate.calibrate(exported.folder, [*predictions, *easy], {"easy"}, 0.02, 0.05)
    # then the configuration is calibrated, its files are verified, and the card says what was measured
    found = load_folder(exported.folder)
    assert found.config.thresholds.label(found.config.calibration.probability(4.0)) is Label.LIKELY_FAKE
    assert found.config.thresholds.label(found.config.calibration.probability(-2.0)) is Label.LIKELY_REAL
    assert found.metrics()["sources"]["easy"]["web"]["auc"] == 1.0
    text = card.card(found)
    assert "| held | 5 | 5 |" in text
    assert "| easy |" not in text
    assert Detector.load(found, "cpu", "f32").margin(np.zeros((64, 64, 3), np.uint8)) is not None


def test_figures_count_what_happened(exported: Checkpoint) -> None:
    rows = [("real", -9.0), ("real", 9.0), ("fake", 9.0), ("fake", 9.0)]
    predictions = [evaluate.Prediction("s", label, "web", "p", margin) for label, margin in rows]
    config = load_folder(exported.folder).config
    found = evaluate.figures(predictions, config)
    assert (found["real"], found["fake"], found["auc"]) == (2, 2, 0.75)
    low, high = found["auc_interval"]
    assert 0 <= low <= 0.75 <= high <= 1


def test_calibration_refuses_a_network_that_is_upside_down() -> None:
    wrong = [evaluate.Prediction("s", label, "web", "p", margin) for label, margin in (("real", 2.0), ("fake", -2.0))]
    with pytest.raises(ValueError, match="nothing to calibrate"):
        calibrate.fit(wrong)


def test_thresholds_keep_the_false_alarms_down() -> None:
    rng = np.random.default_rng(0)
    predictions = [
        evaluate.Prediction("s", label, "web", "p", float(m))
        for label, centre in (("real", -1.0), ("fake", 1.0))
        for m in rng.normal(centre, 1.0, 1000)
    ]
    calibration = calibrate.fit(predictions)
    limits = calibrate.thresholds(predictions, calibration, 0.02, 0.05)
    called = [limits.label(calibration.probability(p.margin)) for p in predictions]
    real = [c for c, p in zip(called, predictions, strict=True) if not p.fake]
    fake = [c for c, p in zip(called, predictions, strict=True) if p.fake]
    assert real.count(Label.LIKELY_FAKE) / 1000 <= 0.02
    assert fake.count(Label.LIKELY_REAL) / 1000 <= 0.05
    assert fake.count(Label.LIKELY_FAKE) > 300


def test_the_log_is_written(run: Path) -> None:
    with (run / "log.csv").open() as handle:
        assert list(csv.reader(handle)) == []  # twelve steps are fewer than the 25 between two lines


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [bundled.learning_rate(step, 100, 1.0, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[99] < 0.001
