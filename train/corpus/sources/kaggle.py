"""Pictures of a dataset on Kaggle, or of a folder that is laid out like one."""

from __future__ import annotations

import json
import logging
import os
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from fsspec.utils import glob_translate

from train.corpus.options import Options
from train.corpus.source import LabelName, Picture
from train.corpus.sources.folder import picture_files
from train.errors import SourceError

CACHE = "KAGGLEHUB_CACHE"
WHERE = "downloaded.json"  # which dataset lies where in the source's folder
_HANDLE = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+(/versions/[1-9][0-9]*)?")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KaggleSource:
    """A dataset on Kaggle (``dataset``, as owner/name or owner/name/versions/3) or a ``folder``.

    ``layout``: for each label the files that have it, as patterns of paths in the dataset, where ``*`` stands for any
    part of a name and ``**`` for any folders. A split that the dataset has of its own (Train, Test) is of no account:
    the corpus is split as a whole. ``group``: a regular expression that finds in the path what the pictures of one
    group have in common, in its first bracket or as a whole; where it finds nothing, a picture is its own group.
    """

    name: str
    dataset: str
    folder: Path | None
    layout: tuple[tuple[LabelName, str, re.Pattern[str]], ...]
    group: re.Pattern[str] | None
    category: str
    credit: str
    licence: str

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The source as configured; raises ConfigError."""
        given = Options(f'source "{name}"', options)
        dataset = given.text("dataset", "")
        folder = given.path("folder", base) if options.get("folder") is not None else None
        if bool(dataset) == (folder is not None):
            raise given.wrong("dataset", "given, or 'folder', and not both")
        if dataset and not _HANDLE.fullmatch(dataset):
            raise given.wrong("dataset", "owner/name, or owner/name/versions/3, as in its address on Kaggle")
        page = f"https://www.kaggle.com/datasets/{dataset.partition('/versions')[0]}" if dataset else ""
        source = cls(
            name=name,
            dataset=dataset,
            folder=folder,
            layout=_layout(given),
            group=_expression(given, "group"),
            category=given.text("category", ""),
            credit=given.text("credit", page),
            licence=given.text("licence", f"as on {page}" if page else ""),
        )
        given.take("folder", "")
        given.done()
        return source

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Download the dataset if it is not there, and check that the layout fits it; ``reals`` are not looked at.

        Raises:
            SourceError: Kaggle does not give it, the connection was lost, or a pattern of the layout finds nothing.
        """
        if self.dataset and not self._downloaded(folder):
            folder.mkdir(parents=True, exist_ok=True)
            place = _download(self.dataset, folder)
            told = folder / f"{WHERE}.part"
            told.write_text(json.dumps({"dataset": self.dataset, "path": os.path.relpath(place, folder)}))
            told.replace(folder / WHERE)
        root = self._root(folder)
        found: Counter[str] = Counter()
        others = 0
        for path in _walk(root):
            label, patterns = self._label(path)
            found.update(patterns)
            others += label is None
        unused = [pattern for _, pattern, _ in self.layout if pattern not in found]
        if unused:
            tops = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "nothing"
            raise SourceError(f'source "{self.name}": no picture in {root} fits "{unused[0]}"; what is there: {tops}')
        if others:
            log.warning("%s: %d pictures fit no pattern of the layout, and are left out", self.name, others)

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """The pictures by path. Raises SourceError."""
        root = self._root(folder)
        family = self.dataset.partition("/versions")[0] or self.name  # one dataset in two sources: the same groups
        for path in _walk(root):
            label, _ = self._label(path)
            if label is None:
                continue
            key = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # a text in any case
            found = self.group.search(key) if self.group else None
            shared = found[1 if found.re.groups else 0] if found else None
            yield Picture(
                key=key,
                content=root / path,
                label=label,
                source=self.name,
                group=f"{family}/{key}" if shared is None else f"{family}/group/{shared}",
                category=self.category,
                credit=self.credit,
                licence=self.licence,
            )

    def _downloaded(self, folder: Path) -> Path | None:
        """Where the dataset lies, if it has been downloaded."""
        try:
            told = json.loads((folder / WHERE).read_text())
        except (OSError, ValueError):
            return None
        place = folder / told["path"]
        return place if told["dataset"] == self.dataset and place.is_dir() else None

    def _root(self, folder: Path) -> Path:
        root = self.folder or self._downloaded(folder)
        if root is None:
            raise SourceError(f'source "{self.name}": {self.dataset} has not been downloaded')
        if not root.is_dir():
            raise SourceError(f'source "{self.name}": there is no folder {root}')
        return root

    def _label(self, path: str) -> tuple[LabelName | None, list[str]]:
        """The label that the layout gives a path, and the patterns that fit it."""
        fits = [(label, pattern) for label, pattern, form in self.layout if form.match(path)]
        labels = {label for label, _ in fits}
        if len(labels) > 1:
            raise SourceError(f'source "{self.name}": {path} is real and fake at once by the layout')
        return next(iter(labels), None), [pattern for _, pattern in fits]


def _layout(given: Options) -> tuple[tuple[LabelName, str, re.Pattern[str]], ...]:
    forms: list[tuple[LabelName, str, re.Pattern[str]]] = []
    labels: dict[str, LabelName] = {"real": "real", "fake": "fake"}
    for name, patterns in given.lists("layout").items():
        if name not in labels:
            raise given.wrong("layout", f"patterns for real and fake, and not for {name}")
        for pattern in patterns:
            try:
                forms.append((labels[name], pattern, re.compile(glob_translate(pattern))))
            except (ValueError, re.error):
                raise given.wrong("layout", f"made of patterns with ** as a whole folder, and not {pattern}") from None
    return tuple(forms)


def _expression(given: Options, key: str) -> re.Pattern[str] | None:
    text = given.text(key, "")
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise given.wrong(key, f"a regular expression ({error})") from None


def _walk(root: Path) -> Iterator[str]:
    """Paths of the pictures below ``root``, with slashes."""
    return (path.relative_to(root).as_posix() for path in picture_files(root))


def _download(dataset: str, folder: Path) -> str:
    """Have kagglehub bring a dataset into ``folder`` and unpack it there; gives where.

    What it has of a download that broke off is gone on from. Its credentials are its own affair: KAGGLE_API_TOKEN, or
    the files that it looks for.
    """
    try:
        import kagglehub  # noqa: PLC0415 - takes a second, and few corpora need it
        from kagglehub import exceptions  # noqa: PLC0415
        from kagglehub.config import get_kaggle_credentials  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415
    except ImportError:
        raise SourceError("Kaggle's datasets need kagglehub: pip install -r train/requirements.txt") from None
    try:
        # Not its output_dir, which it refuses to fill when a download that broke off has left something in it.
        with _environment(CACHE, str(folder)):
            return str(kagglehub.dataset_download(dataset))
    except exceptions.KaggleApiHTTPError as error:
        known = get_kaggle_credentials() is not None
        raise SourceError(_refused(dataset, error.response.status_code, known)) from None
    except (exceptions.DataCorruptionError, zipfile.BadZipFile, tarfile.TarError):
        _forget_archive(dataset, folder)
        raise SourceError(f"{dataset} came damaged from Kaggle: run the same command again") from None
    except RequestException as error:  # its text may hold a signed address
        what = f"Kaggle cannot be reached, or broke off ({type(error).__name__})"
        raise SourceError(f"{what}: run the same command again, it goes on from there") from None
    except ValueError as error:  # an archive or a file of credentials that it cannot read; it quotes the path only
        if "archive" in str(error):
            _forget_archive(dataset, folder)
        raise SourceError(f"kagglehub cannot download {dataset}: {error}") from None


def _forget_archive(dataset: str, folder: Path) -> None:
    """Delete what was downloaded: kagglehub would take it for complete, and stumble over it again."""
    owner, name = dataset.split("/")[:2]
    for archive in (folder / "datasets" / owner / name).glob("*.archive"):
        archive.unlink()


def _refused(dataset: str, status: int, known: bool) -> str:
    token = "make a token on https://www.kaggle.com/settings and set KAGGLE_API_TOKEN to it"  # noqa: S105 - advice
    if status == HTTPStatus.NOT_FOUND:
        return f"there is no dataset {dataset} on Kaggle: see the end of its page's address"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and not known:
        return f"Kaggle does not give {dataset} to somebody unknown: check its name, {token}"
    if status == HTTPStatus.UNAUTHORIZED:
        return f"Kaggle does not know these credentials: {token}"
    if status == HTTPStatus.FORBIDDEN:
        return f"Kaggle does not give {dataset} to this account: check its name, and accept its terms on its page"
    return f"Kaggle answered with status {status} for {dataset}: run the same command again in a while"


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """An environment variable for the time of the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
