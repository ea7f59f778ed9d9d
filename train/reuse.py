"""What a step finds in its folder is taken up only if it was made from the same inputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from train.errors import RunError

NOTE = "made_from"


def made_from(folder: Path, inputs: dict[str, Any], file: str = "") -> None:
    """Note in ``folder`` what is about to be made there, or find that what is there was made from the same.

    ``inputs``: by name, in the plural and as JSON takes it, everything that decides what comes out. ``file``: what the
    step writes, where that is one file of a folder that others write to as well. Raises RunError where what is there
    was made from something else, or nothing says from what.
    """
    keys = {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest() for name, value in inputs.items()
    }
    note, place = folder / (f"{file}.{NOTE}" if file else NOTE), folder / file
    if note.is_file():
        before = _read(note)
        if differing := sorted(name for name in keys | before if keys.get(name) != before.get(name)):
            raise RunError(f"{place} was made from other {', '.join(differing)}: give another folder")
    elif place.is_file() or (place.is_dir() and any(place.iterdir())):
        raise RunError(f"nothing says what {place} was made from: give another folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(keys, indent=1) + "\n")


def _read(note: Path) -> dict[str, str]:
    try:
        found = json.loads(note.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RunError(f"{note} is not a note of this version: give another folder")
    return found


def listed(rows: Any) -> list[tuple[str, str, str]]:
    """Rows of the pool as an input: source, label and name of each."""
    return [(row.source, row.label, row.name) for row in rows]
