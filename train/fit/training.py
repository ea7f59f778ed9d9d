"""A training under way: network, optimiser, schedule, and where it stands. It can be saved and taken up at any step."""

from __future__ import annotations

import gc
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, broadcast_object_list, gather_object
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.tensorboard import SummaryWriter

from train.errors import RunError
from train.fit import history, state
from train.fit.config import FitConfig, changed
from train.fit.data import EpochBatches, Pictures, digest, epoch_order
from train.fit.history import Epoch
from train.fit.loop import Reporter, Totals, add_up, plain_loader, predict, train_epoch
from train.fit.network import decay_groups
from train.fit.scores import Predictions, score
from unfake.detector.model import DeepfakeClassifier

log = logging.getLogger(__name__)

LAST, BEST, METRICS = "last.pt", "best.pt", "metrics.csv"


@dataclass
class Stopping:
    """Early stopping: the lowest validation loss, its epoch, and how many epochs have come since."""

    best: float = math.inf
    best_epoch: int = 0
    since: int = 0

    def take(self, epoch: int, loss: float) -> bool:
        """Take an epoch's validation loss in; whether it is the lowest so far."""
        if loss < self.best:
            self.best, self.best_epoch, self.since = loss, epoch, 0
            return True
        self.since += 1
        return False


@dataclass
class Place:
    """Where a training stands: ``step`` optimiser steps into ``epoch`` (from 1), ``steps`` since its start."""

    epoch: int = 1
    step: int = 0
    steps: int = 0


def _line(epoch: Epoch) -> str:
    auc = "none" if epoch.validation_auc is None else f"{epoch.validation_auc:.3f}"
    skipped = f"; {epoch.skipped} pictures skipped" if epoch.skipped else ""
    return (
        f"epoch {epoch.epoch}: loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:.3f}; validation loss "
        f"{epoch.validation_loss:.4f}, accuracy {epoch.validation_accuracy:.3f}, AUC {auc}{skipped}"
    )


@dataclass
class Training:
    """Everything that a step changes, and what it needs.

    ``network`` is the module itself, ``model`` the same as accelerate runs it. ``facts``: of the corpus.
    """

    accelerator: Accelerator
    config: FitConfig
    network: DeepfakeClassifier
    data: Mapping[str, Pictures]
    facts: Mapping[str, Any]
    folder: Path
    place: Place = field(default_factory=Place)
    stopping: Stopping = field(default_factory=Stopping)
    history: list[Epoch] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    reporter: Reporter = field(default_factory=Reporter)

    def __post_init__(self) -> None:
        """Make the optimiser and the schedule; the network is moved to its device and, if need be, shared."""
        config = self.config
        groups = decay_groups(self.network, config.weight_decay)
        adam = torch.optim.Adam(groups, lr=config.learning_rate)
        self.model: nn.Module
        self.optimizer: torch.optim.Optimizer
        self.model, self.optimizer = self.accelerator.prepare(self.network, adam)
        self.scheduler = ReduceLROnPlateau(adam, "min", config.plateau_factor, config.plateau_patience)
        self.loaders = {
            name: plain_loader(self.accelerator, d, config) for name, d in self.data.items() if name != "train"
        }
        self._saved = time.monotonic()
        self.board: SummaryWriter | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to train."""
        return self.place.epoch > self.config.epochs or self.stopping.since >= self.config.patience

    def _batches(self) -> EpochBatches:
        order = epoch_order(self.data["train"], self.config.seed, self.place.epoch, self.config.source_balance)
        a, done = self.accelerator, self.place.step * self.config.accumulation
        return EpochBatches(order, self.place.epoch, self.config.batch, a.process_index, a.num_processes, done)

    # --- the state on disk ---

    def save(self, *names: str) -> None:
        """Write the state under each name; all processes call it, the main one writes. Raises RunError."""
        mine = {"random": state.random_states(), "totals": asdict(self.totals)}
        processes = gather_object([mine])
        if self.accelerator.is_main_process:
            whole = {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
                "place": asdict(self.place),
                "stopping": asdict(self.stopping),
                "history": [asdict(epoch) for epoch in self.history],
                "order": digest(self._batches().order),
                "processes": processes,
                "config": self.config.to_json(),
                "fingerprint": self.facts["fingerprint"],
            }
            for name in names:
                state.write(whole, self.folder / name)
        self._saved = time.monotonic()

    def read(self, name: str) -> dict[str, Any]:
        """A state, on every process; the main one reads it, so that other machines need no copy. Raises RunError."""
        box = [state.read(self.folder / name) if self.accelerator.is_main_process else None]
        broadcast_object_list(box)
        found: dict[str, Any] = box[0]  # type: ignore[assignment]
        return found

    def resume(self) -> None:
        """Take up the last state; raises RunError where configuration, corpus or number of processes is another."""
        found = self.read(LAST)
        a = self.accelerator
        if differ := changed(found["config"], self.config):
            key = differ[0]
            raise RunError(
                f"the run was begun with {key!r} {found['config'].get(key)!r}, and the configuration now says "
                f"{self.config.to_json().get(key)!r}: set it back, or begin another run"
            )
        if len(found["processes"]) != a.num_processes:
            raise RunError(
                f"the run was begun on {len(found['processes'])} processes, not on {a.num_processes}: "
                "start as many again (accelerate launch --num_processes), or begin another run"
            )
        self.network.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.scheduler.load_state_dict(found["scheduler"])
        if a.scaler and found["scaler"]:
            a.scaler.load_state_dict(found["scaler"])
        self.place, self.stopping = Place(**found["place"]), Stopping(**found["stopping"])
        self.history = [Epoch(**epoch) for epoch in found["history"]]
        if found["fingerprint"] != self.facts["fingerprint"] or found["order"] != digest(self._batches().order):
            raise RunError("the run was begun on another corpus: give the same --corpus, or begin another run")
        mine = found["processes"][a.process_index]
        self.totals = Totals(**mine["totals"])
        state.restore_random(mine["random"])
        log.info("resumed at epoch %d, step %d", self.place.epoch, self.place.step)

    def take_best(self) -> None:
        """Give the network the weights of the epoch with the lowest validation loss."""
        self.network.load_state_dict(self.read(BEST)["model"])

    def _is_due(self, step: int) -> bool:
        """Whether to save after this step, agreed upon by all processes: their clocks differ."""
        if self.config.save_steps and step % self.config.save_steps == 0:
            return True
        if not self.config.save_minutes:
            return False
        due = time.monotonic() - self._saved >= 60 * self.config.save_minutes
        if self.accelerator.num_processes > 1:
            due = bool(broadcast(torch.tensor([int(due)], device=self.accelerator.device)).item())
        return due

    # --- epochs ---

    def run(self) -> None:
        """Train to the end, from wherever it stands."""
        main = self.accelerator.is_main_process
        if main:
            history.save(self.history, self.folder / METRICS)
            # What a killed process has logged beyond its last state would show twice.
            self.board = SummaryWriter(self.folder / "tensorboard", purge_step=self.place.steps + 1)
        try:
            while not self.is_over:
                self._one_epoch()
        finally:
            if self.board:
                self.board.close()

    def _one_epoch(self) -> None:
        place, rate = self.place, self.optimizer.param_groups[0]["lr"]
        batches, started = self._batches(), time.monotonic()
        steps = -(-batches.count // self.config.accumulation)
        first = place.step

        def after_step(step: int, loss: float, speed: float) -> None:
            place.step, place.steps = step, place.steps + 1
            self._note({"step/loss": loss, "step/pictures_per_second": speed})
            if step < steps and self._is_due(step):
                self.save(LAST)
                log.info("saved at epoch %d, step %d of %d", place.epoch, step, steps)

        train_epoch(
            self.accelerator, self.model, self.optimizer, self.data["train"], batches,
            self.config, self.totals, self.reporter, after_step,
        )  # fmt: skip
        seconds = time.monotonic() - started
        trained = add_up(self.accelerator, self.totals)
        predictions = self.predict("validation")
        epoch = self._row(rate, trained, predictions)
        self.scheduler.step(epoch.validation_loss)
        better = self.stopping.take(place.epoch, epoch.validation_loss)
        self.history.append(epoch)
        self.place, self.totals = Place(place.epoch + 1, 0, place.steps), Totals()
        # The best first: were it last and a kill came between, the best would be lost to the run.
        self.save(*([BEST] if better else []), LAST)
        if self.accelerator.is_main_process:
            history.save(self.history, self.folder / METRICS)
        self._note({f"epoch/{key}": value for key, value in asdict(epoch).items() if key != "epoch"})
        speed = (steps - first) / steps * trained.pictures / max(seconds, 1e-9)
        log.info("%s; %.1f pictures/s%s", _line(epoch), speed, " (the best so far)" if better else "")
        self._free()

    def predict(self, split: str) -> Predictions:
        """Probabilities for a split by the network as it is."""
        return predict(self.accelerator, self.model, self.data[split], self.loaders[split], self.config, self.reporter)

    def _row(self, rate: float, trained: Totals, predictions: Predictions) -> Epoch:
        s = score(predictions.labels, predictions.probabilities)
        unread = len(self.data["validation"]) - len(predictions.indices)
        return Epoch(
            epoch=self.place.epoch,
            learning_rate=rate,
            train_loss=trained.loss / trained.pictures,
            train_accuracy=trained.correct / trained.pictures,
            validation_loss=s.loss,
            validation_accuracy=s.accuracy,
            validation_precision=s.precision,
            validation_recall=s.recall,
            validation_f1=s.f1,
            validation_auc=s.auc,
            skipped=trained.skipped + unread,
        )

    def _note(self, values: Mapping[str, float | None]) -> None:
        if self.board:
            for tag, value in values.items():
                if value is not None:
                    self.board.add_scalar(tag, value, self.place.steps)

    def _free(self) -> None:
        """Hand back what an epoch leaves behind.

        Gradients are dropped after each step and the loaders' processes end with their epoch. What stays is what
        reference cycles hold on to, and on a GPU the blocks that the allocator keeps in the sizes of the last batches:
        training and validation alternate between two sizes, and would each find the other's blocks in their way.
        """
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
