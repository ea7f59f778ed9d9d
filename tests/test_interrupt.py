"""Ctrl-C while the app is still starting."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def heard() -> None:
    """A program started in the background ignores Ctrl-C, and hands that on to those that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_stopping_the_app_while_it_imports_leaves_one_sentence_and_no_stack() -> None:
    start = [sys.executable, "-X", "importtime", "app.py"]
    with subprocess.Popen(start, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as app:  # noqa: PLW1509
        assert app.stderr is not None
        importing = next(line for line in app.stderr if line.endswith(" pydantic\n"))  # Gradio's, which takes a second
        app.send_signal(signal.SIGINT)
        said = [line for line in app.stderr if not line.startswith("import time:")]
    assert importing
    assert said == ["This was stopped before it was done.\n"]
    assert app.returncode == -signal.SIGINT
