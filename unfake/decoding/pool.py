"""Where the app decodes: in processes with a deadline and a memory limit, with a bound on all of them together.

There are two lanes. Everything starts in the fast one, for under a second of computing and in little memory. What
needs more goes on to the slow one, behind others of its kind, and at a lower priority where its time was up: pictures
that are slow to decode, by nature or by malice, hold up each other and not the usual ones. Nothing is refused for being
one of many: it waits.
"""

from __future__ import annotations

import atexit
import json
import math
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from unfake.decoding import codec
from unfake.decoding.budget import Budget
from unfake.decoding.codec import Needed, TooHeavy
from unfake.decoding.order import Order
from unfake.errors import BrokenPicture, PictureTooLarge, PictureTooSlow, UnsupportedPicture

_ROOT = Path(__file__).parent.parent.parent
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR", "LANG")
_MB = 2**20
_ERRORS = {kind.__name__: kind for kind in (BrokenPicture, PictureTooLarge, UnsupportedPicture)}
TOO_SLOW = "The picture takes too long to open; a copy saved anew as PNG or JPEG can be checked."
TOO_HEAVY = "The picture needs too much memory to open; a smaller copy of it can be checked."


@dataclass(frozen=True)
class Lane:
    """What one decoding may use: bytes of memory, seconds of computing, and seconds in all."""

    memory: int
    processor: float
    seconds: float


# Computing is what tells a slow picture from a busy machine, so the usual ones are given time to get their share of it.
FAST = Lane(256 * _MB, 0.75, 15.0)
SLOW = Lane(896 * _MB, 4.0, 4.0)
FAST_AT_ONCE = 3
_ROOM = 32 * _MB  # beside the pixels
KEPT_PIXELS = 100_000_000  # of decoded pictures, until they are done with
PATIENCE = 60.0  # seconds until waiting for a turn is given up


@dataclass(frozen=True, eq=False)
class Opened:
    """``pixels`` uint8 RGB [H, W, 3], not writable; the ``format``; and the file's own ``size``, width and height.

    ``animated``: the pixels are the first frame of several.
    """

    pixels: NDArray[np.uint8]
    format: str
    size: tuple[int, int]
    animated: bool = False


class _Ended(Exception):
    """The process ended without an answer; ``late``: because its time was over."""

    def __init__(self, late: bool) -> None:
        super().__init__(late)
        self.late = late


def open_here(data: bytes, most_pixels: int, needed: Needed | None = None) -> Opened:
    """Decode in this process, without a deadline: for files that are trusted. Raises PictureError."""
    found = codec.decode(data, most_pixels, needed)
    pixels = np.asarray(found.image)
    pixels.flags.writeable = False
    return Opened(pixels, found.format, found.size, found.animated)


class Pool:
    """Decodes untrusted files; may be used from several threads. Its process starts with the first file, or `warm`.

    On systems without fork (Windows) files are decoded in this process, without a deadline.
    """

    def __init__(self, fast: Lane = FAST, slow: Lane = SLOW, kept_pixels: int = KEPT_PIXELS) -> None:
        self.fast, self.slow = fast, slow
        self.kept = Budget(kept_pixels)
        self._fast = Budget(FAST_AT_ONCE)
        self._slow = Budget(slow.memory)
        self._starting = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    def warm(self) -> None:
        """Start the process, without waiting until it is ready."""
        if hasattr(os, "fork"):
            with self._starting:
                self._running()

    def close(self) -> None:
        """End the process; the next file starts another."""
        with self._starting:
            self._stop()

    def open(self, data: bytes, most_pixels: int, needed: Needed | None = None) -> Opened:
        """Decode a file, in turn. The pixels count as kept until nothing refers to them any more.

        Raises PictureTooSlow when time is up, for decoding or for waiting; else PictureError as `codec.decode`.
        """
        if not hasattr(os, "fork"):
            return open_here(data, most_pixels, needed)
        order = Order(most_pixels, needed, self.fast.memory, self.fast.processor, self.fast.seconds, slow=False)
        with self._fast.hold(1, PATIENCE):
            try:
                return self._open(data, order)
            except TooHeavy as heavy:
                memory, lapsed = max(heavy.bytes + _ROOM, self.slow.memory // 4), False
            except _Ended:
                memory, lapsed = self.slow.memory // 4, True
        if memory > self.slow.memory:
            raise PictureTooLarge(TOO_HEAVY)
        slow = self.slow
        order = replace(order, memory=memory, processor=slow.processor, seconds=slow.seconds, slow=lapsed)
        with self._slow.hold(memory, PATIENCE):
            try:
                return self._open(data, order)
            except TooHeavy as heavy:
                raise PictureTooLarge(TOO_HEAVY) from heavy
            except _Ended as ended:
                raise (PictureTooSlow(TOO_SLOW) if ended.late else BrokenPicture(codec.DAMAGED)) from ended

    def _open(self, data: bytes, order: Order) -> Opened:
        with _memory_file() as file:
            file.write(data)
            file.flush()
            begun = time.monotonic()
            said = self._ask(order.pack(), file.fileno())
            if not said:
                raise _Ended(late=time.monotonic() - begun >= min(order.seconds, order.processor / codec.THREADS))
            answer: dict[str, Any] = json.loads(said)
            if "heavy" in answer:
                raise TooHeavy(answer["heavy"])
            if "error" in answer:
                raise _ERRORS[answer["error"]](answer["sentence"])
            shape = (answer["height"], answer["width"], 3)
            memory = mmap.mmap(file.fileno(), math.prod(shape), access=mmap.ACCESS_READ)
        taken = self.kept.take(shape[0] * shape[1], PATIENCE)
        flat = np.frombuffer(memory, np.uint8)
        weakref.finalize(flat, self.kept.give_back, taken).atexit = False
        width, height = answer["size"]
        return Opened(flat.reshape(shape), answer["format"], (width, height), answer["animated"])

    def _ask(self, order: bytes, file: int) -> bytes:
        """Give an order and wait for the answer; empty when the process ended without one."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._starting:
                try:
                    socket.send_fds(self._running(), [order], [theirs.fileno(), file])
                except OSError:  # it was ended from outside
                    self._stop()
                    socket.send_fds(self._running(), [order], [theirs.fileno(), file])
            said = b""
            while part := ours.recv(65536):
                said += part
            return said

    def _running(self) -> socket.socket:
        """The socket of the process, which is started if need be; called with the lock held."""
        if self._orders is None:
            self._orders, theirs = socket.socketpair()
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, "-m", "unfake.decoding.child", str(theirs.fileno())],
                    cwd=_ROOT,
                    env=environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        return self._orders

    def _stop(self) -> None:
        if self._orders is not None:
            self._orders.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._orders = self.process = None


def _memory_file() -> IO[bytes]:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("picture"), "w+b")
    return tempfile.TemporaryFile()


@cache
def shared() -> Pool:
    """The pool of this process: its bounds hold for all that is decoded in it."""
    pool = Pool()
    atexit.register(pool.close)
    return pool
