"""A linear head on class tokens of a tower's blocks."""

from __future__ import annotations

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
    def fit(cls, vectors: NDArray[Any], fake: NDArray[np.bool_], weights: NDArray[Any], strength: float) -> Head:
        """Logistic regression on standardised vectors, with an L2 penalty of ``1 / strength``."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        mean, spread = vectors.mean(0), vectors.std(0) + 1e-6
        found = LogisticRegression(C=strength, max_iter=300)
        found.fit((vectors - mean) / spread, fake, sample_weight=weights * len(weights) / weights.sum())
        weight = found.coef_[0] / spread
        return cls(weight, float(found.intercept_[0] - weight @ mean))
