"""Folders that this program writes into: its own, readable by its user alone, and replaceable when they are not.

A folder that somebody else owns or may write into is not used: what lies there could be put there to be believed
(compiled graphs, verdicts) or read by whoever shares the machine (pictures that people upload).
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)
_temporary: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def default_cache() -> Path:
    """``unfake`` in the user's cache folder (XDG Base Directory Specification 0.8)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "unfake"


def usable(asked: Path) -> tuple[Path, str | None]:
    """The folder asked for, made if missing (mode 0700), or a temporary one and a sentence that says why.

    The temporary one has a name that nobody can guess, mode 0700, and ends with the process.

    >>> folder, notice = usable(Path("/dev/null/cache"))
    >>> notice
    'The folder cache cannot be written, so what UnFake keeps there is kept in a temporary one until it ends.'
    """
    try:
        asked.mkdir(mode=0o700, parents=True, exist_ok=True)
        why = objection(asked)
        if why is None:
            with tempfile.TemporaryFile(dir=asked):
                return asked, None
    except OSError:
        why = "cannot be written"
    temporary = tempfile.TemporaryDirectory(prefix="unfake-", ignore_cleanup_errors=True)
    _temporary.append(temporary)
    notice = f"The folder {asked.name} {why}, so what UnFake keeps there is kept in a temporary one until it ends."
    _log.warning("%s (%s)", notice, asked)
    return Path(temporary.name), notice


def objection(path: Path) -> str | None:
    """Why nothing that lies in this file or folder is to be trusted, or None; raises OSError.

    Its owner has to be this user or root, and nobody else may have the right to write.
    """
    found = path.stat()
    if not hasattr(os, "getuid"):
        return None
    if found.st_uid not in (os.getuid(), 0):
        return "belongs to somebody else"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others"
    return None


def keep(folder: Path, name: str, data: bytes, digest: str) -> Path:
    """Write a file called ``name`` under ``folder``, in a folder of its own that its ``digest`` names.

    The same file is kept once, and is as young as its latest download. It appears whole or not at all. Raises OSError.
    """
    home = folder / digest[:32]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=home, delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            part.replace(home / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    return home / name


def sweep(folder: Path, seconds: float, most: float = float("inf")) -> None:
    """Delete the files under ``folder`` older than ``seconds``, and the oldest while all are over ``most`` bytes.

    Folders in it in which nothing has been for ``seconds`` go as well.
    """
    room, oldest = most, time.time() - seconds
    for path, facts in sorted(_files(folder), key=lambda found: -found[1].st_mtime):
        room -= facts.st_size
        if room < 0 or facts.st_mtime < oldest:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("%s cannot be deleted: %s", path.name, error)
    for within, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # not empty, or gone meanwhile
            if within != str(folder) and os.lstat(within).st_mtime < oldest:
                Path(within).rmdir()


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile
            facts = path.lstat()
            if not stat.S_ISDIR(facts.st_mode):
                yield path, facts
