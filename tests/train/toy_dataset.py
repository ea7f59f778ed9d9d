"""A corpus as train.corpus builds it, small enough to train on in seconds: smooth pictures are real, noisy are fake."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import Image as ImageFeature
from PIL import Image

FEATURES = Features(
    {
        "image": ImageFeature(),
        "label": ClassLabel(names=["real", "fake"]),
        **{c: Value("string") for c in ("source", "category", "group", "sha256", "credit", "licence")},
    }
)
COUNTS = {"train": 12, "validation": 5, "test": 3}


def picture(rng: np.random.Generator, label: int, size: tuple[int, int] = (80, 72)) -> bytes:
    """PNG bytes of a picture of (width, height) px."""
    flat = np.full((size[1], size[0], 3), rng.integers(60, 200, 3), dtype=np.int16)
    spread = 60 if label else 4
    pixels = np.clip(flat + rng.integers(-spread, spread + 1, flat.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def rows(split: str, each: int, sources: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows of a split: ``each`` pictures of each label and source."""
    rng = np.random.default_rng(sorted(COUNTS).index(split))
    found = []
    for source in sources:
        for number in range(2 * each):
            data = picture(rng, number % 2)
            sha = hashlib.sha256(data).hexdigest()
            row = {"image": {"bytes": data, "path": None}, "label": number % 2, "source": source, "sha256": sha}
            found.append({**row, "category": "toy", "group": sha, "credit": "code", "licence": "CC0-1.0"})
    return found


def write(folder: Path, splits: dict[str, list[dict[str, Any]]]) -> Path:
    """Save rows by split as train.corpus does."""
    made = {name: Dataset.from_list(of, features=FEATURES) for name, of in splits.items()}
    DatasetDict(made).save_to_disk(str(folder))
    return folder


def write_corpus(folder: Path, counts: dict[str, int] | None = None, sources: tuple[str, ...] = ("one", "two")) -> Path:
    """``counts``: pictures a label and source in each split."""
    return write(folder, {split: rows(split, each, sources) for split, each in (counts or COUNTS).items()})
