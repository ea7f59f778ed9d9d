"""A checkpoint on this disk: configuration, weights and figures in one folder, each file verified.

Nothing here runs or unpickles anything: files are hashed and described.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unfake.detector.config import CARD, CONFIG, METRICS, ONNX, PLOTS, SAFETENSORS, CheckpointConfig
from unfake.errors import CheckpointCorrupt, CheckpointNotFound

BUNDLED = Path(__file__).parent / "bundled" / "unfake-clip"  # what speaks unless something else is asked for

Origin = Literal["bundled", "folder", "hub"]


def sha256_of(path: Path) -> str:
    """The sha256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this disk whose listed files have the sha256 that its configuration gives.

    ``repository``: where on the Hub it comes from, else None. ``revision``: the Hub's commit sha, or the
    first 12 digits of the sha256 of ``model.onnx``. ``notice``: one sentence for the user when this is not,
    or may not be, what was asked for; else None.
    """

    folder: Path
    config: CheckpointConfig
    origin: Origin
    repository: str | None
    revision: str
    notice: str | None = None

    @property
    def id(self) -> str:
        """Name and weights, for instance ``unfake-clip@0123456789ab``: equal ids give equal verdicts."""
        return f"{self.config.name}@{self.config.files[ONNX][:12]}"

    @property
    def onnx_path(self) -> Path:
        """The graph that serves: uint8 views in, logits and map out."""
        return self.folder / ONNX

    @property
    def safetensors_path(self) -> Path:
        """The weights of the torch network."""
        return self.folder / SAFETENSORS

    def metrics(self) -> dict[str, Any]:
        """What was measured; empty without a ``metrics.json``. Raises CheckpointCorrupt."""
        path = self.folder / METRICS
        data = _read_json(path) if path.is_file() else {}
        if not isinstance(data, dict):
            raise CheckpointCorrupt(f"The file {METRICS} does not hold a JSON object.")
        return data

    def card(self) -> str:
        """The model card, Markdown; empty without a ``README.md``."""
        path = self.folder / CARD
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def plots(self) -> dict[str, bytes]:
        """The card's plots, SVG, by the name that the card gives them; those that are there."""
        return {name: path.read_bytes() for name in PLOTS if (path := self.folder / name).is_file()}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointNotFound(f"The checkpoint has no {path.name}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointCorrupt(f"The file {path.name} of the checkpoint is not readable JSON.") from error


def read_config(folder: Path) -> CheckpointConfig:
    """Configuration of a folder. Raises CheckpointNotFound, CheckpointCorrupt and CheckpointMismatch."""
    return CheckpointConfig.from_json(_read_json(folder / CONFIG))


def verify(folder: Path, name: str, expected: str) -> None:
    """Raise CheckpointCorrupt unless the file has the sha256 ``expected``, CheckpointNotFound if it is missing."""
    try:
        actual = sha256_of(folder / name)
    except FileNotFoundError:
        raise CheckpointNotFound(f"The checkpoint has no {name}.") from None
    except OSError as error:
        raise CheckpointCorrupt(f"The file {name} of the checkpoint cannot be read.") from error
    if actual != expected:
        raise CheckpointCorrupt(f"The file {name} does not have the sha256 that {CONFIG} gives.")


def read_folder(folder: Path) -> CheckpointConfig:
    """Configuration of a folder, once every file that it lists has been hashed."""
    config = read_config(folder)
    for name, expected in config.files.items():
        verify(folder, name, expected)
    return config


def load_folder(folder: Path, *, origin: Origin = "folder") -> Checkpoint:
    """Checkpoint of a folder, each listed file verified by its sha256.

    Raises CheckpointNotFound (the folder or a file of it), CheckpointCorrupt and CheckpointMismatch.
    """
    if not folder.is_dir():
        raise CheckpointNotFound(f"There is no checkpoint folder {folder.name!r}.")
    config = read_folder(folder)
    return Checkpoint(folder, config, origin, repository=None, revision=config.files[ONNX][:12])
