"""One network on pairs of crops: ``python -m train.bundled pairs CONFIG --pool POOL --pixels PIXELS --out RUN``."""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from train.bundled.data import PairConfig, PairedCrops, PixelStore
from train.errors import RunError
from train.fit.network import decay_groups
from train.fit.pretrained import load_imagenet
from train.pool import read_pool
from train.reuse import listed, made_from
from unfake.detector.model import DeepfakeClassifier
from unfake.detector.views import ViewRule

LOG_STEPS = 25  # between two lines of log.csv: step, loss, accuracy, pictures a second


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear warm-up to ``peak``, then a cosine to zero at ``steps``."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def normaliser(mean: list[float], std: list[float]) -> tuple[Tensor, Tensor]:
    """Scale and shift that turn uint8 ``[N, 3, H, W]`` into the network's input."""
    spread, centre = torch.tensor(std).view(1, 3, 1, 1), torch.tensor(mean).view(1, 3, 1, 1)
    return 1 / (255 * spread), -centre / spread


def batches(config: dict[str, Any], store: PixelStore, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches: uint8 ``[B, size, size, 3]`` and labels ``[B]``, half real and half fake."""
    pairs = PairConfig(
        config["crop"],
        frozenset(config["boosted"]),
        config["boost"],
        config["matched"],
        config["wide"],
    )
    data = PairedCrops(store, pairs, seed)
    ahead = 4 if config["workers"] else None
    loader = DataLoader(data, config["batch"] // 2, num_workers=config["workers"], prefetch_factor=ahead)
    for crops, labels in loader:
        yield crops.flatten(0, 1), labels.flatten()


class Running:
    """A mean that forgets: weight 0.02 for the newest value, unbiased from the first on."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def add(self, value: float) -> None:
        """Take a value in."""
        self.total = 0.98 * self.total + 0.02 * value
        self.weight = 0.98 * self.weight + 0.02

    @property
    def mean(self) -> float:
        """The mean so far."""
        return self.total / self.weight


@dataclass
class Trainer:
    """Network, its running average, optimiser, and how far they are."""

    model: DeepfakeClassifier
    averaged: AveragedModel
    optimizer: torch.optim.AdamW
    step: int = 0

    @classmethod
    def start(cls, config: dict[str, Any]) -> Trainer:
        """From ImageNet weights."""
        model = DeepfakeClassifier(config["backbone"], 2, config["dropout"], pretrained=False)
        if config.get("start"):
            stored = DeepfakeClassifier.from_pretrained(config["start"], pretrained=False)
            model.load_state_dict(stored.state_dict())
        else:
            load_imagenet(model.backbone, config["backbone"])
        model = model.to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(config["ema"])  # type: ignore[no-untyped-call]
        averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        return cls(model, averaged, torch.optim.AdamW(decay_groups(model, config["weight_decay"])))

    def save(self, file: Path) -> None:
        """Write everything, and put it in place only when it is whole."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)

    def load(self, file: Path) -> None:
        """Take up what `save` wrote."""
        state = torch.load(file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def learn(self, pixels: Tensor, labels: Tensor, rate: float, smoothing: float) -> tuple[float, float]:
        """One step on a batch; returns its loss and accuracy."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        logits = self.model(pixels)
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.averaged.update_parameters(self.model)
        self.step += 1
        return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def train(config: dict[str, Any], pool: Path, pixels: Path, out: Path, resume: bool) -> None:
    """Run the training that ``config`` describes; state and log go to ``out``, a stop costs a few minutes at most.

    ``pixels``: where the pool is kept decoded, for this run and others on the same pool. A training that is finished is
    not run again. Raises RunError where ``out`` has one from other settings or pictures, or one that ``resume`` is not
    to go on with.
    """
    rows = [r for r in read_pool(pool) if r.source not in config["unused"]]
    made_from(out, {"settings": config, "pictures": listed(rows)})
    state = out / "state.pt"
    if state.is_file() and not resume:
        raise RunError(f"{out} has a training already: give --resume to go on with it, or another folder")
    if (out / "model").is_dir():
        return
    store = PixelStore.build(rows, ViewRule(**config["views"]), pixels).without(set(config["held_out"]))
    counts = Counter(str(e["source"]) for e in store.entries)
    (out / "config.json").write_text(json.dumps(config | {"training_sources": dict(counts)}, indent=2))
    print(f"{len(store.entries)} pictures of {len(counts)} sources", flush=True)

    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    trainer = Trainer.start(config)
    if state.is_file():
        trainer.load(state)
        print(f"resumed at step {trainer.step}", flush=True)
    first, started = trainer.step, time.monotonic()
    scale, shift = normaliser(config["mean"], config["std"])
    stream = batches(config, store, config["seed"] + first)
    loss, accuracy = Running(), Running()
    with (out / "log.csv").open("a", newline="") as handle:
        log = csv.writer(handle)
        while trainer.step < config["steps"]:
            crops, labels = next(stream)
            inputs = (crops.permute(0, 3, 1, 2) * scale + shift).contiguous(memory_format=torch.channels_last)
            rate = learning_rate(trainer.step, config["steps"], config["learning_rate"], config["warmup"])
            found = trainer.learn(inputs, labels, rate, config["label_smoothing"])
            loss.add(found[0])
            accuracy.add(found[1])
            if trainer.step % LOG_STEPS == 0:
                speed = (trainer.step - first) * len(labels) / (time.monotonic() - started)
                log.writerow([trainer.step, round(loss.mean, 4), round(accuracy.mean, 4), round(speed, 1)])
                handle.flush()
            if trainer.step % config["save_every"] == 0 or trainer.step == config["steps"]:
                trainer.save(state)
    trainer.averaged.module.save_pretrained(out / "model")  # type: ignore[operator]
    print(f"done: {out / 'model'}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv")
    parser.add_argument("--pixels", type=Path, required=True, help="folder for the decoded pool, about 13 GB")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    train(json.loads(args.config.read_text()), args.pool, args.pixels, args.out, args.resume)
