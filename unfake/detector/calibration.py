"""From logits to a probability, and from a probability to a label that may abstain."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Label(StrEnum):
    """What UnFake says of a picture; ``declared_…`` only by what its file states, never by the network."""

    LIKELY_REAL = "likely_real"
    INCONCLUSIVE = "inconclusive"
    LIKELY_FAKE = "likely_fake"
    NOT_APPLICABLE = "not_applicable"
    DECLARED_AI = "declared_ai"
    DECLARED_AI_EDIT = "declared_ai_edit"
    DECLARED_CAMERA = "declared_camera"


def rounded(probability: float | None) -> float | None:
    """A probability as reports give it, to four digits; None stays."""
    return None if probability is None else round(probability, 4)


@dataclass(frozen=True)
class Calibration:
    """Platt scaling with the slope written as a temperature: p = sigmoid(margin / temperature + bias).

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017 (temperature); Platt 1999 (bias).
    """

    temperature: float
    bias: float

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that give no probability."""
        if not (math.isfinite(self.temperature) and self.temperature > 0 and math.isfinite(self.bias)):
            raise ValueError("the temperature must be positive and the bias finite")

    def probability(self, margin: float) -> float:
        """Probability that the picture is fake, from the picture's margin (fake logit minus real logit).

        >>> round(Calibration(temperature=2.0, bias=0.0).probability(4.0), 3)
        0.881
        """
        # tanh form: no overflow at any margin
        return 0.5 * (1.0 + math.tanh(0.5 * (margin / self.temperature + self.bias)))

    def to_json(self) -> dict[str, float]:
        """As it stands in ``config.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Thresholds:
    """Probabilities of fake at or under ``likely_real`` and at or over ``likely_fake`` get that label.

    ``widening``: how many times the disagreement between views the band between the two grows to each side.
    ``reencoding``: whether a label also has to stand after `decision.reencode`. ``shift``: how far another file format
    moves the calibrated logit of every second picture; 0 where that was not measured. ``portrait``: for a picture that
    a face fills (`unfake.detector.portrait`), where it has its own.
    """

    likely_real: float
    likely_fake: float
    widening: float = 0.0
    reencoding: bool = True
    shift: float = 0.0
    portrait: Thresholds | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless 0 <= likely_real < likely_fake <= 1, and neither widening nor shift is negative."""
        if not 0 <= self.likely_real < self.likely_fake <= 1:
            raise ValueError("thresholds must satisfy 0 <= likely_real < likely_fake <= 1")
        if not (math.isfinite(self.widening) and self.widening >= 0):
            raise ValueError("the widening must be finite and not negative")
        if not (math.isfinite(self.shift) and self.shift >= 0):
            raise ValueError("the shift must be finite and not negative")

    def label(self, probability: float, disagreement: float = 0.0) -> Label:
        """Label for a calibrated probability of fake; between the thresholds it is inconclusive.

        ``disagreement``: standard error of the calibrated logit over the picture's views. A label is given only
        if the probability reaches its threshold after moving towards the other label by ``widening`` times that.

        >>> limits = Thresholds(likely_real=0.2, likely_fake=0.9, widening=1.0)
        >>> [limits.label(p).value for p in (0.1, 0.5, 0.95)]
        ['likely_real', 'inconclusive', 'likely_fake']
        >>> limits.label(0.95, disagreement=1.0).value
        'inconclusive'
        """
        shift = self.widening * disagreement
        if _shifted(probability, -shift) >= self.likely_fake:
            return Label.LIKELY_FAKE
        if _shifted(probability, shift) <= self.likely_real:
            return Label.LIKELY_REAL
        return Label.INCONCLUSIVE

    def of(self, portrait: bool) -> Thresholds:
        """Those that a picture is judged by: ``portrait`` says whether by the ones for portraits."""
        return self.portrait if portrait and self.portrait else replace(self, portrait=None)

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``config.json``; ``portrait`` is left away where there is none."""
        found = {name: value for name, value in vars(self).items() if name != "portrait"}
        return found | ({"portrait": self.portrait.to_json()} if self.portrait else {})


def margin(logits: NDArray[np.float32]) -> float:
    """A picture's margin, fake logit minus real logit, averaged over its views; logits ``[N, 2]``.

    >>> margin(np.array([[0.0, 1.0], [2.0, 0.0]], np.float32))
    -0.5
    """
    return float(np.mean(logits[:, 1] - logits[:, 0], dtype=np.float64))


def _shifted(probability: float, shift: float) -> float:
    """The probability after its logit has moved by ``shift``; 0 and 1 stay."""
    if shift == 0 or probability in {0.0, 1.0}:
        return probability
    return 0.5 * (1.0 + math.tanh(0.5 * (math.log(probability) - math.log1p(-probability) + shift)))
