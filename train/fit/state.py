"""The state of a training on disk: written beside, flushed, renamed. A kill or a full disk leaves the one before.

It holds tensors, numbers, texts, lists and tables only, and is read with ``weights_only=True``: no pickle.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from train.errors import RunError

SCHEMA = "unfake.run/1"


def write(state: Mapping[str, Any], path: Path) -> None:
    """Write ``state`` to ``path``; whatever happens on the way, the file that was there stays whole.

    Raises RunError where it cannot be written, a full disk among the reasons.
    """
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as handle:
            torch.save({"schema": SCHEMA, **state}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself
        finally:
            os.close(folder)
    except (OSError, RuntimeError) as error:
        # torch hides the writer's OSError behind a RuntimeError of its own.
        reason = error if isinstance(error, OSError) else error.__context__
        if not isinstance(reason, OSError):
            raise
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"the state could not be written to {path} ({reason.strerror}): the one before it is whole, "
            "so make room and go on with --resume"
        ) from error


def read(path: Path) -> dict[str, Any]:
    """The state in ``path``, tensors on the CPU; raises RunError where there is none or it is damaged."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on a damaged file
        raise RunError(f"{path} is not the state of a training, or is damaged ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        raise RunError(f"{path} is not the state of a training by this version of train.fit")
    return state


def random_states() -> dict[str, Any]:
    """Where the generators of this process stand: Python's, numpy's, torch's on the CPU and on this process's GPU."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), place, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def restore_random(states: Mapping[str, Any]) -> None:
    """Set the generators of this process to what `random_states` gave."""
    version, numbers, gauss_next = states["python"]
    random.setstate((version, tuple(numbers), gauss_next))
    kind, keys, place, has_gauss, gauss = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), place, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
