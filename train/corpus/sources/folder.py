"""Pictures that are on this machine already: a folder of real ones and a folder of fakes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from datasets import ClassLabel, Dataset, Features, Image, Value

from train.corpus.options import Options
from train.corpus.source import LabelName, Picture
from train.errors import ConfigError, SourceError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"}
)


@dataclass(frozen=True)
class FolderSource:
    """The pictures below ``real_dir`` and ``fake_dir`` (either may be None); the path below it is the category.

    ``group``: a regular expression that is searched for in the file's name; files with the same match (of its first
    bracket, where it has one) are one group, whatever their label and folder. A file without a match is its own.
    """

    name: str
    real_dir: Path | None
    fake_dir: Path | None
    group: re.Pattern[str] | None
    credit: str
    licence: str

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """Options: ``root`` (with ``real`` and ``fake`` in it), or ``real_dir`` and/or ``fake_dir``; ``group``,
        ``credit``, ``licence``. Raises ConfigError.
        """
        where = f'source "{name}"'
        given = Options(where, options)
        root, real, fake = (given.text(key, "") for key in ("root", "real_dir", "fake_dir"))
        if bool(root) == bool(real or fake):
            raise ConfigError(f"{where}: either 'root' has to be given, or 'real_dir' and/or 'fake_dir'")
        if root:
            real, fake = f"{root}/real", f"{root}/fake"
        real_dir, fake_dir = (base / Path(each).expanduser() if each else None for each in (real, fake))
        pattern = given.text("group", "")
        try:
            group = re.compile(pattern) if pattern else None
        except re.error as error:
            raise given.wrong("group", f"a regular expression ({error})") from None
        found = cls(name, real_dir, fake_dir, group, given.text("credit", ""), given.text("licence", ""))
        given.done()
        return found

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Look whether the folders are there. Raises SourceError."""
        for label, directory in self._directories():
            if not directory.is_dir():
                raise SourceError(f'source "{self.name}": the folder of {label} pictures, {directory}, is not there')

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """The real ones, then the fakes, by path."""
        for label, directory in self._directories():
            for place, name in _walk(directory):
                category, plain = _text(place), _text(name)
                key = f"{label}/{category}/{plain}" if category else f"{label}/{plain}"
                yield Picture(
                    key=key,
                    content=directory / place / name,
                    label=label,
                    source=self.name,
                    group=f"{self.name}/{self._group(name) or key}",
                    category=category,
                    credit=self.credit,
                    licence=self.licence,
                )

    def _directories(self) -> Iterator[tuple[LabelName, Path]]:
        if self.real_dir:
            yield "real", self.real_dir
        if self.fake_dir:
            yield "fake", self.fake_dir

    def _group(self, name: str) -> str:
        found = self.group.search(name) if self.group else None
        return next((part for part in found.groups() if part), found[0]) if found else ""


def picture_files(directory: Path) -> Iterator[Path]:
    """The files with a picture's suffix below ``directory``, sorted; hidden ones are left out.

    Raises SourceError for a folder that cannot be read.
    """
    for place, name in _walk(directory):
        yield directory / place / name


def _walk(directory: Path) -> Iterator[tuple[str, str]]:
    """`picture_files` as the folder below ``directory`` and the name: in texts, as paths take three times as long."""
    root = str(directory)
    for place, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        below = place[len(root) :].strip(os.sep)
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):  # noqa: PTH122
                yield below, name


def _refuse(error: OSError) -> None:
    raise SourceError(f"the folder {error.filename} cannot be read ({error.strerror})")


def _text(path: str) -> str:
    """A path for people and tables: with slashes, and with the bytes of names that are not UTF-8 written out."""
    if path.isascii() and os.sep == "/":
        return path
    return path.replace(os.sep, "/").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def load_dataset(real_dir: Path | str, fake_dir: Path | str) -> Dataset:
    """The pictures of two folders as one `datasets.Dataset` with the columns image, label and category.

    The pictures stay where they are and are decoded when asked for; labels are 0 (real) and 1 (fake). Not a
    `DatasetDict`, because two folders have no splits: `train.corpus.build` makes those, by groups.

    Raises ValueError for a folder that is missing or holds no pictures.
    """
    rows: dict[str, list[Any]] = {"image": [], "label": [], "category": []}
    for label, directory in (("real", Path(real_dir)), ("fake", Path(fake_dir))):
        if not directory.is_dir():
            raise ValueError(f"the folder of {label} pictures, {directory}, is not there")
        before = len(rows["image"])
        for place, name in _walk(directory):
            rows["image"].append(str(directory / place / name))
            rows["label"].append(label)
            rows["category"].append(_text(place))
        if len(rows["image"]) == before:
            raise ValueError(f"the folder of {label} pictures, {directory}, holds no pictures")
    features = Features({"image": Image(), "label": ClassLabel(names=["real", "fake"]), "category": Value("string")})
    return Dataset.from_dict(rows, features=features)
