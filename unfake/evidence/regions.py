"""What the network read off each part of a picture that it looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unfake.detector.calibration import Calibration, rounded
from unfake.detector.views import Box


@dataclass(frozen=True)
class Region:
    """A part of a picture, and the probability of fake that the network gives to it alone.

    ``box``: left, top, right and bottom, as fractions of the picture's width and height. ``probability``: in [0, 1], by
    the calibration of whole pictures, or None where the part cannot be judged. The calibration was fitted to the mean
    over a picture's views, so a single view is less reliable than its number.
    """

    box: Box
    probability: float | None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {"box": [round(edge, 4) for edge in self.box], "probability": rounded(self.probability)}


def read_off(logits: NDArray[np.float32], boxes: Sequence[Box], calibration: Calibration) -> tuple[Region, ...]:
    """A region for each view, from logits ``[N, 2]`` and N boxes, in the order of the views."""
    margins = (logits[:, 1] - logits[:, 0]).astype(np.float64)
    return tuple(
        Region(box, calibration.probability(float(margin))) for box, margin in zip(boxes, margins, strict=True)
    )
