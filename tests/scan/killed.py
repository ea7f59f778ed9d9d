"""Scans that are killed at each of their renames, before and after it: ``python -m tests.scan.killed WORK``.

Each is begun by a child that kills itself, and gone on with by a second one; it prints how many there were. What both
looked at stands in a file beside the result.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - once, and not in each child
import pytest

from tests.scan import made
from unfake.scan.run import scan
from unfake.settings import Settings

PART = 3


def child(source: Path, out: Path, renames: int, *, after: bool) -> None:
    """Scan, and die at the given rename; all are done where it is -1."""
    left = renames
    rename = Path.replace

    def counted(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = rename(path, target)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return found

    with pytest.MonkeyPatch.context() as patch, out.with_suffix(".log").open("a") as seen:
        patch.setattr(Path, "replace", counted)
        made.use(made.Engine(made.Reader(before=lambda name: print(name, file=seen, flush=True))), patch)
        scan(str(source), out, Settings(), io.StringIO(), size=PART)


def ended(source: Path, out: Path, renames: int, *, after: bool) -> int:
    """The status that a child ends with."""
    pid = os.fork()
    if pid == 0:
        child(source, out, renames, after=after)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def main(work: Path) -> None:
    source, kills = made.folder(work / "source", 10), 0
    for after in (False, True):
        for renames in range(100):
            out = work / f"{after}-{renames}.parquet"
            if ended(source, out, renames, after=after) == 0:
                break
            kills += 1
            if ended(source, out, -1, after=after) != 0:
                raise SystemExit(f"{out.name} was not gone on with")
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
