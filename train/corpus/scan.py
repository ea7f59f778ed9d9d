"""Each picture opened once: its hashes, its header, and whether it decodes. Runs in processes of its own."""

from __future__ import annotations

import errno
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

from train.corpus.dedupe.hashes import Look, look, sha256
from train.errors import CorpusError
from train.measure.headers import Header
from unfake.errors import PictureError
from unfake.intake import FORMATS, Limits, Source, from_bytes

LIMITS = Limits(bytes=2**31, pixels=200_000_000)  # where Pillow refuses by itself, and arrow's arrays end
_DRAFT = (256, 256)  # px: a JPEG is read to its end all the same, but only so much of each block is computed
_AHEAD = 3  # tasks for each process under way

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Facts:
    """What one picture's bytes say; ``problem`` is empty unless the picture cannot be used.

    ``coarse`` 8 bytes, ``fine`` 32 bytes, ``flat``: see `hashes.Look`. ``sha256``: 32 bytes, none where the file
    itself could not be read.
    """

    sha256: bytes = b""
    coarse: bytes = b""
    fine: bytes = b""
    flat: bool = True
    header: Header | None = None
    problem: str = ""


def examine(content: bytes) -> Facts:
    """The facts of an encoded picture, of which only the first frame is looked at. Never raises for what is in it.

    What the app's intake cannot open is unusable, because training reads pictures through it as well.
    """
    digest = sha256(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata
        try:
            header, found = _look_fast(content) or _look_well(content)
        except PictureError as problem:
            return Facts(digest, problem=str(problem))
    return Facts(digest, found.coarse, found.fine, found.flat, header)


def _look_fast(content: bytes) -> tuple[Header, Look] | None:
    """Only for the usual JPEG: all of it is read, but a small grey picture is decoded. None for everything else."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            header = Header.of_image(image, len(content))
            if header.format != "JPEG" or image.mode not in {"RGB", "L"}:
                return None
            image.draft("L", _DRAFT)
            image.load()
            return header, look(ImageOps.exif_transpose(image))
    except Exception:  # Pillow's readers raise nearly everything on a corrupt file; the intake will say it well
        return None


def _look_well(content: bytes) -> tuple[Header, Look]:
    picture = from_bytes(content, Source("upload", ""), LIMITS)
    return Header.of(content), look(Image.fromarray(picture.pixels))


def examine_batch(contents: list[Path | bytes]) -> list[Facts]:
    """The facts of some files, or of bytes as they are."""
    found = []
    for content in contents:
        try:
            found.append(examine(content if isinstance(content, bytes) else content.read_bytes()))
        except OSError as problem:
            if problem.errno in {errno.EMFILE, errno.ENFILE}:
                raise
            found.append(Facts(problem=f"The file cannot be read: {problem.strerror or type(problem).__name__}."))
    return found


def spread(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Generator[Result, None, None]:
    """``function`` of each task, in order, in ``workers`` processes; only a few tasks are taken ahead of the results.

    With one worker nothing leaves this process. Raises CorpusError if a process dies.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    # Fork would hand the children this process's threads and open files.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                under_way.append(pool.submit(function, task))
                if len(under_way) > _AHEAD * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise CorpusError(
                "a worker process was killed, as happens when memory runs out: run the same command again with fewer"
                " --workers, it goes on from there"
            ) from None
        finally:
            for future in under_way:
                future.cancel()


def _begin() -> None:
    """In a new worker. Ctrl-C is for the parent, and one that was killed cannot tell its workers to go home."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
