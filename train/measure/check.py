"""Whether a checkpoint's figures are its own: ``python -m train.measure check CHECKPOINT [--pool POOL]``.

Always: the weights have the sha256 that configuration and metrics name, the metrics follow from the predictions
beside them, and the card says what the metrics say. With ``--pool``: the checkpoint reads pictures of the pool as it
did when it was described.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from train.errors import RunError
from train.families import grouped
from train.measure import card
from train.measure.calibrate import FINGERPRINT, choose_widening, judge_all, kinds, summary
from train.measure.predictions import Prediction, load, measure
from train.measure.protocol import Protocol
from train.pool import read_pool
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.config import ONNX

# Margins differ by this much at most between processors that round sums differently.
TOLERANCE = 0.02


def figures_are_its_own(checkpoint: Checkpoint) -> None:
    """Raise RunError unless hashes, metrics, predictions and card belong together."""
    metrics = checkpoint.metrics()
    if metrics["weights"][ONNX] != checkpoint.config.files[ONNX]:
        raise RunError("metrics.json was measured with other weights")
    protocol = Protocol(**metrics["protocol"])
    predictions = load(checkpoint.folder / card.PREDICTIONS)
    widening, tried = choose_widening(predictions, protocol)
    found = {"widening": tried, "kinds": kinds(predictions, protocol, widening)}
    found |= summary(judge_all(predictions, protocol, widening), protocol)
    for key, value in found.items():
        if json.loads(json.dumps(value)) != metrics[key]:
            raise RunError(f"{key} of metrics.json does not follow from {card.PREDICTIONS}")
    if checkpoint.card() != card.card(checkpoint):
        raise RunError("the card does not say what metrics.json says: run python -m train.measure card")


def reads_the_same(folder: Path, kept: Sequence[Prediction], pool: Path) -> float:
    """The greatest difference of margins between ``kept`` and now; raises RunError over the tolerance.

    Pictures that the pool at hand lacks are passed over; RunError where it lacks all.
    """
    wanted = {(p.source, p.label, p.picture) for p in kept}
    rows = [r for r in grouped(read_pool(pool)) if (r.source, r.label, r.name) in wanted]
    if not rows:
        raise RunError(f"{pool} has none of the {len(wanted)} pictures")
    before = {(p.source, p.label, p.picture, p.delivery): p.margin for p in kept}
    deliveries = sorted({p.delivery for p in kept})
    now = measure(folder, rows, deliveries=deliveries, again=False)
    gaps = [abs(p.margin - before[key]) for p in now if (key := (p.source, p.label, p.picture, p.delivery)) in before]
    if max(gaps) > TOLERANCE:
        raise RunError(f"{folder} reads pictures otherwise than its figures say: margins differ by {max(gaps):.3f}")
    return max(gaps)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pool", type=Path)
    args = parser.parse_args()
    checkpoint = load_folder(args.checkpoint)
    figures_are_its_own(checkpoint)
    print(f"{checkpoint.id}: weights, metrics, predictions and card belong together")
    if args.pool:
        gap = reads_the_same(args.checkpoint, load(args.checkpoint / FINGERPRINT), args.pool)
        print(f"{checkpoint.id}: reads the pool as it did, margins within {gap:.4f}")
