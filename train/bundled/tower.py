"""A vision transformer's weights, from the safetensors of a package."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from train.errors import RunError


def fill(vit: nn.Module, backbone: str, weights: Path) -> None:
    """Load a tower, or its first blocks, from safetensors; raises RunError where some of its weights are missing."""
    missing = vit.load_state_dict(load_file(weights), strict=False).missing_keys
    if missing:
        raise RunError(f"{weights} does not hold the weights of {backbone}: {missing[0]} is missing")
