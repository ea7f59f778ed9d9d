"""A scan on two local nodes; one is killed in the middle of a shard: ``python -m tests.scan.cluster SOURCE WORK``.

Prints which node was killed, on which node each part that came was made, and what the engine says of it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unfake.scan import cluster, run
from unfake.scan.part import Part
from unfake.settings import Settings

PART, HELD = 2, 4  # pictures of a part, and the shard that is held


def main(source: str, work: Path) -> None:
    import ray  # noqa: PLC0415 - for this alone, where it is installed
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    settings = Settings(device="cpu", cache=work / "cache")
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    run.scan(source, work / "here.parquet", settings, sys.stderr, size=PART)
    local = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [local.add_node(num_cpus=1) for _ in range(2)]
    os.environ["RAY_ADDRESS"] = local.address
    shard = cluster._shard
    held, first = work / "held", work / "first"
    os.mkfifo(held)

    def where(*given: Any) -> Iterator[Part]:
        """The task, with its node in place of the state, which files have no use for; holds one part the first time."""
        node = ray.get_runtime_context().get_node_id()
        for part in shard(*given):
            if part.shard == HELD and not first.exists():
                first.touch()
                held.write_text(node)  # waits until it is read
                threading.Event().wait()
            yield Part(part.shard, part.number, part.rows, {"node": node}, part.last)

    def kill() -> None:
        """End the node that holds the part, once it does."""
        victim = held.read_text()
        sys.stdout.write(f"killed {victim}\n")
        local.remove_node(next(node for node in nodes if node.node_id == victim), allow_graceful=False)

    class Told(cluster.Cluster):
        def run(self, source: Any, todo: Any, size: int, tick: Any) -> Iterator[Part]:
            for part in super().run(source, todo, size, tick):
                sys.stdout.write(f"node {part.state['node']}\n")
                yield part

    cluster._shard = where  # type: ignore[assignment]
    cluster.Cluster = Told  # type: ignore[misc]
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    run.scan(source, work / "found.parquet", settings, sys.stderr, engine="ray", size=PART)
    killer.join()
    ray.shutdown()
    local.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
