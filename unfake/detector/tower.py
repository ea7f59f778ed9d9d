"""The second kind of network: a vision transformer's first blocks, and one linear layer on what they make of a view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import timm
import torch
from huggingface_hub import PyTorchModelHubMixin
from timm.models.eva import Eva
from torch import Tensor, nn

SCALE = "_scale"  # of a matrix in int8: the name of its rows' scales is its own with this behind it


def _dequantise(_module: nn.Module, state: dict[str, Tensor], *_: Any) -> None:
    """Turn int8 matrices into fp32 before they are loaded; weights without scales are left alone."""
    for name in [n for n in state if n.endswith(SCALE)]:
        matrix = name.removesuffix(SCALE)
        state[matrix] = state[matrix].float() * state.pop(name)[:, None]


def embedded(vit: Any, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
    """What the first block gets of normalised pictures, float ``[batch, 3, size, size]``.

    Tokens ``[batch, tokens, width]`` with the class token, then registers, before the patches, as far as there are
    such; and the rotary position embeddings of timm's `Eva`, ``[patches, 2 head width]`` or such for each block and
    head, else None.
    """
    found = vit._pos_embed(vit.patch_embed(pixels))
    tokens, rope = found if isinstance(vit, Eva) else (found, None)
    return vit.norm_pre(tokens), rope


def passed_by(vit: Any, number: int, tokens: Tensor, rope: Tensor | None) -> Tensor:
    """What block ``number`` makes of tokens, ``[batch, tokens, width]``; ``rope`` as in `embedded`."""
    if not isinstance(vit, Eva):
        found: Tensor = vit.blocks[number](tokens)
    else:
        found = vit.blocks[number](tokens, rope=rope[number] if vit.rope_mixed and rope is not None else rope)
    return found


def passed_on(vit: Any, pixels: Tensor) -> Iterator[Tensor]:
    """What each block of a vision transformer of timm passes on, ``[batch, tokens, width]``."""
    tokens, rope = embedded(vit, pixels)
    for number in range(len(vit.blocks)):
        tokens = passed_by(vit, number, tokens, rope)
        yield tokens


def summary(vit: Any, tokens: Tensor) -> Tensor:
    """The class token of what a block passed on; in a tower without one the mean of its patches. ``[batch, width]``."""
    if vit.cls_token is not None:
        return tokens[:, 0]
    return tokens[:, vit.num_prefix_tokens :].mean(1)


class TowerClassifier(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="unfake",
    license="apache-2.0",
    pipeline_tag="image-classification",
    tags=["deepfake-detection", "ai-generated-image-detection"],
):
    """Real or fake, from normalised pictures, by what intermediate blocks pass on.

    Koutlis and Papadopoulos, Leveraging Representations from Intermediate Encoder-blocks for Synthetic Image Detection,
    ECCV 2024. The blocks after the last one that is used, and timm's pooling, are left away.
    """

    def __init__(self, backbone: str, num_classes: int = 2, blocks: Sequence[int] = (7,)) -> None:
        """Build it with random weights. ``backbone``: timm's `VisionTransformer` or `Eva`. ``blocks``: from 0."""
        super().__init__()
        vit: Any = timm.create_model(backbone, pretrained=False, num_classes=0)
        vit.blocks = vit.blocks[: max(blocks) + 1]
        vit.norm = vit.fc_norm = nn.Identity()
        vit.attn_pool = None
        self.backbone = vit
        self.blocks = tuple(blocks)
        self.classifier = nn.Linear(len(blocks) * int(vit.embed_dim), num_classes)
        self.register_load_state_dict_pre_hook(_dequantise)  # type: ignore[no-untyped-call]

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``[batch, classes]`` (0 real, 1 fake) of normalised pictures, float ``[batch, 3, size, size]``."""
        return self.read(self.summaries(pixels))

    def summaries(self, pixels: Tensor) -> Tensor:
        """What the head reads of normalised pictures: for each block a vector of length 1, ``[N, blocks, width]``."""
        found = [
            nn.functional.normalize(summary(self.backbone, tokens), dim=-1)
            for number, tokens in enumerate(passed_on(self.backbone, pixels))
            if number in self.blocks
        ]
        return torch.stack(found, dim=1)

    def read(self, summaries: Tensor) -> Tensor:
        """Logits ``[N, classes]`` of what `summaries` gives."""
        logits: Tensor = self.classifier(summaries.flatten(1))
        return logits

    def forward_with_map(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[batch, classes]``, and the same as a map of one place, ``[batch, classes, 1, 1]``.

        What is read has seen the whole view: what can be shown of where is which view spoke for what.
        """
        logits = self(pixels)
        return logits, logits[:, :, None, None]
