"""Towers of each kind that timm has, small enough for a test: registered under names of their own."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

import torch
from timm.layers.norm import LayerNorm
from timm.models import generate_default_cfgs, register_model
from timm.models.eva import Eva, _create_eva
from timm.models.vision_transformer import VisionTransformer, _create_vision_transformer
from torch import nn

Model = TypeVar("Model", bound=nn.Module)
SIZE = 32  # px a side of a view: 16 patches
DEPTH = 3
SMALL: dict[str, Any] = {"img_size": SIZE, "patch_size": 8, "embed_dim": 64, "depth": DEPTH, "num_heads": 2}
ROTARY: dict[str, Any] = SMALL | {"use_rot_pos_emb": True, "norm_layer": partial(LayerNorm, eps=1e-5)}
SOURCE = {"hf_hub_id": "timm/", "input_size": (3, SIZE, SIZE), "first_conv": "patch_embed.proj", "classifier": "head"}

default_cfgs = generate_default_cfgs(
    {
        "vit_toy_class.one": SOURCE,
        "vit_toy_class.two": SOURCE,
        "vit_toy_patches.webli": SOURCE,
        "vit_toy_pe.fb": SOURCE | {"license": "apache-2.0"},
        "vit_toy_dino.lvd": SOURCE | {"license": "dinov3-license"},
        "vit_toy_biased.lvd": SOURCE,
        "vit_toy_mixed.naver": SOURCE,
        "eva_toy_gated.mim": SOURCE,
        "vit_toy_unheard": {},
    }
)


def _plain(name: str, arguments: dict[str, Any], pretrained: bool, given: dict[str, Any]) -> VisionTransformer:
    found: VisionTransformer = _create_vision_transformer(name, pretrained=pretrained, **arguments | given)
    return found


def _eva(name: str, arguments: dict[str, Any], pretrained: bool, given: dict[str, Any]) -> Eva:
    found: Eva = _create_eva(name, pretrained=pretrained, **arguments | given)
    return found


@register_model
def vit_toy_class(pretrained: bool = False, **given: Any) -> VisionTransformer:
    """As CLIP's: a class token."""
    return _plain("vit_toy_class", SMALL | {"pre_norm": True}, pretrained, given)


@register_model
def vit_toy_unheard(pretrained: bool = False, **given: Any) -> VisionTransformer:
    """One whose weights nobody has."""
    return _plain("vit_toy_unheard", SMALL, pretrained, given)


@register_model
def vit_toy_patches(pretrained: bool = False, **given: Any) -> VisionTransformer:
    """As SigLIP's: no class token, and pooling by attention."""
    return _plain("vit_toy_patches", SMALL | {"class_token": False, "global_pool": "map"}, pretrained, given)


@register_model
def vit_toy_pe(pretrained: bool = False, **given: Any) -> Eva:
    """As PE core's: learned and rotary position embeddings."""
    own = {"global_pool": "map", "attn_type": "rope", "use_pre_transformer_norm": True, "ref_feat_shape": (4, 4)}
    grid = {"rope_grid_offset": 1.0, "rope_grid_indexing": "xy"}
    return _eva("vit_toy_pe", ROTARY | own | grid, pretrained, given)


DINO: dict[str, Any] = ROTARY | {
    "dynamic_img_size": True,
    "init_values": 1e-5,
    "rope_type": "dinov3",
    "rope_temperature": 100,
    "rope_rotate_half": True,
    "use_abs_pos_emb": False,
    "num_reg_tokens": 4,
    "use_fc_norm": False,
}


@register_model
def vit_toy_dino(pretrained: bool = False, **given: Any) -> Eva:
    """As DINOv3's: register tokens, and rotary position embeddings for any size."""
    return _eva("vit_toy_dino", DINO | {"qkv_bias": False}, pretrained, given)


@register_model
def vit_toy_biased(pretrained: bool = False, **given: Any) -> Eva:
    """As DINOv3's with biases, where timm reads a layer's matrix past the layer."""
    return _eva("vit_toy_biased", DINO | {"qkv_bias": True}, pretrained, given)


@register_model
def vit_toy_mixed(pretrained: bool = False, **given: Any) -> Eva:
    """As RoPE-ViT's: rotary position embeddings of each block's own."""
    return _eva("vit_toy_mixed", ROTARY | {"rope_type": "mixed", "no_embed_class": True}, pretrained, given)


@register_model
def eva_toy_gated(pretrained: bool = False, **given: Any) -> Eva:
    """As EVA02's: query, key and value apart, and a gated MLP."""
    own = {"qkv_fused": False, "swiglu_mlp": True, "scale_mlp": True, "ref_feat_shape": (4, 4)}
    return _eva("eva_toy_gated", ROTARY | own, pretrained, given)


KINDS = (
    "vit_toy_class",
    "vit_toy_patches",
    "vit_toy_pe",
    "vit_toy_dino",
    "vit_toy_biased",
    "vit_toy_mixed",
    "eva_toy_gated",
)


def drawn(model: Model, seed: int = 0) -> Model:
    """A network with weights that each do something: timm begins with scales near 0. In evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()
