"""Everything that UnFake raises on purpose, in one tree.

::

    UnfakeError
    ├── SettingsError            an environment variable or .env line that makes no sense
    ├── InputError               a value that an endpoint or a command cannot take
    ├── PictureError             bytes that cannot become a Picture
    │   ├── EmptyPicture           nothing in it
    │   ├── PictureTooLarge        over the limit of bytes or pixels
    │   ├── UnsupportedPicture     not a picture, or of a type that is not read
    │   ├── BrokenPicture          truncated or corrupt
    │   └── PictureTooSlow         takes too long to decode, or to get its turn
    ├── AddressError             a URL that does not lead to a picture
    │   ├── AddressRefused         not http(s), malformed, or not a public address
    │   └── AddressUnreachable     no answer in time, or an answer other than success
    ├── CatalogError             the photo catalog cannot answer
    │   ├── PhotoNotFound          no photo by that id
    │   ├── InvalidKey             the catalog does not accept the access key
    │   ├── Forbidden              the key is good, but may not do that
    │   ├── RateLimited            no requests left for now; holds how many are left, of how many
    │   ├── QueryRejected          a search that the catalog refuses to make
    │   └── Unavailable            no answer, a broken one, or the catalog's own failure
    ├── CheckpointError          a checkpoint that cannot be used
    │   ├── CheckpointNotFound     no such folder, repository, revision or file
    │   ├── CheckpointUnreachable  the Hub does not answer
    │   ├── CheckpointCorrupt      a file that does not parse or has another sha256
    │   └── CheckpointMismatch     a configuration that this program cannot run
    ├── FacesFailed              faces cannot be looked for
    └── StoreError               verdicts and history cannot be kept, or not where they were asked to be

The message of each is one sentence that a user may read: no secret, no path outside the checkpoint, no stack.
`sentence` makes one of any other exception as well, and `status` ends a command with it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

STOPPED = 130  # as shells have it for Ctrl-C: 128 and the number of SIGINT


class UnfakeError(Exception):
    """Base class: catch it to show its message to the user."""


class SettingsError(UnfakeError):
    """An environment variable or a line of ``.env`` has a value that cannot be used."""


class InputError(UnfakeError):
    """A value that an endpoint or a command cannot take: of another type, too long, out of range."""


class PictureError(UnfakeError):
    """The bytes cannot become a picture."""


class EmptyPicture(PictureError):
    """There are no bytes."""


class PictureTooLarge(PictureError):
    """More bytes or pixels than the limits allow."""


class UnsupportedPicture(PictureError):
    """Not a picture, or of a type that is not read."""


class BrokenPicture(PictureError):
    """The file starts like a picture but cannot be decoded to its end."""


class PictureTooSlow(PictureError):
    """Decoding was not over in time, or its turn did not come in time."""


class AddressError(UnfakeError):
    """A URL does not lead to a picture."""


class AddressRefused(AddressError):
    """The URL is malformed, is not http(s), or leads to an address that is not public."""


class AddressUnreachable(AddressError):
    """The server gave no answer in time, or answered with something other than success."""


class CatalogError(UnfakeError):
    """The photo catalog cannot answer."""


class PhotoNotFound(CatalogError):
    """No photo in the catalog has that id."""


class InvalidKey(CatalogError):
    """The catalog does not accept the access key."""


class Forbidden(CatalogError):
    """The access key is good, but has no permission for what was asked."""


class RateLimited(CatalogError):
    """No requests are left for now.

    ``remaining`` and ``limit``: requests left, and allowed in an hour, as far as the catalog told; else None.
    """

    def __init__(self, message: str, *, remaining: int | None = None, limit: int | None = None) -> None:
        super().__init__(message)
        self.remaining = remaining
        self.limit = limit


class QueryRejected(CatalogError):
    """The catalog refuses to search for that."""


class Unavailable(CatalogError):
    """The catalog gave no answer, or a broken one, or failed by its own account."""


class CheckpointError(UnfakeError):
    """The checkpoint cannot be used."""


class CheckpointNotFound(CheckpointError):
    """No such folder, repository, revision or file."""


class CheckpointUnreachable(CheckpointError):
    """The Hub does not answer."""


class CheckpointCorrupt(CheckpointError):
    """A file of the checkpoint does not parse, or its sha256 is not the one in ``config.json``."""


class CheckpointMismatch(CheckpointError):
    """The configuration describes something that this program cannot run."""


class FacesFailed(UnfakeError):
    """The face detector did not load, or failed on a picture."""


class ScanError(UnfakeError):
    """A scan's source cannot be read, its result not be written, or a package is missing."""


class StoreError(UnfakeError):
    """The store of verdicts and history cannot be read or written, or is not the one that was asked for."""


def sentence(error: BaseException) -> str:  # noqa: PLR0911 - one for each kind
    """One sentence for the user on what went wrong, whatever raised it: this program, the system or a library.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "/home/ana/cat.jpg"))
    'The file or folder cat.jpg cannot be used: no such file or directory.'
    >>> sentence(TypeError("expected str, got NoneType"))
    'What was given is not of the form that is expected here (TypeError).'
    """
    match error:
        case UnfakeError():
            return str(error)
        case KeyboardInterrupt():
            return "This was stopped before it was done."
        case MemoryError():
            return "There is not enough memory for this."
        case TimeoutError():
            return "This took too long and was given up."
        case OSError():
            reason = (error.strerror or type(error).__name__).strip(".")
            reason = reason[:1].lower() + reason[1:]
            if isinstance(error.filename, str | bytes) and error.filename:
                name = Path(str(error.filename)).name.encode(errors="replace").decode()
                return f"The file or folder {name} cannot be used: {reason}."
            return f"The system refused this: {reason}."
        case json.JSONDecodeError():
            return f"What should be JSON is damaged or incomplete, in line {error.lineno}."
        case UnicodeError():
            return "What should be text is not, or is not in UTF-8."
        case TypeError() | ValueError() | LookupError() | AttributeError():
            return f"What was given is not of the form that is expected here ({type(error).__name__})."
        case _:
            return f"Something went wrong that should not have ({type(error).__name__})."


def status(work: Callable[[], int], failed: int, say: Callable[[BaseException], str] = sentence) -> int:
    """Run a command for its exit status; whatever it raises becomes one sentence on stderr.

    ``failed``: the status then; `STOPPED` for Ctrl-C. Where nobody reads the output any more nothing is said.
    """
    try:
        return work()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would try once more as it ends
        return failed
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"{say(interrupt)}\n")
        return STOPPED
    except Exception as error:
        sys.stderr.write(f"{say(error)}\n")
        return failed


def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As `sys.excepthook`: Ctrl-C leaves one sentence on stderr, also while a program is still importing its parts."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write(f"{sentence(error)}\n")
    else:
        sys.__excepthook__(kind, error, trace)
