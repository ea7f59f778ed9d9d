"""Everything that ``train`` raises on purpose, in one tree.

::

    TrainError
    ├── ConfigError     a configuration with an unknown key, a wrong type or a value that cannot be used
    ├── SourceError     a source that cannot give its pictures
    ├── CorpusError     a corpus that cannot be built or trained on
    ├── RunError        a training run that cannot start, go on or be read
    └── PublishError    a checkpoint that is not to be uploaded, or could not be

The message of each is one sentence that says what to do. `command` shows it without a stack, and one of its own for
whatever else ends a command.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unfake.errors import UnfakeError, sentence, status

_ROOT = Path(__file__).parent.parent


class TrainError(Exception):
    """Base class."""


class ConfigError(TrainError):
    """The configuration makes no sense."""


class SourceError(TrainError):
    """A source cannot give its pictures."""


class CorpusError(TrainError):
    """The corpus cannot be built, or not be trained on."""


class RunError(TrainError):
    """The run cannot start, go on or be read."""


class PublishError(TrainError):
    """The checkpoint is not to be uploaded, or could not be."""


def said(error: BaseException) -> str:
    """One sentence on what ended a command; of a mistake that is nobody's on purpose also where it came up."""
    match error:
        case TrainError() | UnfakeError():
            text = str(error)
        case KeyboardInterrupt():
            return "stopped: run the same command again to go on"
        case OSError() if error.errno == errno.ENOSPC:
            where = f" ({error.filename})" if error.filename else ""
            text = f"the disk is full{where}: make room and run the same command again, it goes on from there"
        case OSError() | MemoryError():
            text = sentence(error)
        case _:
            text = f"{sentence(error).rstrip('.')}, {_place(error)}."
    return f"error: {text}"


def _place(error: BaseException) -> str:
    """The last line of this repository that an exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)] or frames
    return f"at line {ours[-1].lineno} of {Path(ours[-1].filename).name}" if ours else "nobody knows where"


def command(main: Callable[[], object]) -> None:
    """Run a command line: whatever it raises becomes one sentence on stderr and exit status 1, or 130 for Ctrl-C.

    With ``UNFAKE_TRACEBACK=1`` in the environment it is raised, for whoever looks for the mistake.
    """
    if os.environ.get("UNFAKE_TRACEBACK") == "1":
        main()
        return

    def work() -> int:
        main()
        return 0

    if failed := status(work, failed=1, say=said):
        sys.exit(failed)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises RunError, which names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RunError(f"{path} is not JSON: it is damaged, or another file") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} has to hold an object: {{…}}")
    return found
