"""What a corpus is made of: one JSON file, checked key by key before anything is done.

::

    {
      "name": "my-corpus",
      "seed": 1,
      "sources": [{"name": "mine", "kind": "folder", "root": "pictures"}]
    }

Secrets are not in it: tokens come from the environment (``HF_TOKEN``, ``KAGGLE_API_TOKEN``).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from train.corpus.dedupe.near import MOST_DISTANCE
from train.corpus.options import Options
from train.corpus.reencode import Reencoding
from train.corpus.source import Source
from train.corpus.split import SPLITS
from train.errors import ConfigError

# Imported when one is asked for: diffusers and kagglehub take seconds, and not everybody has them.
KINDS = {
    "unsplash": ("train.corpus.sources.unsplash", "UnsplashSource"),
    "kaggle": ("train.corpus.sources.kaggle", "KaggleSource"),
    "hub": ("train.corpus.sources.hub", "HubSource"),
    "stable_diffusion": ("train.corpus.sources.stable_diffusion", "StableDiffusionSource"),
    "folder": ("train.corpus.sources.folder", "FolderSource"),
    "table": ("train.corpus.sources.table", "TableSource"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class SourceConfig:
    """A source as configured. ``base``: the folder that relative paths in ``options`` begin at."""

    name: str
    kind: str
    options: dict[str, Any]
    base: Path

    def open(self) -> Source:
        """The source. Raises ConfigError."""
        module, name = KINDS[self.kind]
        try:
            found = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f'source "{self.name}": {error.name} is not installed (pip install -r train/requirements.txt)'
            ) from error
        return cast(Source, found.from_config(self.name, dict(self.options), self.base))


@dataclass(frozen=True)
class CorpusConfig:
    """``shares``: of training, validation and test. ``near_distance``: see `near`; None (-1 in the file) looks for
    exact copies only. ``reencoding``: None leaves every byte as it is. ``shard_mb``: size at which a file of the corpus
    ends, in 2**20 bytes. ``output``: the folder to build in, where the command line does not say.
    """

    name: str
    seed: int
    shares: tuple[float, float, float]
    near_distance: int | None
    reencoding: Reencoding | None
    shard_mb: int
    output: Path | None
    sources: tuple[SourceConfig, ...]


def load_config(path: Path) -> CorpusConfig:
    """The configuration in a JSON file. Raises ConfigError, in one sentence that names the key."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:  # of JSON, and of UTF-8
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} has to hold an object: {{…}}")
    return parse_config(values, path.resolve().parent)


def parse_config(values: dict[str, Any], base: Path) -> CorpusConfig:
    """The configuration in parsed JSON; ``base`` is where relative paths begin. Raises ConfigError."""
    given = Options("configuration", values)
    distance = given.integer("near_distance", 4, least=-1, most=MOST_DISTANCE)
    output = given.text("output", "")
    config = CorpusConfig(
        name=given.text("name", "corpus"),
        seed=given.integer("seed", 0),
        shares=_shares(given),
        near_distance=None if distance < 0 else distance,
        reencoding=_reencoding(given),
        shard_mb=given.integer("shard_mb", 256, least=1, most=1024),
        output=base / Path(output).expanduser() if output else None,
        sources=_sources(given, base),
    )
    given.done()
    return config


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"the key '{key}' stands twice in one object of the configuration")
        found[key] = value
    return found


def _shares(given: Options) -> tuple[float, float, float]:
    values = given.take("split", dict(zip(SPLITS, (0.70, 0.15, 0.15), strict=True)))
    if not isinstance(values, dict):
        raise given.wrong("split", f"an object with {', '.join(SPLITS)}")
    inner = Options("configuration: 'split'", values)
    train, validation, test = (inner.number(name, least=0.01, most=0.98) for name in SPLITS)
    inner.done()
    if not math.isclose(train + validation + test, 1.0, abs_tol=1e-6):
        raise given.wrong("split", "three shares that add up to 1")
    return train, validation, test


def _reencoding(given: Options) -> Reencoding | None:
    values = given.take("reencode", {})
    if not isinstance(values, dict):
        raise given.wrong("reencode", "an object with 'quality' and perhaps 'long_side'")
    if not values:
        return None
    inner = Options("configuration: 'reencode'", values)
    side = inner.integer("long_side", 0, least=0, most=2**16)
    found = Reencoding(side or None, inner.integer("quality", least=1, most=100))
    inner.done()
    return found


def _sources(given: Options, base: Path) -> tuple[SourceConfig, ...]:
    values = given.take("sources")
    if not isinstance(values, list) or not values:
        raise given.wrong("sources", "a list of one source or more")
    found: list[SourceConfig] = []
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise given.wrong("sources", "a list of objects")
        options = dict(value)
        named = Options(f"source {number}", {key: options.pop(key) for key in ("name", "kind") if key in options})
        name = named.text("name")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"source {number}: 'name' has to be of letters, digits, '.', '_' and '-'")
        if any(name.lower() == other.name.lower() for other in found):  # they are names of folders
            raise ConfigError(f"source {number}: the 'name' {name} is taken by a source before it")
        found.append(SourceConfig(name, named.text("kind", choices=tuple(KINDS)), options, base))
    return tuple(found)
