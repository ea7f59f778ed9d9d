"""The larger checkpoint: a tower with our head, from what the tower saw to what the app runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.train.test_circle import PROTOCOL
from train import large, metrics, predictions, tower
from train.errors import RunError
from train.probe import Head, Seen, learn
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.detector import Detector
from unfake.detector.runtime import OpenVinoRuntime, TorchRuntime
from unfake.detector.tower import TowerClassifier

CONFIG: dict[str, Any] = {
    "name": "toy-tower",
    "backbone": "vit_tiny_patch16_224",
    "blocks": [1, 3],
    "strength": 1.0,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "views": {"kind": "crops", "size": 224, "long_side": 1280, "max_views": 2, "far_side": 448, "far_views": 1},
    "boosted": [],
    "boost": 1.0,
    "seed": 1,
    "note": "A test.",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def features(weights: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("features")
    config: dict[str, Any] = {
        "backbone": "vit_tiny_patch16_224",
        "deliveries": ["web"],
        "seed": 1,
        "unused": [],
        "boosted": [],
    }
    tower.collect(config | {"older": 8, "measured": ["held"], "most": 2}, pool, weights, out)
    return out


@pytest.fixture(scope="module")
def made(features: Path, weights: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "ROUNDS", 20)
        out = tmp_path_factory.mktemp("large")
        return load_folder(large.make(CONFIG, replace(PROTOCOL, most=3), features, weights, pool, out))


def test_the_head_is_the_one_that_was_fitted(features: Path, weights: Path) -> None:
    # given the network and the views that the tower saw
    seen = Seen.load(features)
    model = large.network(CONFIG, seen, weights, ["held"])
    head = learn(seen, CONFIG | {"tokens": [0], "kinds": ["near", "far"]}, ["held"], [], 1.0)
    pixels = torch.rand(2, 3, 224, 224)
    whole = tower.Tower("vit_tiny_patch16_224", weights)
    with torch.no_grad():
        logits = model(pixels)
        kept = whole(((pixels * 0.5 + 0.5) * 255).permute(0, 2, 3, 1)).numpy()
    # then its margin is the head's, on what the whole tower passes on
    several = replace(seen, features=kept.astype(np.float16))
    margins = head(several.vectors(np.arange(2), CONFIG["blocks"], [0]))
    np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).numpy(), margins, atol=0.05)


def test_a_head_parts_what_can_be_parted() -> None:
    rng = np.random.default_rng(0)
    fake = np.arange(40) % 2 == 1
    vectors = rng.normal(0, 1, (40, 5)) + 3 * fake[:, None] * (1, 0, 0, 0, 0)
    head = Head.fit(vectors, fake, np.ones(40), 1.0)
    assert ((head(vectors) > 0) == fake).mean() > 0.9


def test_the_app_runs_it_as_torch_does(made: Checkpoint) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    ours = OpenVinoRuntime(made, "f32").run(views)
    theirs = TorchRuntime(made, "cpu", "f32").run(views)
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-3)
    assert ours[1].shape == theirs[1].shape == (3, 2, 1, 1)
    # and what it does not use has been left away
    model = TowerClassifier.from_pretrained(made.folder)
    assert len(model.backbone.blocks) == 4


def test_a_verdict_rests_on_near_and_far_views(made: Checkpoint) -> None:
    found = Detector.load(made, "cpu", "f32").detect(
        np.asarray(Image.effect_noise((900, 600), 60).convert("RGB"), dtype=np.uint8)
    )
    assert found.views == 3
    assert found.heatmap is not None
    assert all(0 <= value <= 1 for row in found.heatmap.values for value in row if value is not None)


def test_its_figures_are_of_heads_that_left_the_source_out(made: Checkpoint) -> None:
    networks = {p.source: p.part for p in predictions.load(made.folder / "predictions.csv")}
    assert set(networks) == {"held", "one", "two"}
    assert networks["held"] == networks["one"] != networks["two"]
    assert made.id not in networks.values()
    assert made.metrics()["sources"]["held"]["web"]["real"] == 3
    assert "up to 1 more at most 448 px long" in made.card()
    assert made.config.blocks == (1, 3)


def test_other_weights_are_refused(features: Path, tmp_path: Path) -> None:
    save_file({"cls_token": torch.zeros(1, 1, 192)}, tmp_path / "vit.safetensors")
    with pytest.raises(RunError, match="does not hold the weights"):
        large.network(CONFIG, Seen.load(features), tmp_path / "vit.safetensors", [])
