"""The corpus as `datasets` keeps one on disk: Arrow files that `datasets.load_from_disk` maps into memory.

`DatasetDict.save_to_disk` would need the whole corpus as a dataset first, and begins from nothing after a kill; a
folder of Parquet files would be copied to a second, unpacked corpus by the first `load_dataset`. So the Arrow files are
written here one by one, each under a temporary name until it is whole, and the small files around them are `datasets`'
own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from train.corpus.index import LABELS

FEATURES = Features(
    {
        "image": Image(),
        "label": ClassLabel(names=list(LABELS)),
        "source": Value("string"),
        "category": Value("string"),
        "group": Value("string"),
        "sha256": Value("string"),
        "credit": Value("string"),
        "licence": Value("string"),
    }
)
DONE = "dataset_dict.json"  # written last; without it nothing can be loaded
_BATCH = 100  # pictures that lie together, as in datasets
_BATCH_BYTES = 2**24  # or fewer: until they are written they are in memory


@dataclass(frozen=True)
class Row:
    """One picture of the corpus. ``name``: the file's name. ``label``: 0 or 1. ``sha256``: of the original bytes."""

    name: str
    label: int
    source: str
    category: str
    group: str
    sha256: str
    credit: str
    licence: str


class ShardWriter:
    """Writes one Arrow file; it stands at ``path`` when `close` has come back, and not before.

    Deterministic: the same rows make the same bytes. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.temporary = path, path.with_name(f"{path.name}.part")
        self._file = self.temporary.open("wb")
        self._schema = FEATURES.arrow_schema
        self._stream = pa.ipc.new_stream(self._file, self._schema)
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: Row, content: bytes) -> None:
        """Add a picture with its encoded bytes."""
        values = dict(vars(row))
        self._rows.append({"image": {"bytes": content, "path": values.pop("name")}, **values})
        self._bytes += len(content)
        if len(self._rows) >= _BATCH or self._bytes >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._stream.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=self._schema))
            self._rows, self._bytes = [], 0

    def close(self) -> int:
        """Finish the file and put it in its place; gives its size in bytes."""
        self._flush()
        self._stream.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        size = self.temporary.stat().st_size
        self.temporary.replace(self.path)
        return size

    def give_up(self) -> None:
        """Close what is open after an error; the temporary file stays, and is written over next time."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_up()


def write_frame(folder: Path, shards: Mapping[str, Sequence[str]], fingerprint: str, scratch: Path) -> None:
    """Put around the shards what `datasets.load_from_disk` reads, and remove what is not of this corpus.

    ``shards``: their paths in ``folder``, by split. ``fingerprint``: changes with the contents. ``scratch``: a folder
    to work in.
    """
    empty = Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
    with _no_bars():
        DatasetDict(dict.fromkeys(shards, empty)).save_to_disk(str(scratch))
    for split, files in shards.items():
        source, target = scratch / split, folder / split
        state = json.loads((source / "state.json").read_text())
        state |= {"_data_files": [{"filename": Path(file).name} for file in files], "_split": split}
        state |= {"_fingerprint": f"{fingerprint}-{split}"}
        write_text(target / "state.json", json.dumps(state, indent=2, sort_keys=True))
        write_text(target / "dataset_info.json", (source / "dataset_info.json").read_text())
        kept = {Path(file).name for file in files} | {"state.json", "dataset_info.json"}
        for path in target.iterdir():
            if path.name not in kept:
                path.unlink()
    write_text(folder / DONE, (scratch / DONE).read_text())


@contextmanager
def _no_bars() -> Iterator[None]:
    were = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if were:
            enable_progress_bars()


@contextmanager
def writing_text(path: Path) -> Iterator[TextIO]:
    """A text file under a temporary name, which is put in its place when the block has ended well."""
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is either whole or not there."""
    with writing_text(path) as file:
        file.write(text)
