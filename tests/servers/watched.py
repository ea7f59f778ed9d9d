"""``python -m tests.servers.watched LOG PROGRAM``: a Python program, each host that it looks up or connects to logged.

CPython raises an audit event for each of these calls, whatever library makes it (PEP 578); a hook cannot be removed.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

HOST_AT = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
}


def watch(log: Path) -> None:
    """Append the host of each look-up and connection of this process to ``log``, a line each."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in HOST_AT:
            place = arguments[HOST_AT[event]]
            host = place[0] if isinstance(place, tuple) else place
            with log.open("a") as file:
                file.write(f"{event} {host}\n")

    sys.addaudithook(hook)


if __name__ == "__main__":
    _, log_name, program = sys.argv
    watch(Path(log_name))
    sys.argv = [program]
    sys.path.insert(0, str(Path(program).resolve().parent))
    runpy.run_path(program, run_name="__main__")
