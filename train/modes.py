"""Who may read what training writes: whoever may read its other files."""

from __future__ import annotations

import os
from pathlib import Path


def open_up(folder: Path) -> None:
    """Give the weights in a folder the mode of any new file; safetensors gives them 600 whatever the umask says."""
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o666 & ~mask)
