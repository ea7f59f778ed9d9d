"""Checkpoint, views, runtime and calibration behind one call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unfake.detector.calibration import Label, Thresholds
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.decision import Cause, Reading, as_portrait, decide, hangs_on_format, reencode
from unfake.detector.portrait import face_share
from unfake.detector.runtime import Device, Precision, Runtime, start
from unfake.detector.views import Pixels, cut
from unfake.errors import FacesFailed
from unfake.evidence.heatmap import Heatmap, assemble
from unfake.evidence.regions import Region, read_off

# A picture shorter than this on one side has too few pixels for any of the traces that the network was trained on.
LEAST_SIDE = 64
# Levels (of 255) between the lowest and the highest value of a channel; under it in all three, a picture is one flat
# colour.
LEAST_RANGE = 8

PORTRAIT = "A face fills the picture; on such portraits the network errs more often, so other thresholds hold for them."

HANGS = {
    Cause.CLEAR: (
        "It depends on the file format, though: so close to that line, the same picture saved in another format can "
        "come out inconclusive."
    ),
    Cause.BETWEEN: (
        "It depends on the file format, though: so close to the edge, the same picture saved in another format can get "
        "a verdict."
    ),
}
"""What is added where `hangs_on_format`."""


@dataclass(frozen=True)
class Verdict:
    """What UnFake says: ``probability`` of fake, calibrated, in [0, 1]; None when the label is not_applicable."""

    label: Label
    probability: float | None
    reason: str


@dataclass(frozen=True)
class Detection:
    """A verdict and what it was read from.

    ``views``: their number. ``heatmap``: where the signs lie, None when not applicable and for networks that give one
    value for a whole view. ``regions``: where each view lies and what it alone says; empty when not applicable.
    ``portrait``: whether a face fills the picture, so that the thresholds for portraits decided; false as well where
    both pairs of thresholds give the same label, and nobody looked.
    """

    verdict: Verdict
    views: int
    heatmap: Heatmap | None
    regions: tuple[Region, ...] = ()
    portrait: bool = False


def obstacle(pixels: Pixels) -> str | None:
    """Why no verdict can be given on this picture, uint8 ``[H, W, 3]``, in a sentence; None if one can."""
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return (
            f"The picture is {width} × {height} px. Under {LEAST_SIDE} px on the short side "
            "too little is left of it to judge: use a larger version."
        )
    if np.ptp(pixels, axis=(0, 1)).max() < LEAST_RANGE:
        return "The picture is one flat colour: there is nothing in it to judge."
    return None


class Detector:
    """Says of a picture whether it is likely real or likely fake."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        self.checkpoint = checkpoint
        self.runtime = runtime

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        device: Device = "auto",
        precision: Precision = "auto",
        cache: Path | None = None,
    ) -> Detector:
        """A detector on the runtime that fits this machine; raises CheckpointCorrupt and SettingsError."""
        return cls(checkpoint, start(checkpoint, device, precision, cache))

    def read(self, pixels: Pixels) -> Reading:
        """Margin and disagreement of a picture, uint8 ``[H, W, 3]``, before calibration."""
        return Reading.of(self.runtime.run(cut(pixels, self.checkpoint.config.views).pixels)[0])

    def probability(self, pixels: Pixels) -> float | None:
        """Calibrated probability of fake of a picture, uint8 ``[H, W, 3]``; None where nothing can be said of it."""
        if obstacle(pixels):
            return None
        found = self.checkpoint.config.calibration.probability(self.read(pixels).margin)
        return found if math.isfinite(found) else None

    def detect(self, pixels: Pixels) -> Detection:
        """Verdict, heat map and regions for a picture, RGB uint8 ``[H, W, 3]``."""
        why_not = obstacle(pixels)
        if why_not:
            return Detection(Verdict(Label.NOT_APPLICABLE, None, why_not), 0, None)
        config = self.checkpoint.config
        views = cut(pixels, config.views)
        logits, maps = self.runtime.run(views.pixels)
        if not np.isfinite(logits).all():
            reason = "The network gave no finite number for this picture, so there is no verdict."
            return Detection(Verdict(Label.NOT_APPLICABLE, None, reason), len(views.pixels), None)
        reading = Reading.of(logits)
        portrait = False
        try:
            portrait = as_portrait(config.calibration, config.thresholds, reading, lambda: face_share(pixels))
        except (FacesFailed, RuntimeError, MemoryError):
            label, cause = Label.INCONCLUSIVE, Cause.FACE
        else:
            own = config.thresholds.of(portrait)
            label, cause = decide(config.calibration, own, reading, lambda: self.read(reencode(pixels)))
        probability = config.calibration.probability(reading.margin)
        reason = _reason(label, cause, config.thresholds.of(portrait))
        if cause in HANGS and hangs_on_format(config.calibration, config.thresholds.of(portrait), reading):
            reason = f"{reason} {HANGS[cause]}"
        verdict = Verdict(label, probability, f"{PORTRAIT} {reason}" if portrait else reason)
        heatmap = assemble(maps, views.boxes, config.calibration)
        regions = read_off(logits, views.boxes, config.calibration)
        return Detection(verdict, len(views.pixels), heatmap, regions, portrait)


def _reason(label: Label, cause: Cause, thresholds: Thresholds) -> str:
    low, high = f"{thresholds.likely_real:.0%}", f"{thresholds.likely_fake:.0%}"
    stands = ", and a smaller, recompressed copy of the picture gets the same verdict" if thresholds.reencoding else ""
    match cause, label:
        case Cause.CLEAR, Label.LIKELY_FAKE:
            return (
                f"The estimated probability of a generated picture reaches {high}, from where this network says "
                f"so{stands}."
            )
        case Cause.CLEAR, _:
            return (
                f"The estimated probability of a generated picture is at most {low}, up to where this network "
                f"calls it real{stands}."
            )
        case Cause.DISAGREEMENT, _:
            return (
                f"The mean over the parts of the picture would be enough for a verdict (at least {high} or at most "
                f"{low}), but the parts differ too much among themselves to rely on it."
            )
        case Cause.FACE, _:
            return (
                "What this network says depends on whether a face fills the picture, and the search for a face failed."
            )
        case Cause.REENCODING, _:
            return (
                "A smaller, recompressed copy of the picture, as a web site would make it, does not get the same "
                "verdict: what the network saw may come from how the file was saved."
            )
        case _:
            return (
                f"The estimated probability of a generated picture lies between {low} and {high}, "
                "where this network has been wrong too often to say either."
            )
