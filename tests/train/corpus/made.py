"""Pictures made by code, and corpora of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from datasets import DatasetDict, load_from_disk
from PIL import Image

from train.corpus.build import WORK, build
from train.corpus.config import CorpusConfig, parse_config
from train.corpus.source import Picture
from train.corpus.sources.folder import FolderSource

SIZE = 64


def image(seed: int, size: int = SIZE) -> Image.Image:
    """Coloured blobs that no other seed has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The file of a picture."""
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def jpeg(seed: int, size: int = SIZE, quality: int = 90) -> bytes:
    """A JPEG of `image`."""
    return encoded(image(seed, size), quality=quality)


def folder(root: Path, reals: Iterable[int], fakes: Iterable[int]) -> Path:
    """``root/real`` and ``root/fake`` with a JPEG for each seed."""
    for label, seeds in (("real", reals), ("fake", fakes)):
        (root / label).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (root / label / f"{seed:05d}.jpg").write_bytes(jpeg(seed))
    return root


@dataclass(frozen=True)
class Streamed:
    """A folder source that gives bytes in place of files, as one does that reads them from an archive."""

    name: str
    inner: FolderSource

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The options are those of a folder."""
        return cls(name, FolderSource.from_config(name, options, base))

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """As a folder."""
        self.inner.prepare(folder, reals)

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """As a folder's, read."""
        for picture in self.inner.pictures(folder):
            yield replace(picture, content=picture.read())


def config(base: Path, *sources: dict[str, Any], **more: Any) -> CorpusConfig:
    """A configuration of folder sources, by default one in ``base/pictures``."""
    found = sources or ({"name": "made", "kind": "folder", "root": "pictures"},)
    return parse_config({"seed": 1, "sources": list(found), **more}, base)


def written(base: Path, *sources: dict[str, Any], **more: Any) -> Path:
    """The same as a file."""
    found = sources or ({"name": "made", "kind": "folder", "root": "pictures"},)
    path = base / "corpus.json"
    path.write_text(json.dumps({"seed": 1, "sources": list(found), **more}))
    return path


def built(base: Path, *sources: dict[str, Any], out: str = "out", **more: Any) -> DatasetDict:
    """The corpus that such a configuration gives."""
    build(config(base, *sources, **more), base / out, workers=1)
    return load_from_disk(str(base / out))


def rows(corpus: DatasetDict) -> Iterator[dict[str, Any]]:
    """All rows but their pictures, each with its split."""
    for name, split in corpus.items():
        for row in split.remove_columns("image"):
            yield {**row, "split": name}


def tree(out: Path) -> dict[str, str]:
    """The sha256 of each file of a corpus; what it keeps for going on is left out."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.relative_to(out).parts[0] != WORK
    }
