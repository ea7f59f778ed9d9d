"""Pictures a second and peak memory of training: ``python -m benchmarks.train_speed``, as a Markdown table.

Without options, every setting of a toy-size network on whatever device there is. For EfficientNet-B7 at 600 px::

    python -m benchmarks.train_speed --backbone tf_efficientnet_b7 --size 600 --batches 2 8 --precisions fp32 bf16

Each setting runs in a process of its own and takes optimiser steps on random pictures that are on the device already,
so decoding and augmentations are not in it; ``--data`` times the latter alone, in one process. Peak memory is what
torch allocated on a GPU, and the resident memory of the process elsewhere.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import torch
from PIL import Image, ImageFilter

from train.fit.augment import TrainTransform
from train.fit.config import FitConfig, parse
from train.fit.network import build, decay_groups, use_checkpointing

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    backbone: str
    size: int
    batch: int
    precision: str
    channels_last: bool
    compiled: bool
    checkpointing: bool


@dataclass(frozen=True)
class Result:
    """``speed``: pictures a second, the median step's. ``first``: seconds of the first step. ``memory``: MiB."""

    speed: float
    first: float
    memory: float


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(setting: Setting, steps: int, threads: int) -> Result:
    """Time optimiser steps in this process."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    config = parse({"backbone": setting.backbone, "pretrained": False, "image_size": setting.size})
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    model = build(config).to(device).to(memory_format=layout).train()
    use_checkpointing(model, setting.checkpointing)
    if setting.compiled:
        model.compile()
    optimizer = torch.optim.Adam(decay_groups(model, config.weight_decay), lr=config.learning_rate)
    scaler = torch.amp.GradScaler(device.type, enabled=setting.precision == "fp16")
    pixels = torch.randn(setting.batch, 3, setting.size, setting.size, device=device).to(memory_format=layout)
    labels = torch.arange(setting.batch, device=device) % 2
    dtype = DTYPES[setting.precision]
    times = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            loss = torch.nn.functional.cross_entropy(model(pixels), labels)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        synchronize(device)
        times.append(time.perf_counter() - started)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device) / 2**20
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return Result(setting.batch / statistics.median(times[1:]), times[0], memory)


def _work(setting: Setting, steps: int, threads: int, answer: Connection) -> None:
    try:
        answer.send(measure(setting, steps, threads))
    except torch.OutOfMemoryError:
        answer.send("out of memory")


def apart(setting: Setting, steps: int, threads: int) -> Result | str:
    """`measure` in a process of its own, so that its memory is its own; or why there is no result."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train.fit.network", "train.fit.augment"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(setting, steps, threads, theirs))
    process.start()
    theirs.close()
    try:
        found: Result | str = ours.recv()
    except EOFError:
        found = "ended without a result"
    process.join()
    return found


def data_speed(size: int, pictures: int) -> float:
    """Pictures a second that one process delivers and augments: decoded ones of 1080 x 720 px, to ``size`` px."""
    pixels = np.random.default_rng(0).integers(0, 256, (720, 1080, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2))
    transform = TrainTransform(FitConfig(image_size=size))
    started = time.perf_counter()
    for number in range(pictures):
        transform(image, (0, number))
    return pictures / (time.perf_counter() - started)


def main() -> None:
    """Print the table, a line as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--backbone", default="test_efficientnet")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--precisions", nargs="+", choices=list(DTYPES), default=["fp32", "bf16"])
    parser.add_argument("--channels-last", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--compile", nargs="+", choices=["off", "on"], default=["off"])
    parser.add_argument("--checkpointing", nargs="+", choices=["off", "on"], default=["off"])
    parser.add_argument("--steps", type=int, default=5, help="timed steps a setting, after one that is not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", action="store_true", help="time the augmentations as well")
    args = parser.parse_args()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {args.threads} threads"
    print(f"{args.backbone} at {args.size} px, {where}, torch {torch.__version__}\n")
    print("| batch | precision | channels_last | compile | checkpointing | pictures/s | first step | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    for batch, precision, layout, compiled, checkpointing in itertools.product(
        args.batches, args.precisions, args.channels_last, args.compile, args.checkpointing
    ):
        setting = Setting(
            args.backbone, args.size, batch, precision, layout == "on", compiled == "on", checkpointing == "on"
        )
        found = apart(setting, args.steps, args.threads)
        cells = f"| {batch} | {precision} | {layout} | {compiled} | {checkpointing} "
        if isinstance(found, str):
            print(cells + f"| {found} | – | – |")
        else:
            print(cells + f"| {found.speed:.1f} | {found.first:.1f} s | {found.memory:,.0f} MiB |")
        sys.stdout.flush()
    if args.data:
        print(
            f"\ndeliveries and augmentations at {args.size} px, one process: {data_speed(args.size, 20):.1f} pictures/s"
        )


if __name__ == "__main__":
    main()
