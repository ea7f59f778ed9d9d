"""Many pictures at once: files, folders and ZIP files, opened one at a time and within the limits."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from unfake.errors import PictureError
from unfake.intake import Limits, read_file, within

_ENDINGS = ("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "gif", "tif", "tiff", "bmp", "heic", "heif", "avif")
SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS)
"""What counts as a picture in a folder or a ZIP file; a file that is named itself is opened whatever it is called."""
MOST_PICTURES = 10_000
"""Pictures that one batch goes through; the line after the last says so."""


@dataclass(frozen=True)
class Member:
    """A picture of a batch; ``read`` gives its bytes until the next member is asked for, and raises PictureError."""

    name: str
    read: Callable[[], bytes]


def members(paths: Sequence[Path], limits: Limits, names: Sequence[str] | None = None) -> Iterator[Member]:
    """The pictures at these paths, each once it is asked for; what cannot be opened is a member that raises.

    ``names``: what the files are called by their owner; else by their paths.
    """
    count = 0
    for path, name in zip(paths, names or map(str, paths), strict=True):
        for member in _of_path(path, name, limits):
            count += 1
            if count > MOST_PICTURES:
                yield _refused(name, f"A batch ends after {MOST_PICTURES:,} pictures; the rest was left out.")
                return
            yield member


def is_picture(inner: PurePath) -> bool:
    """Whether a file at this path inside of a folder or archive counts: by its ending, and not hidden.

    >>> is_picture(PurePath("cats/tom.JPG")), is_picture(PurePath(".trash/tom.jpg")), is_picture(PurePath("tom.txt"))
    (True, False, False)
    """
    hidden = any(part.startswith((".", "__MACOSX")) for part in inner.parts)
    return inner.suffix.lower() in SUFFIXES and not hidden


def pictures(folder: Path) -> Iterator[Path]:
    """The picture files in a folder and those below it, sorted."""
    for file in sorted(folder.rglob("*")):
        if is_picture(file.relative_to(folder)) and file.is_file():
            yield file


def _of_path(path: Path, name: str, limits: Limits) -> Iterator[Member]:
    if path.is_dir():
        for file in pictures(path):
            yield Member(str(file), partial(read_file, file, limits))
    elif path.suffix.lower() == ".zip":
        yield from _of_archive(path, name, limits)
    else:
        yield Member(name, partial(read_file, path, limits))


def _of_archive(path: Path, name: str, limits: Limits) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError):
        yield _refused(name, "That ZIP file is not there, or cannot be read.")
        return
    with archive:
        for entry in archive.infolist():
            if is_picture(PurePosixPath(entry.filename)) and not entry.is_dir():
                yield Member(f"{name}/{entry.filename}", partial(_read_entry, archive, entry, limits))


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> bytes:
    """The bytes of an entry, unpacked no further than the limit, whatever size it claims."""
    try:
        with archive.open(entry) as opened:
            return within(opened, limits)
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise PictureError("The picture in the ZIP file is damaged, encrypted or packed unusually.") from problem


def _refused(name: str, why: str) -> Member:
    def read() -> bytes:
        raise PictureError(why)

    return Member(name, read)
