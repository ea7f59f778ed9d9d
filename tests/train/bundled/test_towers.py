"""Towers of other kinds: what is read off them, how they are tuned, exported, fetched by name and published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import timm
import torch
from torch import Tensor

from tests.train.bundled import tiny
from tests.train.bundled.test_making import CONFIG
from train.bundled import lora, tuning
from train.checkpoint import export
from unfake.detector.checkpoint import load_folder
from unfake.detector.runtime import OpenVinoRuntime, TorchRuntime
from unfake.detector.tower import TowerClassifier, embedded, passed_by, passed_on, summary

every_kind = pytest.mark.parametrize("kind", tiny.KINDS)


def tower(kind: str) -> TowerClassifier:
    return tiny.drawn(TowerClassifier(kind, 2, (0, 1)))


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.randn(3, 3, tiny.SIZE, tiny.SIZE, generator=torch.Generator().manual_seed(0))


@every_kind
def test_a_block_passes_on_what_it_does_in_timm(kind: str, pixels: Tensor) -> None:
    vit: Any = tiny.drawn(timm.create_model(kind, num_classes=0))
    last = list(passed_on(vit, pixels))[-1]
    torch.testing.assert_close(vit.norm(last), vit.forward_features(pixels))


def test_a_tower_without_a_class_token_gives_the_mean_of_its_patches(pixels: Tensor) -> None:
    tokens = torch.arange(48.0).reshape(1, 12, 4)
    found = {kind: summary(tower(kind).backbone, tokens)[0, 0].item() for kind in ("vit_toy_dino", "vit_toy_patches")}
    assert found == {"vit_toy_dino": 0, "vit_toy_patches": 22}


@every_kind
def test_the_app_computes_what_torch_does(kind: str, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "checkpoint"
    tower(kind).save_pretrained(run / "model")
    views = {"kind": "crops", "size": tiny.SIZE, "long_side": 64, "max_views": 2}
    own = {"backbone": kind, "blocks": [0, 1], "views": views, "dropout": 0.0, "training_sources": {"one": 1}}
    (run / "config.json").write_text(json.dumps(CONFIG | own))
    export.export(run, out)
    checkpoint = load_folder(out)
    shown = np.random.default_rng(2).integers(0, 256, (3, tiny.SIZE, tiny.SIZE, 3), dtype=np.uint8)
    theirs = TorchRuntime(checkpoint, "cpu", "f32").run(shown)[0]
    # OpenVINO rounds what goes into an int8 matrix to 8 bits as well, unless it is told not to
    exactly = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    graph = ov.Core().compile_model(checkpoint.onnx_path, "CPU", exactly)
    np.testing.assert_allclose(graph([shown])[0], theirs, atol=1e-5)
    np.testing.assert_allclose(OpenVinoRuntime(checkpoint, "bf16").run(shown)[0], theirs, atol=0.1)
    assert np.ptp(theirs[:, 1]) > 0.01  # the views differ, by far more than the graphs


@every_kind
def test_every_linear_layer_of_a_block_is_adapted_and_merged(kind: str, pixels: Tensor) -> None:
    model = tower(kind)
    names, before = set(model.state_dict()), model(pixels)
    matrices = {name for name, p in model.backbone.blocks[1].named_parameters() if p.ndim == 2}
    learning = lora.adapt(model.backbone, 1, 4)
    torch.testing.assert_close(model(pixels), before)
    assert len(learning) == 2 * len(matrices)
    for parameter in learning:
        with torch.no_grad():
            parameter.normal_(0, 0.3)
    learned = model(pixels)
    learned.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in learning)
    assert (learned - before).abs().max() > 0.01
    lora.merge(model.backbone)
    torch.testing.assert_close(model(pixels), learned, atol=1e-4, rtol=1e-4)
    assert set(model.state_dict()) == names


@every_kind
def test_in_training_all_patches_make_what_the_app_reads(kind: str, pixels: Tensor) -> None:
    model = tower(kind)
    torch.testing.assert_close(tuning.forward(model, pixels, 1, 1.0), model(pixels))


@every_kind
def test_patches_that_are_kept_keep_their_places(kind: str, pixels: Tensor) -> None:
    model = tower(kind)
    vit = model.backbone
    tokens, rope = embedded(vit, pixels)
    # given all patches in another order, each with its own place, then what is read is the same
    mixed, places = tuning.thinned(vit, tokens, rope, 1.0)
    assert mixed.shape == tokens.shape
    assert not torch.equal(mixed, tokens)
    for number in range(len(vit.blocks)):
        tokens, mixed = passed_by(vit, number, tokens, rope), passed_by(vit, number, mixed, places)
        torch.testing.assert_close(summary(vit, mixed), summary(vit, tokens), atol=1e-4, rtol=1e-4)


@every_kind
def test_the_upper_blocks_see_the_share_that_is_kept(kind: str, pixels: Tensor) -> None:
    model, seen = tower(kind), []
    for block in model.backbone.blocks:
        block.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape[1]))
    tuning.forward(model, pixels, 1, 0.5)
    before = model.backbone.num_prefix_tokens
    assert seen == [before + 16, before + 8]
