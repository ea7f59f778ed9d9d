"""The process in which a peer runs: ``python -m benchmarks.peers.worker NAME [ARGUMENT]``.

It takes pictures on its standard input, each as the four bytes of its length and then a PNG, and answers each with a
line of JSON: ``{"score": number or null, "seconds": number}``. Of this project it imports only what the peer needs,
since the interpreter is the peer's. What a peer itself prints goes to the standard error.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import struct
import sys
import time
from pathlib import Path

from PIL import Image

LENGTH = struct.Struct(">I")


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, *arguments = sys.argv[1:]
    peer = importlib.import_module(f"benchmarks.peers.{name}").Peer(*map(Path, arguments))
    while head := sys.stdin.buffer.read(LENGTH.size):
        (length,) = LENGTH.unpack(head)
        image = Image.open(io.BytesIO(sys.stdin.buffer.read(length))).convert("RGB")
        started = time.perf_counter()
        score = peer.score(image)
        print(json.dumps({"score": score, "seconds": time.perf_counter() - started}), file=answers)


if __name__ == "__main__":
    main()
