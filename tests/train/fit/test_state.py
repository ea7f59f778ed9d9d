from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from train.errors import RunError
from train.fit import state


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = {"weights": torch.arange(6.0).view(2, 3), "place": {"epoch": 2}, "loss": float("inf"), "names": ["a"]}
    state.write(written, tmp_path / "last.pt")
    found = state.read(tmp_path / "last.pt")
    assert torch.equal(found.pop("weights"), written.pop("weights"))  # type: ignore[arg-type]
    assert found == {"schema": state.SCHEMA, **written}
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def save_without_end(path: Path, started: Connection) -> None:
    """Write states of one number each, over and over."""
    for number in range(1_000_000):
        state.write({"weights": torch.full((200_000,), float(number))}, path)
        started.send(number)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_kill_while_writing_leaves_a_whole_state(after: int, tmp_path: Path) -> None:
    # given a process that does nothing but write states
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train.fit.run"])
    ours, theirs = context.Pipe(duplex=False)
    writer = context.Process(target=save_without_end, args=(tmp_path / "last.pt", theirs))
    writer.start()
    # when it is killed while it is busy with the next one
    while ours.recv() < after:
        pass
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(30)
    # then a whole state is there, and one can be written
    weights = state.read(tmp_path / "last.pt")["weights"]
    assert len(weights.unique()) == 1
    assert weights[0] >= after
    state.write({"weights": weights}, tmp_path / "last.pt")


def test_a_disk_that_takes_no_more_leaves_the_state_before(tmp_path: Path) -> None:
    # given a state, and a limit on the size of files: writing fails half-way, as on a full disk
    state.write({"number": 1}, tmp_path / "last.pt")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(RunError, match=r"could not be written to .*: the one before it is whole, so make room"):
            state.write({"number": 2, "weights": torch.zeros(1_000_000)}, tmp_path / "last.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert state.read(tmp_path / "last.pt")["number"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


class Harm:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_no_code_in_a_state_is_run(tmp_path: Path) -> None:
    torch.save({"schema": state.SCHEMA, "model": Harm(tmp_path / "harm")}, tmp_path / "last.pt")
    with pytest.raises(RunError, match="is not the state of a training"):
        state.read(tmp_path / "last.pt")
    assert not (tmp_path / "harm").exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "last.pt", weights_only=True)


@pytest.mark.parametrize("content", [b"", b"not a state", None])
def test_what_is_no_state_is_said(content: bytes | None, tmp_path: Path) -> None:
    if content is None:
        torch.save({"schema": "another/1"}, tmp_path / "last.pt")
    else:
        (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(RunError, match="is not the state of a training"):
        state.read(tmp_path / "last.pt")


def test_the_generators_go_on_where_they_stood(tmp_path: Path) -> None:
    def numbers() -> tuple[float, float, float]:
        return random.random(), float(np.random.normal()), float(torch.rand(()))  # noqa: S311 - no secret

    numbers()
    state.write({"random": state.random_states()}, tmp_path / "last.pt")
    expected = [numbers() for _ in range(3)]
    state.restore_random(state.read(tmp_path / "last.pt")["random"])
    assert [numbers() for _ in range(3)] == expected
