"""A pool of small pictures that a network can learn in seconds: smooth ones are real, noisy ones are fake."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_pool(folder: Path, sources: dict[str, int], size: int = 96) -> Path:
    """``sources``: pictures of each label by source."""
    rng = np.random.default_rng(5)
    rows = []
    for source, count in sources.items():
        for label in ("real", "fake"):
            for number in range(count):
                flat = np.full((size, size, 3), rng.integers(60, 200, 3), dtype=np.int16)
                spread = 60 if label == "fake" else 4
                pixels = np.clip(flat + rng.integers(-spread, spread + 1, flat.shape), 0, 255).astype(np.uint8)
                path = folder / source / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
                rows.append({"source": source, "label": label, "generator": "toy", "name": path.name})
    with (folder / "index.tsv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("pool"), {"one": 6, "two": 4, "held": 8})
