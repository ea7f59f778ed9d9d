"""From what a network reads off a picture to a label: thresholds, disagreement between views, and re-encoding."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unfake.detector.calibration import Calibration, Label, Thresholds, margin
from unfake.detector.portrait import FILLS
from unfake.detector.views import Pixels

# What a web site does once more to a picture that it takes in: three quarters of the size, JPEG at this quality.
REENCODING_SCALE = 0.75
REENCODING_QUALITY = 70


@dataclass(frozen=True)
class Reading:
    """A picture's ``margin`` (fake logit minus real logit, mean over its views) and the standard error of that mean.

    ``error`` is the standard deviation over the views divided by the root of their number: it grows as they
    disagree. A single view cannot disagree with itself: 0.
    """

    margin: float
    error: float

    @classmethod
    def of(cls, logits: NDArray[np.float32]) -> Reading:
        """From logits ``[N, 2]`` of N views.

        >>> Reading.of(np.array([[0, 1], [0, 3]], np.float32))
        Reading(margin=2.0, error=1.0)
        """
        count = len(logits)
        each = (logits[:, 1] - logits[:, 0]).astype(np.float64)
        return cls(margin(logits), float(each.std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0)


class Cause(Enum):
    """Why a label is what it is."""

    CLEAR = auto()
    BETWEEN = auto()
    DISAGREEMENT = auto()
    REENCODING = auto()
    FACE = auto()


def as_portrait(calibration: Calibration, thresholds: Thresholds, reading: Reading, face: Callable[[], float]) -> bool:
    """Whether a picture is judged by the thresholds for portraits (`Thresholds.of`).

    ``face`` gives `unfake.detector.portrait.face_share`; it is called only where the label depends on it.
    """
    portrait = thresholds.portrait
    return (
        portrait is not None
        and _label(calibration, portrait, reading) is not _label(calibration, thresholds, reading)
        and face() >= FILLS
    )


def decide(
    calibration: Calibration, thresholds: Thresholds, reading: Reading, again: Callable[[], Reading]
) -> tuple[Label, Cause]:
    """Label and its cause. ``again`` reads the re-encoded picture; it is called only where that can change the label.

    A label stands only if the views agree on it (`Thresholds.label`) and, where the thresholds ask for that, the
    re-encoded picture gets it too.
    """
    found = _label(calibration, thresholds, reading)
    if found is Label.INCONCLUSIVE:
        alone = thresholds.label(calibration.probability(reading.margin))
        return found, Cause.BETWEEN if alone is Label.INCONCLUSIVE else Cause.DISAGREEMENT
    if thresholds.reencoding and _label(calibration, thresholds, again()) is not found:
        return Label.INCONCLUSIVE, Cause.REENCODING
    return found, Cause.CLEAR


def hangs_on_format(calibration: Calibration, thresholds: Thresholds, reading: Reading) -> bool:
    """Whether a picture lies so near a threshold that another file format can move it over (`Thresholds.shift`)."""
    by = thresholds.shift * calibration.temperature
    moved = (Reading(reading.margin + each, reading.error) for each in (-by, 0.0, by))
    return len({_label(calibration, thresholds, each) for each in moved}) > 1


def _label(calibration: Calibration, thresholds: Thresholds, reading: Reading) -> Label:
    return thresholds.label(calibration.probability(reading.margin), reading.error / calibration.temperature)


def reencode(pixels: Pixels) -> Pixels:
    """The picture, uint8 ``[H, W, 3]``, as a web site would pass it on: smaller, and through JPEG once more."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * REENCODING_SCALE)), max(1, round(height * REENCODING_SCALE)))
    buffer = io.BytesIO()
    image = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    image.save(buffer, "JPEG", quality=REENCODING_QUALITY, subsampling=2)
    buffer.seek(0)
    with Image.open(buffer) as again:
        return np.asarray(again.convert("RGB"))
