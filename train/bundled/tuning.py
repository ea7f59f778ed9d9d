"""A tower, tuned: adapters in its upper blocks, and the head that was fitted on what the frozen tower sees.

The head learns slowly: a high rate undoes it before the blocks have learned anything.
Adapters are trained on a part of each view's patches (Liu et al., PatchDropout, WACV 2023), which costs half of the
time, and on all of them at the end. They are merged into the weights, so that the app runs the same graph as before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.layers.pos_embed_sincos import apply_keep_indices_nlc
from torch import Tensor, nn
from torch.utils.data import DataLoader

from train.bundled import lora
from train.bundled.drawn import DrawnViews
from train.bundled.pixels import PixelStore
from train.bundled.precision import autocast
from train.bundled.recipe import Recipe
from train.bundled.running import Running
from train.bundled.schedule import learning_rate
from train.bundled.seen import Prepared
from unfake.detector.tower import TowerClassifier, embedded, passed_by, summary


def thinned(vit: Any, tokens: Tensor, rope: Tensor | None, kept: float) -> tuple[Tensor, Tensor | None]:
    """A share ``kept`` of each view's patches, drawn at random, with their rotary position embeddings (`embedded`)."""
    before = vit.num_prefix_tokens
    count = tokens.shape[1] - before
    picked = torch.rand(len(tokens), count).argsort(1)[:, : int(count * kept)]
    patches = torch.gather(tokens[:, before:], 1, picked[:, :, None].expand(-1, -1, tokens.shape[2]))
    if rope is not None:
        rope = apply_keep_indices_nlc(tokens, rope, picked)
        rope = rope.transpose(0, 1) if vit.rope_mixed else rope.unsqueeze(1)  # to all heads, where they have none each
    return torch.cat([tokens[:, :before], patches], 1), rope


def forward(model: TowerClassifier, pixels: Tensor, first: int, kept: float) -> Tensor:
    """Logits ``[N, 2]``; blocks from ``first`` on see the share ``kept`` of the patches, and nothing before learns."""
    vit, found = model.backbone, []
    with torch.no_grad():
        tokens, rope = embedded(vit, pixels)
    for number in range(len(vit.blocks)):
        if number == first and kept < 1:
            tokens, rope = thinned(vit, tokens, rope, kept)
        with torch.set_grad_enabled(number >= first and torch.is_grad_enabled()):
            tokens = passed_by(vit, number, tokens, rope)
        if number in model.blocks:
            found.append(nn.functional.normalize(summary(vit, tokens).float(), dim=-1))
    return model.read(torch.stack(found, 1))


def apart(logits: Tensor) -> Tensor:
    """Mean squared difference of the margins of two views of a picture: logits ``[2 N, 2]``, such views adjacent."""
    first, second = (logits[:, 1] - logits[:, 0]).reshape(-1, 2).unbind(1)
    return (first - second).square().mean()


class Tuning:
    """Adapters and head of one network, their optimiser, and how far they are."""

    def __init__(self, model: TowerClassifier, recipe: Recipe) -> None:
        self.model, self.recipe, self.step = model, recipe, 0
        torch.manual_seed(recipe.seed)
        self.adapters = lora.adapt(model.backbone, recipe.first, recipe.rank)
        for module in model.backbone.blocks.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = False  # on a CPU the fused kernel's backward takes a third of a step
        self.optimizer = torch.optim.AdamW(
            [
                {"params": self.adapters, "peak": recipe.learning_rate},
                {"params": list(model.classifier.parameters()), "peak": recipe.head_learning_rate},
            ],
            weight_decay=recipe.weight_decay,
        )

    def save(self, file: Path) -> None:
        """Write everything, and put it in place only when it is whole."""
        state = {"step": self.step, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)

    def load(self, file: Path) -> None:
        """Take up what `save` wrote."""
        state = torch.load(file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])

    def learn(self, pixels: Tensor, labels: Tensor) -> float:
        """One step on a batch; returns its loss.

        With ``consistency``, two views of a picture stand behind each other, and what they read shall agree
        (arXiv 2604.10102).
        """
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, recipe.steps, group["peak"], recipe.warmup)
        kept = recipe.kept if self.step < recipe.steps * (1 - recipe.whole) else 1.0
        with autocast():
            logits = forward(self.model, pixels, recipe.first, kept)
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        if recipe.consistency:
            loss = loss + recipe.consistency * apart(logits.float())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.adapters, 1.0)
        self.optimizer.step()
        self.step += 1
        return loss.item()


def tune(
    model: TowerClassifier, store: PixelStore, weights: NDArray[np.float64], recipe: Recipe, run: Path
) -> TowerClassifier:
    """Tune ``model`` in place, and merge what it learned; a stop costs ``recipe.save_every`` steps at most.

    ``weights``: how often each of the store's pictures is drawn. State and progress go to ``run``.
    """
    run.mkdir(parents=True, exist_ok=True)
    tuning, state = Tuning(model, recipe), run / "state.pt"
    if state.is_file():
        tuning.load(state)
        print(f"{run.name}: resumed at step {tuning.step}", flush=True)
    repeats = 2 if recipe.consistency else 1
    views = DrawnViews(store, weights, recipe.drawing, 1000 * recipe.seed + tuning.step, repeats)
    ahead = 4 if recipe.workers else None
    loader = DataLoader(views, recipe.batch // (2 * repeats), num_workers=recipe.workers, prefetch_factor=ahead)
    prepare, loss, started, first = Prepared(recipe), Running(), time.monotonic(), tuning.step
    model.train()
    for crops, labels in loader:
        if tuning.step >= recipe.steps:
            break
        loss.add(tuning.learn(prepare(crops.flatten(0, 1)), labels.flatten()))
        if tuning.step % 10 == 0:
            seconds = (time.monotonic() - started) / ((tuning.step - first) * recipe.batch)
            print(f"{run.name}: step {tuning.step}, loss {loss.mean:.3f}, {seconds:.3f} s a view", flush=True)
        if tuning.step % recipe.save_every == 0:
            tuning.save(state)
    lora.merge(model.backbone)
    return model.eval()


def averaged(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of networks that started alike (Wortsman et al., Model soups, ICML 2022)."""
    return {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
