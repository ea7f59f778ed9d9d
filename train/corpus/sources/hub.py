"""Pictures of a dataset on the Hugging Face Hub, streamed: what has come is kept, and never asked for again."""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import datasets
from huggingface_hub import HfApi, errors
from tqdm import tqdm

from train.corpus.options import Options
from train.corpus.source import Picture
from train.corpus.sources.folder import SUFFIXES
from train.corpus.sources.hub_stream import SCHEMA, Example, fetched, note
from train.errors import SourceError

JOURNAL = "stream.sqlite"
_NOTED = 32  # pictures that a kill may cost
_NOTED_SECONDS = 2.0
_PAGE = 500


@dataclass(frozen=True)
class HubSource:
    """The pictures of one split of a dataset.

    ``revision``: a branch, tag or commit; what it stands for at first is kept to. ``image``: the column of pictures.
    ``label``: real or fake for all, or empty where ``column`` says it, whose values ``real`` and ``fake`` list (names
    or numbers); pictures with another value are passed over. ``category`` and ``group``: columns, empty for none.
    ``most``: pictures, 0 for all; a larger number later goes on from there. ``retries``: after a lost connection, by
    `datasets`, 5 seconds apart.

    The token is huggingface_hub's: ``HF_TOKEN``, or that of ``hf auth login``.
    """

    name: str
    dataset: str
    subset: str
    split: str
    revision: str
    image: str
    label: str
    column: str
    real: tuple[str | int, ...]
    fake: tuple[str | int, ...]
    category: str
    group: str
    most: int
    retries: int
    credit: str
    licence: str

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The source as configured. ``label`` is "real", "fake" or {"column", "real": [...], "fake": [...]}.

        Raises ConfigError.
        """
        where = f'source "{name}"'
        given = Options(where, options)
        label = given.take("label")
        column = ""
        values: dict[str, tuple[str | int, ...]] = {"real": (), "fake": ()}
        if isinstance(label, dict):
            inner = Options(f"{where}: 'label'", label)
            column, label = inner.text("column"), ""
            values = {each: _values(inner, each) for each in ("real", "fake")}
            inner.done()
            if set(values["real"]) & set(values["fake"]):
                raise given.wrong("label", "an object in which no value is both real and fake")
        elif label not in ("real", "fake"):
            raise given.wrong("label", "real, fake, or an object with column, real and fake")
        source = cls(
            name=name,
            dataset=given.text("dataset"),
            subset=given.text("subset", ""),
            split=given.text("split", "train"),
            revision=given.text("revision", ""),
            image=given.text("image", "image"),
            label=label,
            column=column,
            real=values["real"],
            fake=values["fake"],
            category=given.text("category", ""),
            group=given.text("group", ""),
            most=given.integer("most", 0),
            retries=given.integer("retries", 20, least=1, most=1000),
            credit=given.text("credit", f"the dataset {options['dataset']} on the Hugging Face Hub"),
            licence=given.text("licence", ""),
        )
        given.done()
        return source

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Bring what has not come yet; ``reals`` are not looked at.

        Raises SourceError: no such dataset or column, no access, or a lost connection. OSError: the disk is full.
        """
        place = self._place(folder)
        place.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(place / JOURNAL)) as db:
            db.executescript(SCHEMA)
            kept = dict(db.execute("SELECT name, value FROM meta"))
            (count,) = db.execute("SELECT count(*) FROM pictures").fetchone()
            if "done" in kept or (self.most and count >= self.most):
                return
            try:
                self._stream(db, kept, count, place)
            except SourceError:
                raise
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                raise self._failed(error) from None
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise OSError(errno.ENOSPC, "No space left on device", str(place / JOURNAL)) from None
                raise
            except Exception as error:  # datasets, huggingface_hub, httpx and pyarrow each have a tree of their own
                raise self._failed(error) from None

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """What has come, in the order of the dataset, at most ``most``. Raises SourceError."""
        place = self._place(folder)
        if not (place / JOURNAL).is_file():
            raise SourceError(f'source "{self.name}": nothing of {self.dataset} has been brought yet')
        given, last = 0, -1
        with closing(sqlite3.connect(place / JOURNAL)) as db:
            while True:
                rows = db.execute(
                    "SELECT number, file, label, category, grp FROM pictures WHERE number > ? ORDER BY number LIMIT ?",
                    (last, _PAGE),
                ).fetchall()
                for number, file, label, category, group in rows:
                    if self.most and given == self.most:
                        return
                    given += 1
                    yield Picture(
                        key=f"{number:08d}",
                        content=place / file,
                        label=label,
                        source=self.name,
                        group=f"{self.name}/{self.group}={group}" if group else f"{self.name}/{number}",
                        category=category,
                        credit=self.credit,
                        licence=self.licence,
                    )
                if len(rows) < _PAGE:
                    return
                last = rows[-1][0]

    def _place(self, folder: Path) -> Path:
        """A folder for just this choice of pictures: another choice does not touch what has come."""
        choice = (
            (self.dataset, self.subset, self.split, self.revision, self.image, self.category, self.group),
            (self.label, self.column, sorted(map(repr, self.real)), sorted(map(repr, self.fake))),
        )
        return folder / hashlib.sha256(json.dumps(choice).encode()).hexdigest()[:12]

    def _stream(self, db: sqlite3.Connection, kept: dict[str, str], count: int, place: Path) -> None:
        datasets.config.STREAMING_READ_MAX_RETRIES = datasets.config.STREAMING_OPEN_MAX_RETRIES = self.retries
        commit = kept.get("commit") or str(HfApi().dataset_info(self.dataset, revision=self.revision or None).sha)
        stream = datasets.load_dataset(
            self.dataset, self.subset or None, split=self.split, revision=commit, streaming=True
        )
        names = self._check_columns(stream.features or {})
        # First of all, or pictures are decoded on the way, and what comes is written anew as a PNG.
        stream = stream.decode(False)
        stream = stream.select_columns(sorted({self.image, *filter(None, (self.column, self.category, self.group))}))
        first = int(kept.get("number", 0))
        if "state" in kept:
            stream.load_state_dict(json.loads(kept["state"]))

        def examples() -> Iterator[Example]:
            for number, values in enumerate(stream, first):
                category, group = (_text(values, column, names) for column in (self.category, self.group))
                label = self._label(values, names)
                image = values[self.image] if label else None
                yield Example(number, label, category, group, image, stream.state_dict())

        bar = tqdm(total=self.most or None, initial=count, desc=self.name, unit=" pictures")
        with bar as progress, closing(fetched(examples())) as rows:
            waiting: list[tuple[Example, str]] = []
            noted = time.monotonic()
            try:
                for example, content in rows:
                    file = _write(place, example, content)
                    waiting.append((example, file))
                    count += bool(file)
                    progress.update(bool(file))
                    if self.most and count >= self.most:
                        return
                    if len(waiting) >= _NOTED or time.monotonic() - noted > _NOTED_SECONDS:
                        note(db, commit, waiting)
                        waiting, noted = [], time.monotonic()
            finally:
                note(db, commit, waiting)
        with db:
            db.execute("INSERT INTO meta VALUES ('done', 'yes')")

    def _check_columns(self, features: dict[str, Any]) -> dict[str, list[str]]:
        """The names of the classes, by column. Raises SourceError for a column that is missing."""
        wanted = [self.image, *filter(None, (self.column, self.category, self.group))]
        missing = [column for column in wanted if column not in features]
        if missing:
            raise SourceError(
                f'source "{self.name}": {self.dataset} has no column {", ".join(missing)}; it has'
                f" {', '.join(features) or 'none that it tells'}"
            )
        if type(features[self.image]).__name__ != "Image":
            raise SourceError(f'source "{self.name}": the column {self.image} of {self.dataset} does not hold pictures')
        return {column: features[column].names for column in wanted if hasattr(features[column], "names")}

    def _label(self, example: dict[str, Any], names: dict[str, list[str]]) -> str:
        """real, fake, or nothing for a picture that is passed over."""
        if not self.column:
            return self.label
        value = example[self.column]
        found = {_text(example, self.column, names)} | ({value} if isinstance(value, int) else set())
        if found & set(self.real):
            return "real"
        return "fake" if found & set(self.fake) else ""

    def _failed(self, error: Exception) -> SourceError:
        """The library's own words are left out: they may quote a header."""
        what = f'source "{self.name}": the dataset {self.dataset}'
        kind = type(error).__name__
        status = getattr(getattr(error, "response", None), "status_code", None)
        if kind == "DatasetNotFoundError" or isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
            return SourceError(
                f"{what} is not on the Hub, or not for this token: look at its name, and at its page for terms that"
                " have to be accepted, and set HF_TOKEN"
            )
        if isinstance(error, errors.RevisionNotFoundError):
            return SourceError(f"{what} has no revision {self.revision}")
        if type(error) is ValueError:  # of datasets; what pyarrow finds wrong in a file is of a kind of its own
            return SourceError(
                f"{what} has no split {self.split} or subset {self.subset or 'default'} that can be read"
            )
        return SourceError(
            f"{what} could not be read on ({kind}): what has come is kept; run the same command again to go on"
        )


def _write(place: Path, example: Example, content: bytes) -> str:
    """Write a picture, if it is one; gives the path of its file below ``place``."""
    if not content:
        return ""
    suffix = Path((example.image or {}).get("path") or "").suffix.lower()
    file = f"{example.number // 1000:05d}/{example.number:08d}{suffix if suffix in SUFFIXES else ''}"
    (place / file).parent.mkdir(exist_ok=True)
    (place / file).write_bytes(content)
    return file


def _values(given: Options, key: str) -> tuple[str | int, ...]:
    """A list of names and numbers."""
    values = given.take(key, [])
    if not isinstance(values, list) or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise given.wrong(key, "a list of names or numbers")
    return tuple(values)


def _text(example: dict[str, Any], column: str, names: dict[str, list[str]]) -> str:
    """A column's value as a text; the name of a class where it has one."""
    value = example.get(column) if column else None
    if value is None:
        return ""
    if column in names and isinstance(value, int) and 0 <= value < len(names[column]):
        return names[column][value]
    return str(value)
