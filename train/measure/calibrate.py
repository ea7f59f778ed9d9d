"""Calibrate a checkpoint on predictions of networks that never saw the pictures, and write the figures beside it.

``python -m train.measure calibrate CHECKPOINT predictions.csv […] --protocol PROTOCOL`` fits temperature and bias, sets
the thresholds, and writes ``config.json`` and ``metrics.json``. The predictions come from networks trained by the same
recipe with their sources left out, since the checkpoint itself has seen every source. What the files alone tell is
taken over from the ``metrics.json`` that is there.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from train.checkpoint.export import write_config
from train.errors import RunError, read_object
from train.measure.metrics import (
    Judged,
    calibration_error,
    decided,
    decided_wrongly,
    figures,
    interval,
    mean_auc,
    share,
)
from train.measure.predictions import Prediction, load
from train.measure.protocol import TOGETHER, Protocol
from unfake.detector.calibration import Calibration, Label, Thresholds
from unfake.detector.checkpoint import load_folder
from unfake.detector.config import METRICS, ONNX
from unfake.detector.decision import Reading, as_portrait, decide
from unfake.detector.portrait import FILLS

METRICS_SCHEMA = "unfake.metrics/2"
FINGERPRINT = "fingerprint.csv"
WIDENINGS = (0.0, 0.5, 1.0, 1.5)
FILLED = "filled by a face"
LEAST_PORTRAITS = 20  # of either label
MOST_OF_A_GROUP = 0.03  # of real portraits and camera originals that a widening may call fake at *web*
FORMATS = ("web", "webp")  # the same pixels, but for what two formats make of them
SHIFTED = 0.5  # share of the pictures that `shift` covers


def fit(predictions: Sequence[Prediction]) -> Calibration:
    """Platt scaling with every source and label weighted alike, whatever their numbers.

    Raises RunError where the margins do not rise from real to fake.
    """
    weights = _weights(predictions)
    model = LogisticRegression(C=1e6).fit(
        np.array([[p.margin] for p in predictions]), [p.fake for p in predictions], sample_weight=weights
    )
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        raise RunError("on these pictures fakes get no higher margins than reals: there is nothing to calibrate")
    return Calibration(temperature=1 / slope, bias=float(model.intercept_[0]))


def _weights(predictions: Sequence[Prediction]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Each label weighs half; within a label each source weighs by the root of its number, so that none rules."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for p in predictions:
        counts[p.source, p.label] += 1
    weights = np.array([1 / np.sqrt(counts[p.source, p.label]) for p in predictions])
    fake = np.array([p.fake for p in predictions])
    for label in (False, True):
        weights[fake == label] /= weights[fake == label].sum()
    return weights * len(predictions) / 2


def thresholds(
    predictions: Sequence[Prediction], calibration: Calibration, protocol: Protocol, widening: float
) -> Thresholds:
    """As `band`, asked for what the protocol says, at *web* and at all deliveries: the stricter of the two.

    Small and twice compressed pictures read more like fakes: what holds at *web* alone accuses too many of those.
    Pictures that a face fills get their own, and the others theirs, where there are `LEAST_PORTRAITS` of either label.
    """

    def strict(members: Sequence[Prediction]) -> Thresholds:
        web, every = (
            band(part, calibration, alarms, misses, widening)
            for part in ([p for p in members if p.delivery == "web"], members)
        )
        real, fake = min(web.likely_real, every.likely_real), max(web.likely_fake, every.likely_fake)
        return replace(web, likely_real=real, likely_fake=fake)

    alarms, misses = protocol.asked_false_alarms, protocol.asked_misses
    portraits = [p for p in predictions if p.face >= FILLS]
    pictures = [{(p.source, p.picture) for p in portraits if p.fake == label} for label in (False, True)]
    if min(map(len, pictures)) < LEAST_PORTRAITS:
        return strict(predictions)
    others = strict([p for p in predictions if p.face < FILLS])
    if protocol.asked_false_alarms_of_portraits is not None:
        alarms = protocol.asked_false_alarms_of_portraits
    if protocol.asked_misses_of_portraits is not None:
        misses = protocol.asked_misses_of_portraits
    return replace(others, portrait=strict(portraits))


def band(
    predictions: Sequence[Prediction], calibration: Calibration, false_alarms: float, misses: float, widening: float
) -> Thresholds:
    """``likely_fake``: at most ``false_alarms`` of the reals; ``likely_real``: at most ``misses`` of the fakes.

    Shares are weighted as in `fit`. Where the two would cross, the network parts the labels better than asked, and
    both move to the middle.
    """
    weights = _weights(predictions)
    fake = np.array([p.fake for p in predictions])
    readings = [[p.reading, p.again] if math.isfinite(p.margin_again) else [p.reading] for p in predictions]

    def logit(reading: Reading, direction: int) -> float:
        moved = reading.margin + direction * widening * reading.error
        return moved / calibration.temperature + calibration.bias

    # The label has to stand before and after re-encoding: the less sure of the two decides.
    least = np.array([min(logit(each, -1) for each in both) for both in readings])
    most = np.array([max(logit(each, 1) for each in both) for both in readings])
    high = _sigmoid(_quantile(least[~fake], weights[~fake], 1 - false_alarms))
    low = _sigmoid(-_quantile(-most[fake], weights[fake], 1 - misses))
    high, low = np.ceil(high * 1000 + 1) / 1000, np.floor(low * 1000 - 1) / 1000
    if low >= high:
        low, high = (low + high) / 2 - 0.01, (low + high) / 2 + 0.01
    reencoded = all(len(both) == 2 for both in readings)
    return Thresholds(float(max(low, 0.0)), float(min(high, 1.0)), widening, reencoded)


def shift(predictions: Sequence[Prediction], calibration: Calibration) -> float:
    """By how much the calibrated logits of `SHIFTED` of the pictures differ at most between `FORMATS`.

    Pictures weigh as in `fit`. 0 where none was read in both.
    """
    both: dict[tuple[str, str, str], dict[str, Prediction]] = defaultdict(dict)
    for p in predictions:
        if p.delivery in FORMATS:
            both[p.source, p.label, p.picture][p.delivery] = p
    pairs = [[by[name] for name in FORMATS] for by in both.values() if len(by) == len(FORMATS)]
    if not pairs:
        return 0.0
    moved = np.array([abs(one.margin - other.margin) for one, other in pairs]) / calibration.temperature
    return round(_quantile(moved, _weights([one for one, _ in pairs]), SHIFTED), 3)


def _sigmoid(logit: float) -> float:
    return float(0.5 * (1 + np.tanh(0.5 * logit)))


def _quantile(values: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], share: float) -> float:
    """The smallest value that at least ``share`` of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(reached, share)), len(values) - 1)])


def judge(predictions: Sequence[Prediction], calibration: Calibration, limits: Thresholds) -> Judged:
    """Probabilities and labels as the app would give them."""
    labels = [_label(p, calibration, limits).value for p in predictions]
    return Judged(
        np.array([p.fake for p in predictions]),
        np.array([calibration.probability(p.margin) for p in predictions]),
        np.array(labels),
    )


def _fitted(predictions: Sequence[Prediction], protocol: Protocol) -> list[Prediction]:
    edits = set(protocol.local_edits)
    return [p for p in predictions if p.source in protocol.calibrated_on and not (p.fake and p.source in edits)]


def _label(prediction: Prediction, calibration: Calibration, limits: Thresholds) -> Label:
    portrait = as_portrait(calibration, limits, prediction.reading, lambda: prediction.face)
    return decide(calibration, limits.of(portrait), prediction.reading, lambda: prediction.again)[0]


def settle(predictions: Sequence[Prediction], protocol: Protocol, widening: float) -> tuple[Calibration, Thresholds]:
    """Calibration and thresholds on all deliveries of the sources that the protocol calibrates on."""
    chosen = _fitted(predictions, protocol)
    calibration = fit(chosen)
    limits = thresholds(chosen, calibration, protocol, widening)
    moved = shift(chosen, calibration)
    portrait = replace(limits.portrait, shift=moved) if limits.portrait else None
    return calibration, replace(limits, shift=moved, portrait=portrait)


def crossfit(
    predictions: Sequence[Prediction], protocol: Protocol, widening: float
) -> list[tuple[list[Prediction], Calibration, Thresholds]]:
    """Predictions, each with the calibration and thresholds that it had no part in.

    With folds: each network's by what the other networks' predictions give. Without: the test split's by what the
    validation split's give.
    """
    parts = sorted({p.part for p in predictions}) if protocol.folds else ["test"]
    return [
        (
            [p for p in predictions if p.part == part],
            *settle([p for p in predictions if p.part != part], protocol, widening),
        )
        for part in parts
    ]


def choose_widening(predictions: Sequence[Prediction], protocol: Protocol) -> tuple[float, dict[str, Any]]:
    """The widening that decides most pictures at *web* while errors stay as the protocol says, and what each gives.

    Judged by the sources that the headline is about, and by real portraits and camera originals. Where no widening
    keeps the errors down on networks that it was not fitted on, the one with fewest false alarms. Without folds there
    is nothing to choose by: one standard error.
    """
    if not protocol.folds:
        return 1.0, {}
    tried: dict[str, Any] = {}
    for widening in WIDENINGS:
        paired, wary = [], []
        for members, calibration, limits in crossfit(predictions, protocol, widening):
            at_web = [p for p in members if p.delivery == "web"]
            paired.append(judge([p for p in at_web if p.source in protocol.paired], calibration, limits))
            real = [p for p in at_web if p.source in protocol.portraits_and_cameras and not p.fake]
            wary += [_label(p, calibration, limits) is Label.LIKELY_FAKE for p in real]
        web = Judged.join([each for each in paired if len(each.label)])
        tried[str(widening)] = {
            "real_called_fake": round(float((web.label[~web.fake] == Label.LIKELY_FAKE).mean()), 4),
            "fake_called_fake": round(float((web.label[web.fake] == Label.LIKELY_FAKE).mean()), 4),
            "fake_called_real": round(float((web.label[web.fake] == Label.LIKELY_REAL).mean()), 4),
            "decided": round(float((web.label != Label.INCONCLUSIVE).mean()), 4),
            "portraits_and_cameras_called_fake": round(sum(wary) / max(len(wary), 1), 4),
        }

    def kept(widening: float) -> bool:
        errors = tried[str(widening)]
        return bool(
            errors["real_called_fake"] <= protocol.false_alarms
            and errors["fake_called_real"] <= protocol.misses
            and errors["portraits_and_cameras_called_fake"] <= MOST_OF_A_GROUP
        )

    allowed = [w for w in WIDENINGS if kept(w)]
    if not allowed:
        return min(WIDENINGS, key=lambda w: tried[str(w)]["real_called_fake"]), tried
    return max(allowed, key=lambda w: tried[str(w)]["decided"]), tried


def judge_all(predictions: Sequence[Prediction], protocol: Protocol, widening: float) -> dict[str, dict[str, Judged]]:
    """By source and delivery: what would be said of each picture by a calibration that has not seen its network."""
    judged: dict[str, dict[str, Judged]] = defaultdict(dict)
    for members, calibration, limits in crossfit(predictions, protocol, widening):
        groups: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
        for p in members:
            groups[p.source, p.delivery].append(p)
        for (source, delivery), group in groups.items():
            judged[source][delivery] = judge(group, calibration, limits)
    if TOGETHER in protocol.paired:
        judged[TOGETHER] = {d: Judged.join([by[d] for by in judged.values() if d in by]) for d in protocol.deliveries}
    return dict(sorted(judged.items()))


def kinds(predictions: Sequence[Prediction], protocol: Protocol, widening: float) -> dict[str, Any]:
    """By kind and delivery: how many pictures, and what is said of them.

    A kind is what is known of a picture apart from its source, and `FILLED` is what its pixels show.
    """
    groups: dict[str, dict[str, list[Judged]]] = defaultdict(lambda: defaultdict(list))
    for members, calibration, limits in crossfit(predictions, protocol, widening):
        of: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
        for p in members:
            for kind in filter(None, (p.kind, FILLED if p.face >= FILLS else "")):
                of[kind, p.delivery].append(p)
        for (kind, delivery), part in sorted(of.items()):
            groups[kind][delivery].append(judge(part, calibration, limits))
    found: dict[str, Any] = {}
    for kind, by in sorted(groups.items()):
        joined = {delivery: Judged.join(parts) for delivery, parts in by.items()}
        found[kind] = {
            delivery: {
                "real": int((~each.fake).sum()),
                "fake": int(each.fake.sum()),
                "decided": decided(each),
                "real_called_fake": share(each, False, Label.LIKELY_FAKE),
                "fake_called_real": share(each, True, Label.LIKELY_REAL),
            }
            for delivery, each in joined.items()
        }
    return found


def summary(judged: dict[str, dict[str, Judged]], protocol: Protocol) -> dict[str, Any]:
    """Figures by source and delivery, means over the paired sources, and real pictures that matter, by delivery."""
    headline, reals = {}, {}
    for delivery in protocol.deliveries:
        paired = [judged[s][delivery] for s in protocol.paired]
        together = Judged.join(paired)
        headline[delivery] = {
            "auc": mean_auc(paired),
            "calibration_error": interval(together, calibration_error),
            "real_called_fake": share(together, False, Label.LIKELY_FAKE),
            "fake_called_fake": share(together, True, Label.LIKELY_FAKE),
            "fake_called_real": share(together, True, Label.LIKELY_REAL),
            "inconclusive": share(together, None, Label.INCONCLUSIVE),
            "decided": decided(together),
            "decided_wrongly": decided_wrongly(together),
        }
        if protocol.portraits_and_cameras:
            real = Judged.join([judged[s][delivery] for s in protocol.portraits_and_cameras])
            called = share(real, False, Label.LIKELY_FAKE)
            reals[delivery] = {"real": int((~real.fake).sum()), "real_called_fake": called}
    return {
        "headline": headline,
        "portraits_and_cameras": reals,
        "sources": {s: {d: figures(j) for d, j in by.items()} for s, by in judged.items()},
    }


def calibrate(
    checkpoint: Path, predictions: Sequence[Prediction], protocol: Protocol, headers: dict[str, float | None]
) -> None:
    """Write configuration and metrics. Raises RunError where a source of the protocol has no predictions.

    ``headers``: by source, the AUC that the files alone reach.
    """
    missing = (set(protocol.calibrated_on) | set(protocol.paired)) - {p.source for p in predictions} - {TOGETHER}
    if missing:
        raise RunError(f"no predictions for {', '.join(sorted(missing))}")
    widening, tried = choose_widening(predictions, protocol)
    fitted_on = predictions if protocol.folds else [p for p in predictions if p.part == "validation"]
    calibration, limits = settle(fitted_on, protocol, widening)
    stored = read_object(checkpoint / "config.json")
    stored["calibration"], stored["thresholds"] = calibration.to_json(), limits.to_json()
    config = load_folder(checkpoint).config
    metrics = {
        "schema": METRICS_SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "weights": {ONNX: config.files[ONNX]},
        "protocol": protocol.to_json(),
        "parts": sorted({p.part for p in predictions}),
        "widening": tried,
        "header_auc": headers,
        "kinds": kinds(predictions, protocol, widening),
        **summary(judge_all(predictions, protocol, widening), protocol),
    }
    (checkpoint / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")
    write_config(checkpoint, {k: v for k, v in stored.items() if k != "files"})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("predictions", type=Path, nargs="+")
    parser.add_argument("--protocol", type=Path, required=True)
    args = parser.parse_args()
    predictions = [p for file in args.predictions for p in load(file)]
    headers = load_folder(args.checkpoint).metrics().get("header_auc", {})
    calibrate(args.checkpoint, predictions, Protocol.load(args.protocol), headers)
    config = load_folder(args.checkpoint).config
    print(config.calibration, config.thresholds)
