"""A dataset with a column of pictures, streamed from the Hugging Face Hub or from a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from unfake.batch import Member
from unfake.errors import ScanError
from unfake.fetch import too_many_bytes
from unfake.intake import Limits, within
from unfake.scan.needs import need
from unfake.scan.source import Shard, State, kind

PREFIX = "hf:"
_OPTIONS = frozenset({"config", "split", "column", "revision"})


@dataclass(frozen=True)
class Dataset:
    """A dataset and the column that is scanned. ``revision``: a commit of the Hub, empty for a folder."""

    name: str
    config: str
    split: str
    column: str
    revision: str

    @classmethod
    def of(cls, address: str) -> Dataset:
        """The dataset at ``hf:OWNER/NAME`` or ``hf:FOLDER``; raises ScanError.

        After a ``?`` may follow ``config``, ``split`` (else all), ``column`` (else the only one of pictures) and
        ``revision`` (else the newest): ``hf:OWNER/NAME?split=train&column=photo``.
        """
        need("datasets")
        name, _, query = address.removeprefix(PREFIX).partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not name or options.keys() - _OPTIONS:
            raise ScanError(f"After {PREFIX} a dataset's name is needed; options are {', '.join(sorted(_OPTIONS))}.")
        revision = "" if Path(name).is_dir() else _commit(name, options.get("revision"))
        asked = cls(name, options.get("config", ""), options.get("split", ""), options.get("column", ""), revision)
        return cls(name, asked.config, asked.split, asked._pictures(), revision)

    @property
    def address(self) -> str:
        """As it was asked for, with the column and the commit."""
        options = {"config": self.config, "split": self.split, "column": self.column, "revision": self.revision}
        return f"{PREFIX}{self.name}?" + "&".join(f"{key}={value}" for key, value in options.items() if value)

    def shards(self) -> Iterator[Shard]:
        """The shards of all splits that are scanned, in order; raises ScanError."""
        number = 0
        for split, found in self._splits().items():
            for index in range(found.num_shards):
                yield Shard(number, split=split, index=index)
                number += 1

    def open(self, shard: Shard, state: State, limits: Limits) -> _Rows:
        """The pictures of a shard; raises ScanError."""
        from datasets import Image  # noqa: PLC0415 - only such a scan needs it

        split = self._splits()[shard.split]
        rows = split.select_columns([self.column]).cast_column(self.column, Image(decode=False))
        rows = rows.shard(num_shards=split.num_shards, index=shard.index)
        if state:
            rows.load_state_dict(state["stream"])
        place = f"{PREFIX}{self.name}/{shard.split}/{shard.index}"
        return _Rows(rows, self.column, place, state.get("row", 0), limits)

    def _splits(self) -> dict[str, Any]:
        os.environ.setdefault("USE_TORCH", "0")  # or iterating imports it
        import datasets  # noqa: PLC0415

        try:
            found = datasets.load_dataset(
                self.name, self.config or None, revision=self.revision or None, streaming=True
            )
        except Exception as error:  # of datasets, huggingface_hub and fsspec alike
            raise ScanError(f"The dataset {self.name} cannot be opened ({kind(error)}).") from error
        if self.split and self.split not in found:
            raise ScanError(f"The dataset {self.name} has no split {self.split}; it has {', '.join(found)}.")
        return {self.split: found[self.split]} if self.split else dict(found)

    def _pictures(self) -> str:
        """The column to scan."""
        from datasets import Image  # noqa: PLC0415

        first = next(iter(self._splits().values()))
        features = first.features or first._resolve_features().features or {}
        found = [name for name, kind in features.items() if isinstance(kind, Image)]
        if self.column:
            if self.column not in found:
                raise ScanError(f"The dataset {self.name} has no column {self.column} of pictures.")
            return self.column
        if len(found) != 1:
            said = f"several columns of pictures ({', '.join(found)}): add ?column=…" if found else "no such column"
            raise ScanError(f"A scan needs a column of pictures, and the dataset {self.name} has {said}.")
        return str(found[0])


class _Rows:
    """The rows of a shard; ``row``: number of the first one."""

    def __init__(self, rows: Any, column: str, place: str, row: int, limits: Limits) -> None:
        self._rows, self._column, self._place, self._row, self._limits = rows, column, place, row, limits
        self._reading: Iterator[Any] = iter(rows)

    def __iter__(self) -> Iterator[Member]:
        while True:
            try:
                found = next(self._reading)
            except StopIteration:
                return
            except Exception as error:
                raise ScanError(f"{self._place} cannot be read any further ({kind(error)}).") from error
            name = f"{self._place}/{self._row}"
            self._row += 1
            yield Member(name, partial(_content, found[self._column], self._limits))

    def state(self) -> State:
        return {"stream": self._rows.state_dict(), "row": self._row}

    def close(self) -> None:
        with closing(self._reading):  # type: ignore[type-var] # a generator
            pass


def _content(image: dict[str, Any] | None, limits: Limits) -> bytes:
    """The bytes of a picture that was not decoded, none where there is none."""
    if image and image.get("bytes") is not None:
        if len(image["bytes"]) > limits.bytes:
            raise too_many_bytes(limits.bytes)
        return bytes(image["bytes"])
    if not image or not image.get("path"):
        return b""
    import fsspec  # noqa: PLC0415

    with fsspec.open(image["path"], "rb") as file:
        return within(file, limits)


def _commit(name: str, revision: str | None) -> str:
    """The commit that a dataset of the Hub is at, so that a scan that is taken up goes on with the same."""
    from huggingface_hub import HfApi  # noqa: PLC0415

    if revision and re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    try:
        return str(HfApi().dataset_info(name, revision=revision).sha)
    except Exception as error:
        raise ScanError(f"There is no folder and no dataset of the Hub {name} to be had ({kind(error)}).") from error
