"""One epoch of training, and one split of validation, on as many processes as there are."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from train.errors import CorpusError, RunError
from train.fit.config import FitConfig
from train.fit.data import Batch, EpochBatches, Pictures, collate
from train.fit.scores import Predictions

log = logging.getLogger(__name__)

_MANY, _SHARE = 40, 0.05  # of so many pictures or more, a larger share that cannot be read is too many


@dataclass
class Totals:
    """What this process has seen of an epoch: sums, so that they can be saved, taken up and added over processes."""

    loss: float = 0.0
    correct: int = 0
    pictures: int = 0
    skipped: int = 0

    def add(self, other: Totals) -> None:
        """Take another's sums in."""
        self.loss += other.loss
        self.correct += other.correct
        self.pictures += other.pictures
        self.skipped += other.skipped


@dataclass
class Reporter:
    """Says each unreadable picture once, and stops the training when there are too many of them."""

    said: set[str] = field(default_factory=set)

    def take(self, problems: Iterable[str]) -> None:
        """Say what is new."""
        for problem in problems:
            if problem not in self.said:
                self.said.add(problem)
                log.warning("skipped: %s", problem)

    @staticmethod
    def check(totals: Totals) -> None:
        """Raise CorpusError where too many pictures were skipped."""
        if totals.pictures >= _MANY and totals.skipped > _SHARE * totals.pictures:
            raise CorpusError(
                f"{totals.skipped} of {totals.pictures} pictures cannot be read: look at the disk, "
                "or build the corpus anew"
            )


def bar(accelerator: Accelerator, total: int, initial: int, what: str) -> Any:
    """A progress bar in pictures, with their number a second and the time left; on the main process only."""
    return tqdm(
        total=total,
        initial=initial,
        desc=what,
        unit=" pictures",
        bar_format="{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}, {rate_noinv_fmt}, {remaining} left{postfix}",
        dynamic_ncols=True,
        disable=not accelerator.is_local_main_process,
        mininterval=0.5 if sys.stderr.isatty() else 60.0,
        leave=False,
    )


def loader(data: Pictures, batches: EpochBatches, config: FitConfig, pin: bool) -> DataLoader[Batch]:
    """Batches of an epoch. Its own generator: an iterator draws one number, and dropout's must not move by it."""
    return DataLoader(
        data,  # type: ignore[arg-type]  # it takes keys, and gives samples that `collate` makes a batch of
        batch_sampler=batches,
        num_workers=config.workers,
        collate_fn=collate,
        pin_memory=pin,
        generator=torch.Generator(),
    )


def train_epoch(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Pictures,
    batches: EpochBatches,
    config: FitConfig,
    totals: Totals,
    reporter: Reporter,
    after_step: Callable[[int, float, float], None],
) -> None:
    """Train on the rest of an epoch; ``totals`` grows as it goes.

    A step takes ``accumulation`` batches of each process, the last of an epoch those that are left, and its gradient
    is the mean over all of their pictures. ``after_step`` gets the number of the step within the epoch (from 1), this
    process's mean loss, and the pictures a second. Raises RunError where the loss is no number any more.
    """
    device = accelerator.device
    step, sums, skipped = batches.first // config.accumulation, torch.zeros(2, device=device), 0
    everywhere = config.batch * accelerator.num_processes
    started, before = time.monotonic(), batches.first
    progress = bar(
        accelerator, batches.count * everywhere, before * everywhere, f"epoch {batches.epoch}/{config.epochs}"
    )
    model.train()
    with progress:
        for number, batch in enumerate(loader(data, batches, config, device.type == "cuda"), start=before):
            share = min(config.accumulation, batches.count - number // config.accumulation * config.accumulation)
            last = number + 1 == batches.count or (number + 1) % config.accumulation == 0
            reporter.take(batch.problems)
            if not batch.valid.all():
                raise CorpusError(f"{batch.problems[0]} Nor can the next ones be read: build the corpus anew")
            labels = batch.labels.to(device, non_blocking=True)
            # Gradients are added over the processes once a step, not once a batch.
            with nullcontext() if last else accelerator.no_sync(model):
                logits = model(_placed(batch.pixels, device, config))
                loss = nn.functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
                accelerator.backward(loss / share)
            skipped += len(batch.problems)
            # Left on the device: reading a number makes the processor wait for it, so that is done once a step.
            sums += torch.stack([loss.detach(), (logits.detach().argmax(1) == labels).sum()])
            if not last:
                continue
            loss_sum, correct = sums.tolist()
            mean = loss_sum / share
            if not math.isfinite(mean):
                raise RunError(
                    f"the loss is {mean} in step {step + 1} of epoch {batches.epoch}: set a lower 'learning_rate', or "
                    "'precision' to bf16 or no, and start anew"
                )
            if config.clip_norm:
                accelerator.clip_grad_norm_(model.parameters(), config.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            totals.add(Totals(mean * share * config.batch, int(correct), share * config.batch, skipped))
            reporter.check(totals)
            progress.update(share * everywhere)
            progress.set_postfix(loss=f"{mean:.3f}", refresh=False)
            speed = (number + 1 - before) * everywhere / max(time.monotonic() - started, 1e-9)
            sums, skipped = torch.zeros(2, device=device), 0
            after_step(step, mean, speed)


def _placed(pixels: Tensor, device: torch.device, config: FitConfig) -> Tensor:
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return pixels.to(device, non_blocking=True, memory_format=layout)


def add_up(accelerator: Accelerator, totals: Totals) -> Totals:
    """The sums over all processes, the same on each."""
    kind = torch.float32 if accelerator.device.type == "mps" else torch.float64
    mine = torch.tensor(
        [totals.loss, totals.correct, totals.pictures, totals.skipped], dtype=kind, device=accelerator.device
    )
    loss, correct, pictures, skipped = accelerator.reduce(mine, "sum").tolist()
    return Totals(loss, int(correct), int(pictures), int(skipped))


def plain_loader(accelerator: Accelerator, data: Pictures, config: FitConfig) -> DataLoader[Batch]:
    """Batches of a whole split in its order, shared between the processes.

    The last round is filled up so that all processes have as many; gather_for_metrics drops what was filled in.
    """
    plain: DataLoader[Batch] = DataLoader(
        data,  # type: ignore[arg-type]
        batch_size=config.validation_batch,
        num_workers=config.workers,
        collate_fn=collate,
        pin_memory=accelerator.device.type == "cuda",
        generator=torch.Generator(),
    )
    shared: DataLoader[Batch] = accelerator.prepare_data_loader(plain)
    return shared


@torch.no_grad()
def predict(
    accelerator: Accelerator,
    model: nn.Module,
    data: Pictures,
    batches: DataLoader[Batch],
    config: FitConfig,
    reporter: Reporter,
) -> Predictions:
    """Probabilities for a whole split, in its order, each picture once, the same on every process.

    ``batches`` come from `plain_loader`. Before the first, DistributedDataParallel hands the main process's BatchNorm
    statistics to all, so all predict with the network that is saved. Pictures that cannot be read are left out.

    Raises RunError where a logit is no number, CorpusError where too many pictures, or all of a label, cannot be read.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    model.eval()
    with bar(accelerator, len(data), 0, data.split) as progress:
        for batch in batches:
            reporter.take(batch.problems)
            logits = model(_placed(batch.pixels, accelerator.device, config)).float()
            indices, valid, logits = accelerator.gather_for_metrics((batch.indices, batch.valid, logits))
            found.append((indices.cpu(), valid.cpu(), logits.cpu()))
            progress.update(len(indices))
    indices, valid, logits = (torch.cat(column) for column in zip(*found, strict=True))
    order = torch.argsort(indices)
    indices, valid, logits = indices[order], valid[order], logits[order]
    if not torch.equal(indices, torch.arange(len(data))):
        raise RunError(f"the processes did not see each {data.split} picture once: this is a fault in train.fit")
    if not logits.isfinite().all():
        raise RunError(f"the network gives no number for some {data.split} pictures: set a lower 'learning_rate'")
    reporter.check(Totals(pictures=len(valid), skipped=int((~valid).sum())))
    kept = indices[valid].numpy()
    labels = data.labels[kept]
    if len(np.unique(labels)) < 2:
        raise CorpusError(f"of the {data.split} pictures those of one label cannot be read: build the corpus anew")
    probabilities = torch.softmax(logits[valid].double(), 1)[:, 1].numpy()
    sources, names = [data.sources[i] for i in kept], [data.names[i] for i in kept]
    return Predictions(data.split, kept, labels, probabilities, sources, names)
