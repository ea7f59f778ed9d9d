"""A scan on two local nodes, one of which is killed in the middle: ``python -m tests.scan.cluster SOURCE WORK``.

Prints on which node each part was made, how many nodes were killed, and what the engine says of it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unfake.scan import cluster, run
from unfake.scan.part import Part
from unfake.settings import Settings

PART = 2


def main(source: str, work: Path) -> None:
    import ray  # noqa: PLC0415 - for this alone, where it is installed
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    settings = Settings(model="unfake-lite0", device="cpu", cache=work / "cache")
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    run.scan(source, work / "here.parquet", settings, sys.stderr, size=PART)
    local = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [local.add_node(num_cpus=1) for _ in range(2)]
    os.environ["RAY_ADDRESS"] = local.address
    shard = cluster._shard

    def where(*given: Any) -> Iterator[Part]:
        """The task, with its node in place of the state, which files have no use for."""
        for part in shard(*given):
            yield Part(part.shard, part.number, part.rows, {"node": ray.get_runtime_context().get_node_id()}, part.last)

    class Watched(cluster.Cluster):
        def run(self, source: Any, todo: Any, size: int, tick: Any) -> Iterator[Part]:
            """Kills the node that made the first part, once both have made one."""
            seen: set[str] = set()
            for part in super().run(source, todo, size, tick):
                sys.stdout.write(f"node {part.state['node']}\n")
                seen.add(part.state["node"])
                yield part
                if len(seen) == 2 and len(nodes) == 2:
                    victim = next(node for node in nodes if node.node_id == part.state["node"])
                    local.remove_node(victim, allow_graceful=False)
                    nodes.remove(victim)

    cluster._shard = where  # type: ignore[assignment]
    cluster.Cluster = Watched  # type: ignore[misc]
    run.scan(source, work / "found.parquet", settings, sys.stderr, engine="ray", size=PART)
    sys.stdout.write(f"killed {2 - len(nodes)}\n")
    ray.shutdown()
    local.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
