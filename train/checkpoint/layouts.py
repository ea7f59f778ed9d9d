"""How three libraries name the tensors of one EfficientNet: timm, torchvision and efficientnet_pytorch.

Names are translated into timm's one by one. Nothing is matched by order or by shape alone: in a stage of thirteen
equal blocks any order would fit, and only one is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from torch import nn

# Within a block, from the first convolution to the last. A block that does not expand lacks the first pair.
_EXPANDING = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")
_PLAIN = ("conv_dw", "bn1", "conv_pw", "bn2")
_EXCITATION = {"fc1": "conv_reduce", "fc2": "conv_expand", "_se_reduce": "conv_reduce", "_se_expand": "conv_expand"}


@dataclass(frozen=True)
class Trunk:
    """A timm EfficientNet without its head: its tensors' names, and its stages as blocks that expand or do not."""

    names: frozenset[str]
    stages: tuple[tuple[bool, ...], ...]

    @classmethod
    def of(cls, backbone: nn.Module) -> Self:
        """The trunk that a backbone is."""
        stages = backbone.get_submodule("blocks").children()
        return cls(
            frozenset(backbone.state_dict()),
            tuple(tuple(hasattr(block, "conv_pwl") for block in stage.children()) for stage in stages),
        )

    def tensor(self, stage: int, block: int, index: int, leaf: str) -> str | None:
        """timm's name of a tensor of a block's ``index``-th layer, convolutions and normalisations counted."""
        layers = _EXPANDING if self.stages[stage][block] else _PLAIN
        return f"blocks.{stage}.{block}.{layers[index]}.{leaf}" if 0 <= index < len(layers) else None


Translate = Callable[[str, Trunk], str | None]


@dataclass(frozen=True)
class Layout:
    """One library's names. ``stem``: the name of the first kernel, by which the layout is known.

    ``padding``: the beginning of the timm backbones that pad as this library does; empty for timm itself, where the
    names do not tell. ``default``: the backbone taken for granted. ``translate``: gives timm's name for a name, or
    None for a tensor that is not of the trunk.
    """

    name: str
    stem: str
    padding: str
    default: str
    translate: Translate


def _timm(name: str, trunk: Trunk) -> str | None:
    return name if name in trunk.names else None


def _torchvision(name: str, trunk: Trunk) -> str | None:
    last = len(trunk.stages) + 1
    if found := re.fullmatch(rf"features\.(0|{last})\.([01])\.(\w+)", name):
        ends = ("conv_stem", "bn1") if found[1] == "0" else ("conv_head", "bn2")
        return f"{ends[int(found[2])]}.{found[3]}"
    found = re.fullmatch(r"features\.(\d+)\.(\d+)\.block\.(\d)\.(fc1|fc2|[01])\.(\w+)", name)
    if not found:
        return None
    stage, block, layer = int(found[1]) - 1, int(found[2]), int(found[3])
    if not (0 <= stage < len(trunk.stages) and block < len(trunk.stages[stage])):
        return None
    if found[4] in _EXCITATION:
        return f"blocks.{stage}.{block}.se.{_EXCITATION[found[4]]}.{found[5]}"
    excitation = 2 if trunk.stages[stage][block] else 1
    index = 2 * (layer - (layer > excitation)) + int(found[4])
    return trunk.tensor(stage, block, index, found[5])


def _efficientnet_pytorch(name: str, trunk: Trunk) -> str | None:
    ends = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    module, _, leaf = name.rpartition(".")
    if module in ends:
        return f"{ends[module]}.{leaf}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", module)
    places = [(stage, block) for stage, blocks in enumerate(trunk.stages) for block in range(len(blocks))]
    if not found or int(found[1]) >= len(places):
        return None
    stage, block = places[int(found[1])]
    if found[2] in _EXCITATION:
        return f"blocks.{stage}.{block}.se.{_EXCITATION[found[2]]}.{leaf}"
    layers = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")
    if found[2] not in layers:
        return None
    skipped = 0 if trunk.stages[stage][block] else 2
    return trunk.tensor(stage, block, layers.index(found[2]) - skipped, leaf)


LAYOUTS = (
    Layout("timm", "conv_stem.weight", "", "tf_efficientnet_b7", _timm),
    Layout("torchvision", "features.0.0.weight", "efficientnet_", "efficientnet_b7", _torchvision),
    Layout(
        "efficientnet_pytorch", "_conv_stem.weight", "tf_efficientnet_", "tf_efficientnet_b7", _efficientnet_pytorch
    ),
)


def epsilon(layout: Layout, backbone: str) -> float | None:
    """What a layout's library adds to a variance before it divides by its root; None: as timm's backbone does.

    torchvision/models/efficientnet.py: 1e-3 for B5, B6 and B7, else torch's 1e-5. efficientnet_pytorch/utils.py: 1e-3.
    """
    if layout.name == "torchvision":
        return 1e-3 if backbone.endswith(("_b5", "_b6", "_b7")) else 1e-5
    return 1e-3 if layout.name == "efficientnet_pytorch" else None
