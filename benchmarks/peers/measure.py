"""One peer on the pictures of a pool: the same choice, deliveries and file as `train.measure.predictions`."""

from __future__ import annotations

import io
import json
import math
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from benchmarks.peers.worker import LENGTH
from train.deliveries import DELIVERIES
from train.measure.predictions import Prediction
from train.pool import Row
from unfake.detector.detector import obstacle

ROOT = Path(__file__).parents[2]
# Paired sources of recent generators, camera originals, and real faces with a part replaced by hand.
SOURCES = (
    "gemini3pro_unsplash_teenbiscuits",
    "forrealscan_game",
    "danhammo6_zimage",
    "skvarc_game",
    "ml72_playground",
    "dexer1",
    "cameras_exif_samples",
    "ciplab_chmoe_result",
)
KEPT_EVERY = 20
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


class PeerFailed(Exception):
    """A peer's process ended without an answer; the message quotes the last line that it said."""


class Worker:
    """A peer in a process of its own, a context manager. ``score`` may be called from one thread at a time.

    The process gets none of this one's environment but ``PATH``: no token, no ``.env``, no proxy. Its working folder
    and home are empty and temporary.
    """

    def __init__(self, name: str, python: Path, arguments: Iterable[str] = ()) -> None:
        self.name = name
        self._command = [str(python.absolute()), "-m", "benchmarks.peers.worker", name, *arguments]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        home = self._stack.enter_context(TemporaryDirectory())
        self._said = self._stack.enter_context(TemporaryFile())
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=home,
            env=environment | ONE_THREAD,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()
        self._stack.close()

    def score(self, image: Image.Image) -> tuple[float | None, float]:
        """What the peer says of a picture (higher is more fake, None for nothing), and the seconds it took.

        Raises PeerFailed.
        """
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        assert self._process.stdin and self._process.stdout  # noqa: S101 - both were asked for
        try:
            self._process.stdin.write(LENGTH.pack(buffer.tell()) + buffer.getvalue())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None
        line = self._process.stdout.readline()
        if not line:
            raise self._failure()
        answer = json.loads(line)
        return answer["score"], answer["seconds"]

    def _failure(self) -> PeerFailed:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return PeerFailed(f"{self.name} stopped: {lines[-1] if lines else 'it said nothing'}")


@dataclass(frozen=True)
class Measured:
    """Predictions, how many pictures the peer gave none for by delivery, and its median seconds a picture."""

    predictions: list[Prediction]
    without: dict[str, int]
    seconds: float


def _in_order(predictions: Iterable[Prediction]) -> list[Prediction]:
    return sorted(predictions, key=lambda p: (p.source, p.label, p.picture, list(DELIVERIES).index(p.delivery)))


def _ask(worker: Worker, row: Row, deliveries: Iterable[str]) -> list[tuple[Prediction | str, float]]:
    """A prediction by delivery (or the delivery's name where the peer gives none), and the seconds each took."""
    image, found = row.open(), []
    for delivery in deliveries:
        delivered = DELIVERIES[delivery](image)
        if obstacle(np.asarray(delivered)) is not None:
            continue
        score, seconds = worker.score(delivered)
        entry: Prediction | str = delivery
        if score is not None:
            entry = Prediction(
                source=row.source,
                label=row.label,
                delivery=delivery,
                picture=row.name,
                margin=round(score, 4),
                part=worker.name,
            )
        found.append((entry, seconds))
    return found


def measure(
    name: str,
    rows: Sequence[Row],
    deliveries: Iterable[str],
    python: Path = Path(sys.executable),
    arguments: Iterable[str] = (),
    processes: int = 1,
    known: Iterable[Prediction] = (),
    keep: Callable[[list[Prediction]], None] | None = None,
) -> Measured:
    """Scores of the peer ``name`` for all rows and deliveries; pictures that the app itself refuses are left out.

    ``python``: the interpreter that has the peer. ``arguments``: the peer's own. ``known``: predictions from before,
    whose pictures are not measured again. ``keep``: called every `KEPT_EVERY` pictures with all predictions so far.
    Pictures are taken in a random order, so that what has been kept is a fair part. Raises PeerFailed.
    """
    wanted = {(row.source, row.label, row.name) for row in rows}
    predictions = [p for p in known if (p.source, p.label, p.picture) in wanted]
    done = {(p.source, p.label, p.picture) for p in predictions}
    left = [row for row in rows if (row.source, row.label, row.name) not in done]
    random.Random(0).shuffle(left)  # noqa: S311 - an order, not a secret
    nothing: list[str] = []
    times: list[float] = []
    free: SimpleQueue[Worker] = SimpleQueue()
    asked = tuple(deliveries)

    def one(row: Row) -> list[tuple[Prediction | str, float]]:
        worker = free.get()
        try:
            return _ask(worker, row, asked)
        finally:
            free.put(worker)

    with ExitStack() as stack:
        for _ in range(processes if left else 0):
            free.put(stack.enter_context(Worker(name, python, arguments)))
        threads = stack.enter_context(ThreadPoolExecutor(processes))
        for number, answers in enumerate(threads.map(one, left), start=1):
            for entry, seconds in answers:
                times.append(seconds)
                nothing.append(entry) if isinstance(entry, str) else predictions.append(entry)
            if keep is not None and number % KEPT_EVERY == 0:
                keep(_in_order(predictions))
    without = {delivery: nothing.count(delivery) for delivery in asked if delivery in nothing}
    return Measured(_in_order(predictions), without, statistics.median(times) if times else math.nan)
