"""Adapters, what they see, and how they are trained and taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.bundled.test_making import CONFIG
from train.bundled import lora, tuning
from train.bundled.pixels import PixelStore
from train.bundled.recipe import Recipe
from train.bundled.seen import chances
from train.pool import read_pool
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import ViewRule

RECIPE = Recipe.model_validate(CONFIG)


def tower(seed: int = 3) -> TowerClassifier:
    torch.manual_seed(seed)
    return TowerClassifier(RECIPE.backbone, 2, RECIPE.blocks)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def test_an_adapter_changes_nothing_before_it_has_learned(pixels: Tensor) -> None:
    model = tower().eval()
    before = model(pixels)
    lora.adapt(model.backbone, RECIPE.first, RECIPE.rank)
    torch.testing.assert_close(model(pixels), before)


def test_merging_keeps_what_was_learned_and_leaves_the_plain_network(pixels: Tensor) -> None:
    model = tower().eval()
    names = set(model.state_dict())
    for parameter in lora.adapt(model.backbone, RECIPE.first, RECIPE.rank):
        with torch.no_grad():
            parameter.normal_(0, 0.05)
    learned = model(pixels)
    lora.merge(model.backbone)
    torch.testing.assert_close(model(pixels), learned, atol=1e-4, rtol=1e-4)
    assert set(model.state_dict()) == names


def test_only_adapters_of_the_upper_blocks_learn() -> None:
    model = tower()
    learning = lora.adapt(model.backbone, RECIPE.first, RECIPE.rank)
    asked = {id(p) for p in model.backbone.parameters() if p.requires_grad}
    assert asked == {id(p) for p in learning}
    assert len(learning) == 2 * 4 * (4 - RECIPE.first)


def test_with_all_patches_it_is_the_network_that_the_app_runs(pixels: Tensor) -> None:
    model = tower().eval()
    torch.testing.assert_close(tuning.forward(model, pixels, RECIPE.first, 1.0), model(pixels), atol=1e-5, rtol=1e-4)


def test_with_some_patches_the_upper_blocks_see_that_share(pixels: Tensor) -> None:
    model, seen = tower().eval(), []
    hook = model.backbone.blocks[-1].register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape[1]))
    tuning.forward(model, pixels, RECIPE.first, 0.5)
    hook.remove()
    assert seen == [1 + 98]


def stored(pool: Path, folder: Path) -> tuple[PixelStore, Any]:
    rows = read_pool(pool)
    return PixelStore.build(rows, ViewRule("crops", 224, 1280), folder), rows


def test_what_two_views_of_a_picture_read_is_drawn_together(pixels: Tensor) -> None:
    logits = torch.tensor([[0.0, 1.0], [0.0, 3.0], [2.0, 0.0], [2.0, 0.0]])
    assert tuning.apart(logits).item() == pytest.approx(2.0)  # (1 - 3) squared, and 0, in the mean
    gaps = []
    for weight in (0.0, 5.0):
        recipe = RECIPE.model_copy(update={"consistency": weight, "head_learning_rate": 0.05, "warmup": 1, "steps": 40})
        learning = tuning.Tuning(tower(), recipe)
        for _ in range(6):
            learning.learn(pixels, torch.tensor([1, 1]))
        gaps.append(tuning.apart(learning.model.eval()(pixels)).item())
    assert gaps[1] < 0.5 * gaps[0]


def test_a_stopped_tuning_goes_on_and_the_loss_falls(pool: Path, tmp_path: Path) -> None:
    store, rows = stored(pool, tmp_path / "pixels")
    weights = chances(rows, (), RECIPE)
    recipe = RECIPE.model_copy(update={"steps": 30, "save_every": 5, "learning_rate": 0.003})
    losses: list[float] = []

    class Stopped(Exception):
        pass

    def learn(self: tuning.Tuning, crops: Tensor, labels: Tensor) -> float:
        if self.step == 12 and len(losses) == 12:
            raise Stopped
        losses.append(whole(self, crops, labels))
        return losses[-1]

    whole = tuning.Tuning.learn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning.Tuning, "learn", learn)
        with pytest.raises(Stopped):
            tuning.tune(tower(), store, weights, recipe, tmp_path / "run")
        tuned = tuning.tune(tower(), store, weights, recipe, tmp_path / "run")
    assert len(losses) == 12 + 20  # taken up at step 10
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert set(tuned.state_dict()) == set(tower().state_dict())


def test_sources_are_drawn_by_the_root_of_their_size_and_none_that_is_left_out(pool: Path) -> None:
    rows = read_pool(pool)
    recipe = RECIPE.model_copy(update={"older": ("two",), "portrait_sources": ("held",)})
    left_out = {row.path for row in rows if row.source == "one" and row.label == "fake"}
    found = dict(zip(((r.source, r.label, r.name) for r in rows), chances(rows, left_out, recipe), strict=True))
    assert found["one", "fake", "0.png"] == 0
    assert found["one", "real", "0.png"] == pytest.approx(3 / 6**0.5)
    assert found["two", "real", "0.png"] == pytest.approx(1 / 4**0.5)
    assert found["held", "real", "0.png"] == pytest.approx(2 / 8**0.5)
    assert found["held", "fake", "0.png"] == pytest.approx(0.5 / 8**0.5)


def test_the_mean_of_weights() -> None:
    found = tuning.averaged([{"a": torch.tensor([1.0, 3.0])}, {"a": torch.tensor([3.0, 5.0])}])
    assert found["a"].tolist() == [2.0, 4.0]
