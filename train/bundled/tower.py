"""A tower by its timm name: whether it can be used at all, and its own weights, from a file or from the Hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import errors, hf_hub_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import get_pretrained_cfg
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from train.errors import ConfigError, RunError
from unfake.detector.tower import passed_on

WEIGHTS = "model.safetensors"  # as timm's own repositories on the Hub name them


def check(backbone: str, blocks: Sequence[int], size: int) -> None:
    """Raise ConfigError unless timm has the tower, with these blocks and for views of ``size`` px.

    It is built and run without memory for its numbers (torch's meta device), which takes a second.
    """
    try:
        with torch.device("meta"):
            vit: Any = timm.create_model(backbone, pretrained=False, num_classes=0)
    except RuntimeError as error:  # no such name, or no such tag
        raise ConfigError(f"backbone: {_words(error)}") from error
    if not isinstance(vit, VisionTransformer | Eva):
        raise ConfigError(f"backbone: {backbone} is timm's {type(vit).__name__}, and no VisionTransformer or Eva")
    if not 0 <= min(blocks) <= max(blocks) < len(vit.blocks):
        raise ConfigError(f"blocks: those of {backbone} go from 0 to {len(vit.blocks) - 1}")
    try:
        for _ in passed_on(vit.eval(), torch.empty(1, 3, size, size, device="meta")):
            pass
    except (AssertionError, RuntimeError) as error:
        raise ConfigError(f"views.size: {backbone} takes no views of {size} px ({_words(error)})") from error


def _words(error: Exception) -> str:
    """The first line of what timm or torch says."""
    return str(error).partition("\n")[0].rstrip(".")


def _sets(backbone: str) -> list[str]:
    """The names, with their tags, of the sets of weights that a name may mean."""
    return [backbone] if "." in backbone else list(timm.list_pretrained(f"{backbone}.*"))


def licence(backbone: str) -> str | None:
    """What timm says of the licence of a tower's weights, such as ``apache-2.0``; None where the name has several."""
    found = get_pretrained_cfg(backbone) if len(_sets(backbone)) == 1 else None
    return found.license if found else None


def fetched(backbone: str) -> Path:
    """The file of a tower's own weights, from the Hub by timm's pretrained configuration, or from the Hub's cache.

    Raises ConfigError where timm knows of none there, or of several and the name has no tag, and RunError where the
    Hub cannot give them.
    """
    names = _sets(backbone)
    if len(names) > 1:
        raise ConfigError(f"backbone: {backbone} has several sets of weights: name one of {', '.join(names)}")
    source = get_pretrained_cfg(backbone)
    if source is None or not source.hf_hub_id:
        raise ConfigError(f"timm knows of no weights of {backbone} on the Hub: give a file with --weights")
    repository, _, revision = source.hf_hub_id.partition("@")
    try:
        return Path(hf_hub_download(repository, source.hf_hub_filename or WEIGHTS, revision=revision or None))
    except errors.GatedRepoError as error:
        raise RunError(
            f"{repository} is gated: accept its licence at https://huggingface.co/{repository}, log in with hf auth "
            "login, and run the same command again"
        ) from error
    except Exception as error:  # huggingface_hub lets through whatever it meets: network, Hub, disk
        raise RunError(
            f"the weights of {backbone} cannot be had from the Hub ({type(error.__cause__ or error).__name__}): "
            "connect this machine, or give a file with --weights"
        ) from error


def digest(vit: nn.Module) -> str:
    """SHA-256 of a tower's weights, in hex."""
    found = hashlib.sha256()
    for name, tensor in vit.state_dict().items():
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def fill(vit: nn.Module, backbone: str, weights: Path) -> None:
    """Load a tower, or its first blocks, from safetensors; raises RunError where that does not hold all of them."""
    try:
        state = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{weights} is no file of safetensors that can be read ({type(error).__name__})") from error
    for name, tensor in vit.state_dict().items():
        if name not in state or state[name].shape != tensor.shape:
            what = "of another shape" if name in state else "missing"
            raise RunError(f"{weights} does not hold the weights of {backbone}: {name} is {what}")
    vit.load_state_dict(state, strict=False)
