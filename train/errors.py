"""Everything that ``train`` raises on purpose, in one tree.

::

    TrainError
    ├── ConfigError     a configuration with an unknown key, a wrong type or a value that cannot be used
    ├── SourceError     a source that cannot give its pictures
    ├── CorpusError     a corpus that cannot be built or trained on
    ├── RunError        a training run that cannot start, go on or be read
    └── PublishError    a checkpoint that is not to be uploaded, or could not be

The message of each is one sentence that says what to do. `command` shows it without a stack.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable


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


def command(main: Callable[[], None]) -> None:
    """Run a command line: an error made for people becomes one sentence on stderr and exit status 1."""
    try:
        main()
    except TrainError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = f" ({error.filename})" if error.filename else ""
        sys.exit(f"error: the disk is full{where}: make room and run the same command again, it goes on from there")
    except KeyboardInterrupt:
        sys.exit("stopped: run the same command again to go on")
