"""The engine that scans on a Ray cluster: each task is a shard, and gives its parts as they are done.

Plain tasks instead of Ray Data: how many parts a dataset's shard has is known only when it ends, and each begins where
the one before it stopped. A task of Ray Data that loses its machine is done again from its beginning. Here the process
that was asked writes each part as it comes, and begins a shard of a lost machine anew after the last part that is kept:
nothing is lost, and nothing is there twice.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from unfake.detector import choice
from unfake.detector.checkpoint import Checkpoint
from unfake.errors import ScanError
from unfake.scan.part import Begin, Part, parts
from unfake.scan.source import Source
from unfake.services import Services
from unfake.settings import Settings
from unfake.store import verdict_key

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[2]
MOST_LOSSES = 4
"""Times that a shard's machine may be lost before the scan stops: then it is the shard."""


class Cluster:
    """Tasks on the cluster that ``RAY_ADDRESS`` names, or that runs here, or on one of this machine alone.

    A task takes as many processors as the smallest machine has, since a detector uses all that it finds, and a GPU
    where ``UNFAKE_DEVICE`` is cuda. Every machine needs this folder at the same path, and sees the source.
    Raises ScanError, CheckpointError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = replace(settings, store=None)
        self.checkpoint: Checkpoint = choice.choose(settings.model, settings.space_author, settings.hub_token)
        import ray  # noqa: PLC0415 - there only where it is asked for
        from ray.exceptions import RayError  # noqa: PLC0415

        self._ray = ray
        try:
            ray.init(
                log_to_driver=False,
                logging_level="error",
                ignore_reinit_error=True,
                runtime_env={"env_vars": {"PYTHONPATH": str(_ROOT)}},
            )
        except (RayError, OSError, RuntimeError, ValueError) as error:
            raise ScanError(f"There is no Ray cluster to be had ({type(error).__name__}).") from error

    def run(self, source: Source, todo: Iterable[Begin], size: int, tick: Callable[[int], None]) -> Iterator[Part]:
        """The parts that are still to be made, each once; those of a shard in order."""
        from ray.exceptions import RayError, RayTaskError  # noqa: PLC0415 - as above

        key, ray = verdict_key(self.checkpoint), self._ray
        task = self._task()
        waiting, again = iter(todo), deque[Begin]()
        running: dict[Any, Begin] = {}
        losses: Counter[int] = Counter()
        while True:
            room = 2 * len(self._nodes()) - len(running)  # one more for each, so that none waits for this process
            while room > 0 and again:
                begin = again.popleft()
                running[task.remote(self._settings, key, source, begin, size)] = begin
                room -= 1
            for begin in islice(waiting, max(0, room)):
                running[task.remote(self._settings, key, source, begin, size)] = begin
            if not running:
                return
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            begin = running[ready]
            try:
                part: Part = ray.get(next(ready))
            except StopIteration:
                del running[ready]
            except RayTaskError as error:
                raise error.cause or ScanError("A task failed on the cluster.") from error
            except RayError as error:
                del running[ready]
                losses[begin.shard.number] += 1
                if losses[begin.shard.number] == MOST_LOSSES:
                    raise ScanError(
                        f"The cluster lost shard {begin.shard.number} {MOST_LOSSES} times ({type(error).__name__})."
                    ) from error
                _log.warning(
                    "A machine was lost (%s): shard %d goes on elsewhere.", type(error).__name__, begin.shard.number
                )
                again.append(begin)
            else:
                running[ready] = begin.after(part)
                yield part
                tick(len(part.rows))

    def _task(self) -> Any:
        processors = min(node["Resources"].get("CPU", 0.0) for node in self._nodes())
        graphics = 1 if self._settings.device == "cuda" else 0
        return self._ray.remote(num_cpus=processors, num_gpus=graphics, max_retries=0, scheduling_strategy="SPREAD")(
            _shard
        )

    def _nodes(self) -> list[dict[str, Any]]:
        """The machines that have processors for tasks; raises ScanError where there is none."""
        found = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if not found:
            raise ScanError("The Ray cluster has no machine with a processor left.")
        return found


def _shard(settings: Settings, key: str, source: Source, begin: Begin, size: int) -> Iterator[Part]:
    """A task: the parts of a shard by the very checkpoint that the scan began with."""
    services = _services(settings)
    if verdict_key(services.checkpoint) != key:
        raise ScanError(f"A machine of the cluster has another checkpoint: {services.checkpoint.id}.")
    yield from parts(services, source, begin, size)


@cache
def _services(settings: Settings) -> Services:
    return Services(settings)
