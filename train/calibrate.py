"""Calibrate a checkpoint on sources held out for that, and write the figures on the others beside it.

``python -m train.calibrate CHECKPOINT predictions.csv --on SOURCE [SOURCE …]`` fits temperature and bias, sets the
thresholds, and writes ``config.json`` and ``metrics.json``.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from train.evaluate import Prediction, load, summary
from train.export import write_config
from unfake.detector.calibration import Calibration, Thresholds
from unfake.detector.checkpoint import load_folder
from unfake.detector.config import CheckpointConfig

METRICS_SCHEMA = "unfake.metrics/1"


def fit(predictions: list[Prediction]) -> Calibration:
    """Platt scaling with both labels weighted alike, whatever their numbers.

    Raises ValueError where the margins do not rise from real to fake.
    """
    margins = np.array([[p.margin] for p in predictions])
    model = LogisticRegression(C=1e6, class_weight="balanced").fit(margins, [p.fake for p in predictions])
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        raise ValueError("on these sources fakes get no higher margins than reals: nothing to calibrate")
    return Calibration(temperature=1 / slope, bias=float(model.intercept_[0]))


def thresholds(
    predictions: list[Prediction], calibration: Calibration, false_alarms: float, misses: float
) -> Thresholds:
    """``likely_fake``: at most ``false_alarms`` of the reals; ``likely_real``: at most ``misses`` of the fakes.

    Where the two would cross, the network parts the labels better than asked, and both move to the middle.
    """
    real = [calibration.probability(p.margin) for p in predictions if not p.fake]
    fake = [calibration.probability(p.margin) for p in predictions if p.fake]
    high = float(np.quantile(real, 1 - false_alarms, method="higher"))
    low = float(np.quantile(fake, misses, method="lower"))
    high, low = np.ceil(high * 1000 + 1) / 1000, np.floor(low * 1000 - 1) / 1000
    if low >= high:
        low = high = (low + high) / 2
        low, high = low - 0.01, high + 0.01
    return Thresholds(likely_real=float(max(low, 0.0)), likely_fake=float(min(high, 1.0)))


def calibrate(
    checkpoint: Path, predictions: list[Prediction], on: set[str], false_alarms: float, misses: float
) -> None:
    """Fit on the sources in ``on``; write configuration and metrics."""
    chosen = [p for p in predictions if p.source in on]
    unknown = on - {p.source for p in chosen}
    if unknown:
        raise ValueError(f"no predictions for {', '.join(sorted(unknown))}")
    calibration = fit(chosen)
    limits = thresholds([p for p in chosen if p.delivery == "web"], calibration, false_alarms, misses)
    stored: dict[str, Any] = json.loads((checkpoint / "config.json").read_text())
    stored["calibration"], stored["thresholds"] = calibration.to_json(), limits.to_json()
    stored["training"]["calibrated_on"] = sorted(on)
    stored["training"]["threshold_rule"] = {"delivery": "web", "false_alarms": false_alarms, "misses": misses}
    config = CheckpointConfig.from_json(stored)
    metrics = {
        "schema": METRICS_SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m train.evaluate CHECKPOINT --pool POOL --out predictions.csv",
        "weights": {"model.onnx": config.files["model.onnx"]},
        "deliveries": {
            "clean": "as stored",
            "web": "long side at most 1080 px, JPEG quality 80",
            "hard": "long side at most 512 px, JPEG quality 60, then 50",
        },
        "calibrated_on": sorted(on),
        "sources": summary(predictions, config),
    }
    (checkpoint / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    write_config(checkpoint, {k: v for k, v in stored.items() if k != "files"})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--on", nargs="+", required=True, help="sources to calibrate on")
    parser.add_argument("--false-alarms", type=float, default=0.02)
    parser.add_argument("--misses", type=float, default=0.05)
    args = parser.parse_args()
    load_folder(args.checkpoint)  # refuses to calibrate weights that are not the configuration's
    calibrate(args.checkpoint, load(args.predictions), set(args.on), args.false_alarms, args.misses)
    config = load_folder(args.checkpoint).config
    print(config.calibration, config.thresholds)


if __name__ == "__main__":
    main()
