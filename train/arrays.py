"""Arrays kept in a file between two runs of a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def save(file: Path, **arrays: NDArray[np.generic]) -> None:
    """Write arrays as ``.npz``, and put the file in place only when it is whole."""
    temporary = file.with_suffix(".part.npz")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    temporary.replace(file)
