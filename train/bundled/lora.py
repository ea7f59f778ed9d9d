"""Low-rank adaptation of a tower's upper blocks, and its merging into the weights (Hu et al., LoRA, ICLR 2022)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

ADAPTED = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")


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

    def merged(self) -> nn.Linear:
        """The linear layer with the learned part in its weights."""
        with torch.no_grad():
            self.linear.weight += self.up @ self.down
        return self.linear


def adapt(vit: Any, first: int, rank: int) -> list[nn.Parameter]:
    """Freeze a tower and put adapters into its blocks from ``first`` on; gives what learns."""
    for parameter in vit.parameters():
        parameter.requires_grad_(False)
    learning: list[nn.Parameter] = []
    for block in vit.blocks[first:]:
        for name in ADAPTED:
            parent, child = name.split(".")
            holder = getattr(block, parent)
            adapter = Adapted(getattr(holder, child), rank)
            setattr(holder, child, adapter)
            learning += [adapter.down, adapter.up]
    return learning


def merge(vit: Any) -> None:
    """Put every adapter's learned part into the weights, in place."""
    for block in vit.blocks:
        for name in ADAPTED:
            parent, child = name.split(".")
            holder = getattr(block, parent)
            if isinstance(adapter := getattr(holder, child), Adapted):
                setattr(holder, child, adapter.merged())
