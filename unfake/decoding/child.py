"""The process that opens picture files, ``python -m unfake.decoding.child SOCKET``: one fork a picture.

It has imported what decoding needs, holds no secret and reads no picture itself. For each order that comes through
its socket it forks: the copy can open no file and no connection, has so much memory and so many seconds, is ended by
the kernel when they are over, and ends with the picture. An `Order` comes with two descriptors: a socket for the
answer, one JSON object, and a file that holds the bytes of the picture and, afterwards, its pixels.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, MpoImagePlugin, WebPImagePlugin  # noqa: F401 - read now what could not be read later

from unfake.decoding.codec import Decoded, TooHeavy, decode
from unfake.decoding.order import Order
from unfake.errors import PictureError

_ROWS = 512
_PARENT_DIED = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_BEHIND = 10  # niceness of what takes long


def _with_parent() -> Callable[[], None]:
    """Ask the kernel (Linux) to end this process when its parent ends; elsewhere its timer does."""
    try:
        control = ctypes.CDLL(None).prctl
    except (AttributeError, OSError):
        return lambda: None
    return lambda: control(_PARENT_DIED, signal.SIGKILL)


def _data() -> int:
    """Bytes of writable memory of this process (Linux), about as counted by RLIMIT_DATA."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except OSError:
        return 64 * 2**20
    return pages * resource.getpagesize()


def _confine(order: Order, base: int) -> None:
    """Set the bounds of this process; ``base``: bytes that it has already."""
    signal.setitimer(signal.ITIMER_REAL, order.seconds)  # SIGALRM and SIGPROF end a process that does not handle them
    signal.setitimer(signal.ITIMER_PROF, order.processor)
    for what, most in (
        (resource.RLIMIT_CPU, int(order.processor) + 1),
        (resource.RLIMIT_DATA, base + order.memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open; nothing can be opened any more
    ):
        resource.setrlimit(what, (most, most))
    if order.slow:
        os.nice(_BEHIND)


def _write(found: Decoded, file: int) -> dict[str, Any]:
    """Put the pixels into the file, some rows at a time."""
    width, height = found.image.size
    os.lseek(file, 0, os.SEEK_SET)
    os.ftruncate(file, 0)
    with open(file, "wb", buffering=0, closefd=False) as out:
        for top in range(0, height, _ROWS):
            rows = found.image.crop((0, top, width, min(height, top + _ROWS))).tobytes()
            if out.write(rows) != len(rows):
                raise OSError("no room for the pixels")
    said = {"width": width, "height": height, "format": found.format, "size": found.size}
    return said | {"animated": found.animated}


def _answer(order: Order, file: int) -> dict[str, Any]:
    data = os.pread(file, os.fstat(file).st_size, 0)
    try:
        return _write(decode(data, order.most_pixels, order.needed, order.memory), file)
    except TooHeavy as heavy:
        return {"heavy": heavy.bytes}
    except PictureError as error:
        return {"error": type(error).__name__, "sentence": str(error)}


def main() -> None:
    """Fork for each order until the other end of the socket is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
    Image.preinit()
    with_parent, base = _with_parent(), _data()
    gc.collect()
    gc.freeze()
    while True:
        packed, descriptors, _, _ = socket.recv_fds(orders, Order.SIZE, 2)
        if len(packed) < Order.SIZE:
            return
        if os.fork() == 0:
            with_parent()
            orders.close()
            reply, file = descriptors
            order = Order.unpack(packed)
            _confine(order, base)
            try:
                os.write(reply, json.dumps(_answer(order, file)).encode())
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    main()
