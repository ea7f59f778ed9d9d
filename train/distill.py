"""A small network taught by a frozen tower: it learns the label, and to say what the tower's blocks pass on.

(Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015; here of features, as in Romero et al.,
FitNets: Hints for Thin Deep Nets, ICLR 2015.) The views are those that `train.tower` looked at.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from train.data import Row, read_pool
from train.errors import RunError
from train.network import decay_groups
from train.pairs import Running, learning_rate, normaliser
from train.probe import Seen
from train.tower import training_views
from unfake.detector.model import DeepfakeClassifier
from unfake.detector.views import Pixels


def _views(row: Row, size: int, seed: int) -> list[Pixels]:
    return [view.pixels for view in training_views(row, size, seed)]


def redraw(seen: Seen, index: NDArray[np.int64], pool: Path, size: int, seed: int) -> Pixels:
    """The views uint8 ``[n, size, size, 3]`` that the tower saw as training views ``index``, in that order.

    Raises RunError where the pool does not have their pictures.
    """
    rows = {(r.source, r.label, r.name): r for r in read_pool(pool)}
    keys = [(str(seen.source[i]), str(seen.label[i]), str(seen.picture[i])) for i in index]
    if missing := next((key for key in keys if key not in rows), None):
        raise RunError(f"the pool has no {'/'.join(missing)}, which the features are of")
    pictures = list(dict.fromkeys(keys))
    with ProcessPoolExecutor(2) as processes:
        drawn = processes.map(partial(_views, size=size, seed=seed), (rows[k] for k in pictures), chunksize=8)
        views = {key: iter(found) for key, found in zip(pictures, drawn, strict=True)}
    return np.stack([next(views[key]) for key in keys])


class Student(nn.Module):
    """A network with a second head, float ``[N, outputs]``, that is thrown away after the training."""

    def __init__(self, model: DeepfakeClassifier, outputs: int) -> None:
        super().__init__()
        self.model = model
        self.hint = nn.Linear(model.classifier.in_features, outputs)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[N, 2]`` and hints of normalised pictures."""
        features = self.model.features(pixels).mean(dim=(2, 3))
        return self.model.classifier(self.model.dropout(features)), self.hint(features)


def train(config: dict[str, Any], pool: Path, features: Path, out: Path) -> None:
    """Run the training; ``out`` gets the network's ``model`` folder and what `train.export` reads besides."""
    seen, taught = Seen.load(features), config["taught"]
    index = seen.training(config["held_out"] + config["unused"])
    size, blocks = config["views"]["size"], taught["blocks"]
    targets = torch.from_numpy(seen.vectors(index, blocks, [0]).reshape(len(index), len(blocks), -1))
    targets = nn.functional.normalize(targets - targets.mean(0), dim=-1)
    pixels = torch.from_numpy(redraw(seen, index, pool, size, taught["seed"]))
    fake = seen.label[index] == "fake"
    chances = seen.weights(index, frozenset(config["boosted"]), config["boost"]) / 2
    counts = Counter(map(str, seen.source[index]))
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(config | {"training_sources": counts}, indent=2))

    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    rng = np.random.default_rng(config["seed"])
    model = DeepfakeClassifier.from_pretrained(config["start"], pretrained=False)
    student = Student(model, targets[0].numel()).to(memory_format=torch.channels_last)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config["ema"]), use_buffers=True)  # type: ignore[no-untyped-call]
    optimizer = torch.optim.AdamW(decay_groups(student, config["weight_decay"]))
    scale, shift = normaliser(config["mean"], config["std"])
    labels = torch.from_numpy(fake.astype(np.int64))
    errors, distances = Running(), Running()
    with (out / "log.csv").open("w", newline="") as handle:
        log = csv.writer(handle)
        for step in range(config["steps"]):
            batch = torch.from_numpy(rng.choice(len(index), config["batch"], p=chances))
            inputs = pixels[batch].permute(0, 3, 1, 2) * scale + shift
            if rng.random() < 0.5:
                inputs = inputs.flip(3)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config["steps"], config["learning_rate"], config["warmup"])
            student.train()
            logits, hints = student(inputs.contiguous(memory_format=torch.channels_last))
            error = nn.functional.cross_entropy(logits, labels[batch], label_smoothing=config["label_smoothing"])
            hinted = hints.view(-1, *targets.shape[1:])
            likeness = nn.functional.cosine_similarity(hinted, targets[batch], dim=-1)
            distance = 1 - likeness.mean()
            optimizer.zero_grad(set_to_none=True)
            (error + taught["weight"] * distance).backward()
            nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimizer.step()
            averaged.update_parameters(model)
            errors.add(error.item())
            distances.add(distance.item())
            if step % 25 == 0:
                log.writerow([step, round(errors.mean, 4), round(distances.mean, 4)])
                handle.flush()
    averaged.module.save_pretrained(out / "model")  # type: ignore[operator]
