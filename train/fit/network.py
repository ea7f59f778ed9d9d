"""The network that a training starts from: built, filled with the weights that were asked for, and made to fit."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import load_state_dict
from torch import Tensor, nn

from train.errors import ConfigError, RunError
from train.fit.config import FitConfig
from train.fit.pretrained import load_imagenet
from unfake.detector.model import DeepfakeClassifier

log = logging.getLogger(__name__)

PACKAGE = "package"
_COPIES = 2  # Adam's two moments of each weight, which come after the first step


def _from_hub(name: str) -> dict[str, Tensor]:
    """ImageNet weights of a backbone, its head among them; raises ConfigError or RunError."""
    if not timm.is_model_pretrained(name):
        raise ConfigError(f"'pretrained' is true, but timm has no ImageNet weights for {name}")
    try:
        # With the head it was trained with: timm checks then that no weight is missing.
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # timm lets through whatever its download meets: network, Hub, disk
        raise RunError(
            f"the ImageNet weights of {name} cannot be had from the Hub ({type(error).__name__}): connect this "
            "machine, or set 'pretrained' to a file of weights, or to false for random ones"
        ) from error
    return state


def _from_file(file: str) -> dict[str, Tensor]:
    """Weights in a safetensors or torch file; raises ConfigError."""
    try:
        state: dict[str, Tensor] = load_state_dict(file, weights_only=True)
    except Exception as error:  # missing, damaged, or a pickle of something else
        raise ConfigError(
            f"'pretrained' is {file!r}, which is no file of weights that can be read ({type(error).__name__})"
        ) from error
    return state


def _fill(backbone: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Copy the backbone's weights out of ``state``; what it holds beyond them (a head) is left aside."""
    wanted = backbone.state_dict()
    missing = [key for key, tensor in wanted.items() if key not in state or state[key].shape != tensor.shape]
    if missing:
        raise ConfigError(
            f"{where} does not hold the weights of this backbone: {missing[0]} is missing or of another shape"
        )
    backbone.load_state_dict({key: state[key] for key in wanted})


def build(config: FitConfig) -> DeepfakeClassifier:
    """The network at its start, on the CPU.

    Raises ConfigError where the weights that ``pretrained`` names do not exist or do not fit, and RunError where the
    Hub cannot give them. It starts from random weights only where ``pretrained`` is false.
    """
    model = DeepfakeClassifier(config.backbone, 2, config.dropout, pretrained=False)
    if config.pretrained is True:
        _fill(model.backbone, _from_hub(config.backbone), "the Hub")
    elif config.pretrained == PACKAGE:
        try:
            load_imagenet(model.backbone, config.backbone)
        except (LookupError, ValueError) as error:
            raise ConfigError(f"'pretrained' is \"package\", but {error}") from error
    elif config.pretrained:
        _fill(model.backbone, _from_file(str(Path(config.pretrained).expanduser())), repr(config.pretrained))
    else:
        log.info("'pretrained' is false: the network starts from random weights")
    return model


def decay_groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Adam's groups: weight decay on kernels and matrices, none on biases and normalisation."""
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def use_checkpointing(model: DeepfakeClassifier, enable: bool) -> None:
    """Recompute the backbone's activations in the backward pass instead of keeping them."""
    model.backbone.set_grad_checkpointing(enable)  # type: ignore[operator]


def fits(attempt: Callable[[], Any]) -> bool:
    """Whether ``attempt`` gets through without running out of the device's memory, which is freed after it."""
    short = False
    try:
        attempt()
    except torch.OutOfMemoryError:
        short = True
    # Not before the error is gone: its stack holds the tensors.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return not short


def try_one_batch(
    model: DeepfakeClassifier, config: FitConfig, device: torch.device, dtype: torch.dtype | None
) -> None:
    """One batch forward and backward beside all that a training keeps; the model is left as it was.

    Random numbers and BatchNorm's statistics are put back, gradients are dropped. Raises torch.OutOfMemoryError.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    devices = [device] if device.type == "cuda" else []
    kept: list[Tensor] = []
    side = config.image_size
    try:
        with torch.random.fork_rng(devices=devices):
            kept = [torch.empty_like(p) for p in model.parameters() for _ in range(_COPIES)]
            pixels = torch.zeros(config.batch, 3, side, side, device=device)
            if config.channels_last:
                pixels = pixels.contiguous(memory_format=torch.channels_last)
            model.train()
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                loss = model(pixels).float().square().mean()
            loss.backward()
    finally:
        kept.clear()
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
