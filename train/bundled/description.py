"""The last step: figures, card and fingerprint of a finished checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train.measure import calibrate, card
from train.measure.predictions import Prediction, choose, measure, save
from train.measure.protocol import Protocol
from train.pool import Row

FINGERPRINT_PICTURES = 2


def describe(
    final: Path,
    predictions: list[Prediction],
    headers: dict[str, float | None],
    protocol: Protocol,
    rows: Sequence[Row],
) -> None:
    """Calibrate a checkpoint by what the folds' networks predicted, and write its figures, card and fingerprint.

    ``rows``: what the fingerprint is drawn from.
    """
    calibrate.calibrate(final, predictions, protocol, headers)
    save(predictions, final / card.PREDICTIONS)
    # What the finished network reads off a few pictures that it has seen: no figure, but what `measure.check` looks at.
    few = choose(rows, FINGERPRINT_PICTURES, protocol.seed)
    save(measure(final, few, deliveries=["web"], again=False), final / calibrate.FINGERPRINT)
    card.write(final)
