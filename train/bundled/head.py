"""Linear heads on what a frozen tower saw (`train.bundled.tower`), fitted with any sources left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.bundled.data import source_weights
from train.bundled.tower import TRAINING
from train.errors import RunError


def flattened(tokens: NDArray[Any]) -> NDArray[np.float32]:
    """Tokens ``[n, ..., width]`` with length 1 each, one behind the other: float32 ``[n, D]``."""
    found: NDArray[np.float32] = tokens.astype(np.float32)
    found /= np.linalg.norm(found, axis=-1, keepdims=True) + 1e-6
    return found.reshape(len(found), -1)


@dataclass(frozen=True)
class Seen:
    """``features`` ``[N, 12, 2, 768]`` of views, and of each view source, label, picture, delivery and kind."""

    features: NDArray[np.float16]
    source: NDArray[np.str_]
    label: NDArray[np.str_]
    picture: NDArray[np.str_]
    delivery: NDArray[np.str_]
    kind: NDArray[np.str_]

    @classmethod
    def load(cls, folder: Path) -> Seen:
        """What `train.bundled.tower` wrote; raises RunError where there is nothing."""
        parts = [np.load(file) for file in sorted(folder.glob("[0-9]*.npz"))]
        if not parts:
            raise RunError(f"{folder} has no features: run train.bundled.tower first")
        return cls(np.concatenate([p["features"] for p in parts]), *np.concatenate([p["views"] for p in parts]).T)

    def vectors(self, index: NDArray[Any], blocks: list[int], tokens: list[int]) -> NDArray[np.float32]:
        """``[n, blocks x tokens x 768]`` of some views, float32; each block's vector has length 1."""
        return flattened(self.features[index][:, blocks][:, :, tokens])

    def training(self, held_out: list[str]) -> NDArray[np.int64]:
        """Indices of the training views of all sources but those held out."""
        return np.flatnonzero((self.delivery == TRAINING) & ~np.isin(self.source, held_out))

    def weights(self, index: NDArray[np.int64], boosted: frozenset[str], boost: float) -> NDArray[np.float64]:
        """How much each of some views counts, as `source_weights` says; 1 for each label together."""
        entries: list[dict[str, object]] = [{"source": str(self.source[i]), "label": str(self.label[i])} for i in index]
        found = source_weights(entries, boosted, boost)
        fake = self.label[index] == "fake"
        for label in (False, True):
            found[fake == label] /= found[fake == label].sum()
        return found


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


def learn(seen: Seen, row: dict[str, Any], held_out: list[str], boosted: list[str], boost: float) -> Head:
    """A head on the training views of all sources but those held out; ``row``: kinds, blocks, tokens and strength."""
    index = seen.training(held_out)
    index = index[np.isin(seen.kind[index], row["kinds"])]
    weights = seen.weights(index, frozenset(boosted), boost)
    vectors = seen.vectors(index, row["blocks"], row["tokens"])
    return Head.fit(vectors, seen.label[index] == "fake", weights, row["strength"])
