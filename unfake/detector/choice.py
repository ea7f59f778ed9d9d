"""Which checkpoint speaks: the one asked for, the Space owner's, or the bundled one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from unfake.detector.checkpoint import BUNDLED, Checkpoint, load_folder
from unfake.detector.hub import load_hub
from unfake.errors import CheckpointError, CheckpointNotFound

SPACE_CHECKPOINT = "unfake-efficientnet-b7"

_HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>\w(?:[\w./-]*\w)?))?", re.ASCII)
_LONGEST_QUOTE = 60


def _load_asked(model: str, token: str | None) -> Checkpoint:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return load_folder(folder)
    name = _HUB_NAME.fullmatch(model)
    if name is None or ".." in model:
        raise CheckpointNotFound(
            "There is no such folder, and it is not a Hub repository (owner/name, or with @revision)."
        )
    return load_hub(name["repository"], name["revision"], token=token)


def _shown(model: str) -> str:
    """How a message names it: a Hub repository in full, of a path (or an address) the last part only."""
    name = model if _HUB_NAME.fullmatch(model) and not Path(model).is_dir() else Path(model).name
    return name[:_LONGEST_QUOTE]


def choose(model: str | None, space_author: str | None = None, token: str | None = None) -> Checkpoint:
    """The checkpoint that is to speak.

    ``model``: the name of the bundled one, a folder that exists, or ``owner/repo[@revision]`` on the Hub. Without
    it, and with ``space_author`` (the owner of the Space that the app runs on), their ``unfake-efficientnet-b7``.
    Else, and whenever that cannot be had, the bundled checkpoint; ``notice`` then says what was asked for and
    why it is not used.

    Raises CheckpointError only when the bundled checkpoint itself cannot be used.
    """
    model = (model or "").strip()
    if model == BUNDLED.name:
        return load_folder(BUNDLED, origin="bundled")
    if model:
        wanted, asked = model, f"The checkpoint {_shown(model)} was asked for"
    elif space_author:
        wanted = f"{space_author}/{SPACE_CHECKPOINT}"
        asked = f"This Space looks for the checkpoint {_shown(wanted)}"
    else:
        return load_folder(BUNDLED, origin="bundled")
    try:
        return _load_asked(wanted, token)
    except CheckpointError as error:
        return bundled_instead(asked, error)


def bundled_instead(asked: str, error: CheckpointError) -> Checkpoint:
    """The bundled checkpoint, with a notice that says what was asked for and why it is not used."""
    message = str(error).removesuffix(".")
    reason = message[:1].lower() + message[1:]
    notice = f"{asked}, but {reason}; the bundled checkpoint is used instead."
    return replace(load_folder(BUNDLED, origin="bundled"), notice=notice)
