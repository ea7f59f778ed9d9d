"""Ctrl-C while a program is still importing its parts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STOPPED = "This was stopped before it was done.\n"


def heard() -> None:
    """A program started in the background ignores Ctrl-C, and hands that on to those that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("words", "part", "sentence", "status"),
    [
        (["app.py"], "pydantic", STOPPED, -signal.SIGINT),  # Gradio's, which takes a second
        (["-m", "unfake", "classify", "none.jpg"], "numpy", STOPPED, -signal.SIGINT),
        (["-m", "train.fit", "none.json"], "numpy", "stopped: run the same command again to go on\n", 130),
    ],
    ids=["app", "command line", "training"],
)
def test_stopping_a_program_while_it_imports_leaves_one_sentence_and_no_stack(
    words: list[str], part: str, sentence: str, status: int
) -> None:
    start = [sys.executable, "-X", "importtime", *words]
    with subprocess.Popen(start, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as program:  # noqa: PLW1509
        assert program.stderr is not None
        importing = next(line for line in program.stderr if line.endswith(f" {part}\n"))
        program.send_signal(signal.SIGINT)
        said = [line for line in program.stderr if not line.startswith("import time:")]
    assert importing
    assert said == [sentence]
    assert program.returncode == status
