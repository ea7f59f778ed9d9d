"""Picture files in a folder, here or wherever fsspec reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from unfake import batch
from unfake.batch import Member
from unfake.errors import PictureError, ScanError
from unfake.intake import Limits, read_file, within
from unfake.scan.needs import need
from unfake.scan.source import Shard, State, kind, without_credentials


@dataclass(frozen=True)
class Files:
    """The pictures at ``place``: a folder's path, or the address of one for fsspec (``s3://bucket/pictures``)."""

    place: str

    @property
    def address(self) -> str:
        """The place without credentials; a folder by its full path."""
        if "://" in self.place:
            return without_credentials(self.place)
        return str(Path(self.place).absolute())

    def names(self) -> list[str]:
        """All picture files, sorted, hidden ones left out; raises ScanError."""
        folder = self._folder()
        if folder is not None:
            if not folder.is_dir():
                raise ScanError(f"There is no folder {folder.name or folder}: a scan goes over a folder or an address.")
            return [str(path) for path in batch.pictures(folder)]
        system, root = self._system()
        try:
            found = system.find(root)
        except Exception as error:  # each file system raises what it likes
            raise ScanError(f"{self.address} cannot be listed ({kind(error)}).") from error
        return sorted(name for name in found if batch.is_picture(_inside(name, root)))

    def open(self, shard: Shard, state: State, limits: Limits) -> _Named:
        """The files of a stretch of the list."""
        if self._folder() is not None:
            return _Named([Member(name, partial(read_file, Path(name), limits)) for name in shard.names])
        system, _ = self._system()
        return _Named([Member(_address(system, name), partial(_read, system, name, limits)) for name in shard.names])

    def _folder(self) -> Path | None:
        if "://" not in self.place:
            return Path(self.place).absolute()
        if self.place.startswith(("file://", "local://")):
            return Path(self._system()[1])
        return None

    def _system(self) -> tuple[Any, str]:
        need("fsspec")
        from fsspec.core import url_to_fs  # noqa: PLC0415 - only a scan needs it

        try:
            system, root = url_to_fs(self.place)
        except ImportError as error:
            raise ScanError(f"{self.address} needs a package that is not installed: {error}") from error
        except Exception as error:
            raise ScanError(f"{self.address} is no address that can be scanned ({kind(error)}).") from error
        return system, root


class _Named:
    """Members that are known beforehand."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def state(self) -> State:
        return {}

    def close(self) -> None:
        pass


def _address(system: Any, name: str) -> str:
    return without_credentials(str(system.unstrip_protocol(name)))


def _inside(name: str, root: str) -> PurePosixPath:
    return PurePosixPath(name.removeprefix(root))


def _read(system: Any, name: str, limits: Limits) -> bytes:
    """The bytes of a file; raises PictureError for one that is not there, whatever the system raises where it fails."""
    try:
        with system.open(name, "rb") as file:
            return within(file, limits)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise PictureError("The picture file is not there, or cannot be read.") from error
