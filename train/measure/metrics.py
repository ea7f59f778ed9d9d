"""Figures of predictions: what they are, and how far to trust each (95 % intervals).

A figure is ``[value, low, high]``, or None where the source lacks the label that it needs. Shares of verdicts have
Wilson's interval, the rest a bootstrap's, which draws pictures within each label with replacement (Efron 1979): an
interval says what another draw of pictures from the same source would give. It does not cover other sources: for that
look at how the sources differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

from unfake.detector.calibration import Label

Figure = list[float] | None
ROUNDS = 500
BINS = 10


@dataclass(frozen=True)
class Judged:
    """Pictures with their truth ``fake`` [N], calibrated ``probability`` of fake [N], and ``label`` [N]."""

    fake: NDArray[np.bool_]
    probability: NDArray[np.float64]
    label: NDArray[np.str_]

    def __getitem__(self, index: NDArray[Any]) -> Judged:
        """Some of them."""
        return Judged(self.fake[index], self.probability[index], self.label[index])

    @classmethod
    def join(cls, parts: Sequence[Judged]) -> Judged:
        """Several sets as one."""
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("fake", "probability", "label")))


def auc(fake: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the chance that a fake scores higher than a real, ties counted half (Mann-Whitney)."""
    positives, negatives = int(fake.sum()), int((~fake).sum())
    ranks = rankdata(score)
    return float((ranks[fake].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def balanced_accuracy(judged: Judged) -> float:
    """Mean of the two labels' accuracies at a probability of one half, with no abstention."""
    called = judged.probability >= 0.5
    return float((called[judged.fake].mean() + (~called[~judged.fake]).mean()) / 2)


def true_positive_rate(judged: Judged, false_positive_rate: float) -> float:
    """Share of fakes above the score that at most ``false_positive_rate`` of the reals exceed, source by source."""
    reals = np.sort(judged.probability[~judged.fake])
    allowed = int(np.floor(false_positive_rate * len(reals)))
    return float((judged.probability[judged.fake] > reals[len(reals) - 1 - allowed]).mean())


def calibration_error(judged: Judged, bins: int = BINS) -> float:
    """Expected calibration error: mean gap of probability and frequency over ``bins`` equal bins.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, with the probability of fake in place
    of the confidence, and weighed as in `Reliability`.
    """
    return Reliability.of(judged.fake, judged.probability, bins).error


@dataclass(frozen=True)
class Reliability:
    """Pictures by their probability of fake, in ``bins`` of equal width: arrays ``[bins]``.

    ``weight`` sums to 1: both labels weigh half, whatever their numbers, as in the fit of the calibration.
    ``probability`` and ``fake``: the weight times the mean probability, and times the share that is fake.
    """

    count: NDArray[np.int64]
    weight: NDArray[np.float64]
    probability: NDArray[np.float64]
    fake: NDArray[np.float64]

    @classmethod
    def of(cls, fake: NDArray[np.bool_], probability: NDArray[np.float64], bins: int = BINS) -> Reliability:
        """Of pictures with their truth ``[N]`` and probability of fake ``[N]``; of one label all weigh alike."""
        weight = np.where(fake, 1 / max(1, fake.sum()), 1 / max(1, (~fake).sum())) / max(1, len(np.unique(fake)))
        which = np.minimum((probability * bins).astype(int), bins - 1)

        def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.bincount(which, values, bins).astype(np.float64)

        count = np.bincount(which, minlength=bins)
        return cls(count, summed(weight), summed(weight * probability), summed(weight * fake))

    @property
    def error(self) -> float:
        """See `calibration_error`."""
        return float(np.abs(self.probability - self.fake).sum())


def interval(judged: Judged, measure: Callable[[Judged], float], seed: int = 0) -> list[float]:
    """``[value, low, high]``: the measure with its 95 % bootstrap interval."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(judged.fake == label) for label in (False, True)]
    draws = [measure(judged[np.concatenate([rng.choice(m, len(m)) for m in members if len(m)])]) for _ in range(ROUNDS)]
    low, high = np.quantile(draws, (0.025, 0.975))
    return [round(float(each), 4) for each in (measure(judged), low, high)]


def share(judged: Judged, fake: bool | None, label: Label) -> Figure:
    """Share of the pictures (of one truth, or of both) that get a label, with Wilson's 95 % score interval.

    Not the bootstrap: of none in ten it would say 0 to 0, where one in four is still possible (Wilson 1927).
    """
    part = judged if fake is None else judged[judged.fake == fake]
    if not len(part.fake):
        return None
    found = binomtest(int((part.label == label).sum()), len(part.fake))
    low, high = found.proportion_ci(0.95, method="wilson")
    return [round(float(each), 4) for each in (found.statistic, low, high)]


def decided(judged: Judged) -> Figure:
    """Share of the pictures that get a label other than inconclusive, with Wilson's interval."""
    undecided = share(judged, None, Label.INCONCLUSIVE)
    return undecided and [round(1 - each, 4) for each in (undecided[0], undecided[2], undecided[1])]


def decided_wrongly(judged: Judged) -> Figure:
    """Share of the decided pictures whose label is wrong, with Wilson's interval; None where none is decided."""
    part = judged[judged.label != Label.INCONCLUSIVE]
    if not len(part.fake):
        return None
    found = binomtest(int((part.fake != (part.label == Label.LIKELY_FAKE)).sum()), len(part.fake))
    low, high = found.proportion_ci(0.95, method="wilson")
    return [round(float(each), 4) for each in (found.statistic, low, high)]


def figures(judged: Judged) -> dict[str, Any]:
    """All figures of one source at one delivery."""
    both = bool(judged.fake.any() and not judged.fake.all())

    def where_both(measure: Callable[[Judged], float]) -> Figure:
        return interval(judged, measure) if both else None

    return {
        "real": int((~judged.fake).sum()),
        "fake": int(judged.fake.sum()),
        "auc": where_both(lambda j: auc(j.fake, j.probability)),
        "balanced_accuracy": where_both(balanced_accuracy),
        "tpr_at_1_fpr": where_both(lambda j: true_positive_rate(j, 0.01)),
        "tpr_at_5_fpr": where_both(lambda j: true_positive_rate(j, 0.05)),
        "calibration_error": where_both(calibration_error),
        "real_called_fake": share(judged, False, Label.LIKELY_FAKE),
        "real_called_real": share(judged, False, Label.LIKELY_REAL),
        "fake_called_fake": share(judged, True, Label.LIKELY_FAKE),
        "fake_called_real": share(judged, True, Label.LIKELY_REAL),
        "inconclusive": share(judged, None, Label.INCONCLUSIVE),
    }


def mean_auc(sources: Sequence[Judged], seed: int = 0) -> list[float]:
    """``[value, low, high]`` of the mean AUC over sources, each drawn anew within itself in every round."""
    return _bootstrapped(sources, lambda source, index: auc(source.fake[index], source.probability[index]), seed)


def mean_auc_gain(sources: Sequence[Judged], first: Sequence[Judged], seed: int = 0) -> list[float]:
    """``[value, low, high]``: by how much the mean AUC is above that of ``first``, on the same draws of pictures.

    Both hold the same pictures in the same order. Raises ValueError where their labels differ.
    """
    both = list(zip(sources, first, strict=True))
    if any(not np.array_equal(one.fake, other.fake) for one, other in both):
        raise ValueError("only detectors that were measured on the same pictures can be compared")
    scores = {id(one): other.probability for one, other in both}

    def gain(source: Judged, index: NDArray[np.int64]) -> float:
        fake = source.fake[index]
        return auc(fake, source.probability[index]) - auc(fake, scores[id(source)][index])

    return _bootstrapped(sources, gain, seed)


def _bootstrapped(
    sources: Sequence[Judged], measure: Callable[[Judged, NDArray[np.int64]], float], seed: int
) -> list[float]:
    """The mean of a measure over sources, each drawn anew within its labels in every round."""
    rng = np.random.default_rng(seed)

    def drawn(judged: Judged) -> float:
        members = (np.flatnonzero(judged.fake == label) for label in (False, True))
        return measure(judged, np.concatenate([rng.choice(m, len(m)) for m in members]))

    value = np.mean([measure(j, np.arange(len(j.fake))) for j in sources])
    low, high = np.quantile([np.mean([drawn(j) for j in sources]) for _ in range(ROUNDS)], (0.025, 0.975))
    return [round(float(each), 4) for each in (value, low, high)]
