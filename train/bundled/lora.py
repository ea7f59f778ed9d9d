"""Low-rank adaptation of a tower's upper blocks, and its merging into the weights (Hu et al., LoRA, ICLR 2022)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class Adapted(nn.Module):
    """A linear layer that stays, and a product of two thin matrices beside it that learns."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, values: Tensor) -> Tensor:
        """As the linear layer, with the learned part added."""
        found: Tensor = self.linear(values) + (values @ self.down.T) @ self.up.T
        return found

    @property
    def weight(self) -> Tensor:
        """The matrix with the learned part in it, for towers that read it past the layer, such as timm's `Eva`."""
        found: Tensor = self.linear.weight + self.up @ self.down
        return found

    def merged(self) -> nn.Linear:
        """The linear layer with the learned part in its weights."""
        with torch.no_grad():
            self.linear.weight += self.up @ self.down
        return self.linear


def layers(block: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str]]:
    """Where a block has layers of a kind: what holds each, and the name it has there."""
    names = [name for name, module in block.named_modules() if isinstance(module, kind)]
    return [(block.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in names]


def adapt(vit: Any, first: int, rank: int) -> list[nn.Parameter]:
    """Freeze a tower and adapt every linear layer of its blocks from ``first`` on; gives what learns."""
    for parameter in vit.parameters():
        parameter.requires_grad_(False)
    learning: list[nn.Parameter] = []
    for block in vit.blocks[first:]:
        for holder, name in layers(block, nn.Linear):
            adapter = Adapted(getattr(holder, name), rank)
            setattr(holder, name, adapter)
            learning += [adapter.down, adapter.up]
    return learning


def merge(vit: Any) -> None:
    """Put every adapter's learned part into the weights, in place."""
    for block in vit.blocks:
        for holder, name in layers(block, Adapted):
            setattr(holder, name, getattr(holder, name).merged())
