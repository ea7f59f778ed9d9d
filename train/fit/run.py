"""Train the full-size network: ``python -m train.fit CONFIG --corpus FOLDER --out RUN [--resume]``.

On several GPUs or machines the same after ``accelerate launch``: ``accelerate launch -m train.fit CONFIG …``.

``RUN`` gets ``config.json`` (every key, and the corpus), ``metrics.csv`` (a line an epoch), ``log.txt``,
``tensorboard/``, ``last.pt`` (the state, every few minutes and each epoch) and ``best.pt`` (the one with the lowest
validation loss); at the end ``model/`` (the best network), ``scores.json``, ``predictions.csv`` and
``training_results.png``. Only the main process writes, and one training at a time. With ``--resume`` a training goes on
from ``last.pt`` to the same numbers as one that ran through, and begins where there is none.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import accelerate
import numpy as np
import timm
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env
from datasets import DatasetDict
from filelock import FileLock, Timeout
from tqdm import tqdm

from train.errors import ConfigError, RunError
from train.fit import scores
from train.fit.augment import PlainTransform, TrainTransform
from train.fit.config import FitConfig, read
from train.fit.data import Pictures, facts, load_corpus
from train.fit.network import build, fits, try_one_batch, use_checkpointing
from train.fit.training import LAST, Training
from train.measure import plots
from train.modes import open_up

log = logging.getLogger("train.fit")

LOCK = "lock"  # held for as long as a process trains in the folder
DTYPES = {"no": None, "fp16": torch.float16, "bf16": torch.bfloat16}


class _AboveTheBar(logging.StreamHandler[TextIO]):
    """Lines on stderr that do not tear the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def logging_to(folder: Path, main: bool) -> Iterator[None]:
    """Log to stderr, and on the main process to ``log.txt``; the others only say what goes wrong."""
    root = logging.getLogger("train")
    handlers: list[logging.Handler] = [_AboveTheBar()]
    if main:
        handlers.append(logging.FileHandler(folder / "log.txt", encoding="utf-8"))
        handlers[1].setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for handler in handlers:
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO if main else logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def precision_on(wanted: str, device: torch.device) -> str:
    """``no``, ``fp16`` or ``bf16``; raises ConfigError where the device cannot do what is wanted."""
    cuda = device.type == "cuda"
    bf16 = not cuda or torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "auto":
        return "no" if not cuda else "bf16" if bf16 else "fp16"
    if wanted == "fp16" and not cuda:
        raise ConfigError("'precision' is fp16, which needs a CUDA device: set it to auto, no or bf16")
    if wanted == "bf16" and not bf16:
        raise ConfigError("'precision' is bf16, which this GPU does not compute: set it to auto, no or fp16")
    return wanted


def prepare_folder(accelerator: Accelerator, out: Path, resume: bool, lock: FileLock) -> bool:
    """Make the run's folder and take its lock; whether there is a state to go on from.

    Raises RunError rather than mix two runs.
    """
    found = [""]
    if accelerator.is_main_process:
        try:
            out.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
            found = ["state" if (out / LAST).is_file() else "begun" if (out / "config.json").exists() else "nothing"]
        except Timeout:
            found = [f"error: another process trains in {out}: wait until it has ended, or name another folder"]
        except OSError as error:
            found = [f"error: {out} cannot be made a folder ({error.strerror})"]
    broadcast_object_list(found)
    if found[0].startswith("error: "):
        raise RunError(found[0].removeprefix("error: "))
    if found[0] != "nothing" and not resume:
        raise RunError(f"{out} holds a training already: add --resume to go on with it, or name another folder")
    return found[0] == "state"


def seed_everything(config: FitConfig, rank: int) -> None:
    """Set all generators of this process; dropout is to differ between processes, and does by ``rank``."""
    seed = config.seed + rank
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def prepare_network(accelerator: Accelerator, config: FitConfig, precision: str) -> Any:
    """The network on its device, laid out, checkpointed and compiled as the configuration says.

    ``checkpointing`` "auto" tries one batch where there is a GPU. Raises ConfigError or RunError.
    """
    torch.manual_seed(config.seed)  # the same start on every process
    with accelerator.main_process_first():  # one download, and the others find it in the cache
        network = build(config)
    device = accelerator.device
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    network = network.to(device).to(memory_format=layout)
    if config.checkpointing is True:
        use_checkpointing(network, True)
    elif config.checkpointing == "auto" and device.type == "cuda":

        def short() -> bool:
            """Whether any process is short of memory: all do the same, or they would wait for each other."""
            ok = fits(lambda: try_one_batch(network, config, device, DTYPES[precision]))
            return bool(accelerator.reduce(torch.tensor([int(not ok)], device=device), "sum").item())

        if short():
            use_checkpointing(network, True)
            log.info("one batch does not fit into the GPU's memory: gradient checkpointing is on, which is slower")
            if short():
                raise RunError(
                    f"{config.batch} pictures of {config.image_size} px do not fit into the GPU's memory even with "
                    "gradient checkpointing: set a smaller 'batch' and a larger 'accumulation', or another 'image_size'"
                )
    if config.compile:
        network.compile()
    return network


def describe(training: Training, corpus: Path, precision: str) -> dict[str, Any]:
    """What ``config.json`` says: the whole configuration, the view rule, the corpus, and what it ran on."""
    device = training.accelerator.device
    sources = training.facts["splits"]["train"]["sources"]
    return training.config.to_json() | {
        "views": training.config.views.to_json(),
        "training_sources": {name: sum(counts.values()) for name, counts in sources.items()},
        "corpus": {"folder": str(corpus), **training.facts},
        "ran_on": {
            "processes": training.accelerator.num_processes,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "precision": precision,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "accelerate": accelerate.__version__,
        },
    }


def finish(training: Training) -> None:
    """The best network, its figures on validation and test, and the curves."""
    training.take_best()
    predictions = [training.predict(split) for split in training.loaders]
    if not training.accelerator.is_main_process:
        return
    out, beside = training.folder, training.folder / "model.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    training.network.save_pretrained(beside)
    open_up(beside)
    shutil.rmtree(out / "model", ignore_errors=True)
    beside.replace(out / "model")
    scores.save(predictions, out / "predictions.csv")
    figures = {
        "threshold": scores.THRESHOLD,
        "best_epoch": training.stopping.best_epoch,
        "epochs": len(training.history),
        "splits": {p.split: p.scores() for p in predictions},
    }
    (out / "scores.json").write_text(json.dumps(figures, indent=2) + "\n")
    plots.training_results(training.history, out / "training_results.png")
    for p in predictions:
        s = scores.score(p.labels, p.probabilities)
        log.info(
            "%s, best epoch %d: loss %.4f, accuracy %.3f", p.split, training.stopping.best_epoch, s.loss, s.accuracy
        )
    log.info("done: %s", out / "model")


def train(config: FitConfig, corpus: Path, out: Path, resume: bool = False) -> None:
    """Run the training that ``config`` describes; raises ConfigError, CorpusError or RunError."""
    # What `accelerate launch --cpu` asks for; Accelerator heeds it, but is told the precision, which needs the device.
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU")
    precision = precision_on(config.precision, PartialState(cpu=on_cpu).device)
    accelerator = Accelerator(mixed_precision=precision)
    pictures = load_corpus(corpus)
    lock = FileLock(out / LOCK)
    try:
        _train(accelerator, config, corpus, pictures, out, precision, prepare_folder(accelerator, out, resume, lock))
    finally:
        lock.release()


def _train(
    accelerator: Accelerator,
    config: FitConfig,
    corpus: Path,
    pictures: DatasetDict,
    out: Path,
    precision: str,
    going_on: bool,
) -> None:
    torch.backends.cudnn.deterministic = config.deterministic
    torch.backends.cudnn.benchmark = not config.deterministic
    plain = PlainTransform(config)
    data = {
        name: Pictures(pictures, name, TrainTransform(config) if name == "train" else plain, config.seed)
        for name in ("train", "validation", "test")
        if name in pictures
    }
    with logging_to(out, accelerator.is_main_process):
        try:
            network = prepare_network(accelerator, config, precision)
            training = Training(accelerator, config, network, data, facts(pictures), out)
            seed_everything(config, accelerator.process_index)
            if going_on:
                training.resume()
            if accelerator.is_main_process:
                told = json.dumps(describe(training, corpus, precision), indent=2)
                (out / "config.json").write_text(told + "\n")
            training.run()
            finish(training)
        except torch.OutOfMemoryError as error:
            raise RunError(
                "the GPU's memory is full: set 'checkpointing' to true, or a smaller 'batch' with a larger "
                "'accumulation' in another run"
            ) from error
    accelerator.end_training()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("config", type=Path)
    parser.add_argument("--corpus", type=Path, required=True, help="folder that train.corpus has built")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stands")
    args = parser.parse_args()
    train(read(args.config), args.corpus, args.out, args.resume)
