"""A linear head on class tokens of a tower's blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def flattened(tokens: NDArray[Any]) -> NDArray[np.float32]:
    """Tokens ``[n, ..., width]`` with length 1 each, one behind the other: float32 ``[n, D]``."""
    found: NDArray[np.float32] = tokens.astype(np.float32)
    found /= np.linalg.norm(found, axis=-1, keepdims=True) + 1e-6
    return found.reshape(len(found), -1)


@dataclass(frozen=True)
class Head:
    """A linear layer: ``weight`` ``[D]`` and ``bias``."""

    weight: NDArray[np.float64]
    bias: float

    def __call__(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """Margins ``[n]`` of vectors ``[n, D]``: fake logit minus real logit."""
        found: NDArray[np.float64] = vectors @ self.weight + self.bias
        return found

    @classmethod
    def fit(
        cls,
        vectors: NDArray[Any],
        fake: NDArray[np.bool_],
        weights: NDArray[Any],
        sources: Sequence[str],
        penalty: float,
        source_penalty: float,
    ) -> Head:
        """Logistic regression on standardised vectors, with an intercept for each source that is left away afterwards.

        So the weights learn what parts fake from real within a source, and less of what one source's pictures have in
        common: a random intercept, as in mixed models (Gelman and Hill, Data Analysis Using Regression, 2007, ch. 12).
        The mean loss by ``weights`` is minimised, plus half of ``penalty`` times the squared weights and half of
        ``source_penalty`` times the squared intercepts of the sources.
        """
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        mean, spread = vectors.mean(0), vectors.std(0) + 1e-6
        names, number = np.unique(sources, return_inverse=True)
        own = np.eye(len(names), dtype=np.float32)[number] * math.sqrt(penalty / source_penalty)
        found = LogisticRegression(C=1 / penalty, max_iter=300)
        found.fit(np.hstack(((vectors - mean) / spread, own)), fake, sample_weight=weights / weights.sum())
        weight = found.coef_[0, : len(mean)] / spread
        return cls(weight, float(found.intercept_[0] - weight @ mean))
