"""Every command with wrong input: one sentence on stderr, a status that is not 0, and no stack."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import disable_progress_bars
from safetensors.numpy import save_file

from train import commands
from train.commands import COMMANDS, TRAIN
from train.errors import command, said
from unfake.__main__ import main as unfake
from unfake.errors import STOPPED, status

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "train" / "configs"
# For each command its words; {in}: a file or folder that it reads, {out}: what it writes. Where several are read, one
# after the other is wrong and those before it are good.
WORDS = {
    "corpus toy": ["{out}"],
    "corpus build": ["{in}", "--out", "{out}"],
    "corpus card": ["{in}"],
    "corpus push": ["{in}", "somebody/something"],
    f"fit {TRAIN}": ["{in}", "--corpus", "{in}", "--out", "{out}"],
    "fit augment": ["{in}", "--out", "{out}"],
    "fit report": ["{in}", "--out", "{out}"],
    "fit evaluate": ["{in}", "--corpus", "{in}"],
    f"bundled {TRAIN}": ["{in}", "--weights", "{in}", "--pool", "{in}", "--out", "{out}"],
    "measure calibrate": ["{in}", "{in}", "--protocol", "{in}"],
    "measure card": ["{in}"],
    "measure check": ["{in}"],
    "checkpoint export": ["{in}", "--out", "{out}"],
    "checkpoint convert": ["{in}", "--out", "{out}"],
    "checkpoint publish": ["somebody/something", "--checkpoint", "{in}"],
}
UNWRITABLE = Path("/sys/unfake")  # not even by root


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        disable_progress_bars()
        yield


def damaged_checkpoint(folder: Path) -> Path:
    """A folder with every file that a run, a corpus or a checkpoint has, and none of them whole."""
    (folder / "model").mkdir(parents=True)
    for name in ("config.json", "metrics.json", "summary.json", "scores.json", "dataset_dict.json", "state.json"):
        (folder / name).write_text('{"name": "cut o')
    for name in ("metrics.csv", "predictions.csv", "predictions.tsv", "index.tsv", "README.md"):
        (folder / name).write_bytes(b"\xff\xfe\0one\ttwo\n\0\0")
    for name in ("model.safetensors", "model.onnx", "model/model.safetensors", "last.pt", "best.pt"):
        (folder / name).write_bytes(b"\x10\0\0\0\0\0\0\0not a header")
    (folder / "model" / "config.json").write_text("{}")
    return folder


def file_of(content: bytes) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        path = folder / "wrong"
        path.write_bytes(content)
        return path

    return made


WRONG: dict[str, Callable[[Path], Path]] = {
    "missing": lambda folder: folder / "nothing",
    "an empty folder": lambda folder: folder,
    "an empty file": file_of(b""),
    "damaged JSON": file_of(b'{"name": "cut o'),
    "JSON of another kind": file_of(b"[1, 2]"),
    "an empty object": file_of(b"{}"),
    "bytes": file_of(bytes(range(256))),
    "a damaged folder": lambda folder: damaged_checkpoint(folder / "damaged"),
    "a path through a file": lambda folder: file_of(b"")(folder) / "inside",
    "a folder that nobody may enter": lambda _: UNWRITABLE / "inside",
}


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, words: list[str]) -> str:
    """What a command says on stderr as it fails."""
    wing, _, which = name.partition(" ")
    monkeypatch.setattr(sys, "argv", [f"train.{wing}", *([] if which == TRAIN else [which]), *words])
    with pytest.raises(SystemExit) as ended:
        if wing == "corpus":
            commands.start("train.corpus.cli")
        else:
            commands.run(wing, otherwise={"fit": "run", "bundled": "making"}.get(wing, ""))
    assert ended.value.code in (1, 2)
    return capsys.readouterr().err


def check(error: str) -> None:
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, error
    assert error.splitlines()[-1] == lines[0]
    assert "Traceback" not in error
    assert 20 < len(lines[0]) < 1000


def test_every_command_is_walked() -> None:
    assert set(WORDS) == {f"{wing} {name}" for wing, names in COMMANDS.items() for name in names}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", [name for name, words in WORDS.items() if "{in}" in words])
def test_wrong_input(
    name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = WRONG[wrong](tmp_path)
    words = [word.format(**{"in": path, "out": tmp_path / "out"}) for word in WORDS[name]]

    check(run(monkeypatch, capsys, name, words))


CONFIGURATION = {
    f"fit {TRAIN}": "toy.json",
    f"bundled {TRAIN}": "clip.json",
}


@pytest.mark.parametrize("wrong", ["missing", "an empty folder", "bytes", "a damaged folder"])
@pytest.mark.parametrize("name", CONFIGURATION)
def test_wrong_input_after_a_good_configuration(
    name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = WRONG[wrong](tmp_path)
    words = [word.format(**{"in": path, "out": tmp_path / "out"}) for word in WORDS[name]]
    words[0] = str(CONFIGS / CONFIGURATION[name])

    check(run(monkeypatch, capsys, name, words))


@pytest.mark.parametrize("where", [UNWRITABLE, Path("/dev/null/inside")], ids=["read-only", "through a file"])
def test_output_that_cannot_be_written(
    where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check(run(monkeypatch, capsys, "corpus toy", [str(where), "--pictures", "40", "--size", "32"]))

    config = tmp_path / "corpus.json"
    config.write_text('{"sources": [{"name": "a", "kind": "folder", "root": ".", "licence": "CC0-1.0"}]}')
    check(run(monkeypatch, capsys, "corpus build", [str(config), "--out", str(where)]))


def test_a_full_disk() -> None:
    with pytest.raises(OSError, match="No space left") as full:
        Path("/dev/full").write_bytes(b"x")
    assert said(full.value) == (
        "error: the disk is full: make room and run the same command again, it goes on from there"
    )


def test_weights_that_are_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.pth"
    torch.save({"conv_stem.weight": torch.zeros(1)}, old)
    check(run(monkeypatch, capsys, "checkpoint convert", [str(old), "--out", str(tmp_path / "run")]))
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    (tmp_path / "run" / "model" / "config.json").write_text('{"backbone": "efficientnet_b0"}')
    save_file({"conv_stem.weight": np.zeros(1, np.float32)}, tmp_path / "run" / "model" / "model.safetensors")
    check(run(monkeypatch, capsys, "checkpoint export", [str(tmp_path / "run"), "--out", str(tmp_path / "out")]))


def test_a_mistake_of_ours_says_where_it_came_up(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise KeyError("margin")

    with pytest.raises(SystemExit):
        command(broken)
    assert capsys.readouterr().err.endswith(" of test_mistakes.py.\n")


def test_the_stack_is_there_for_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("margin")

    monkeypatch.setenv("UNFAKE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        command(broken)


def test_ctrl_c(tmp_path: Path) -> None:
    # given a command that waits for its configuration
    pipe = tmp_path / "config.json"
    os.mkfifo(pipe)
    words = [str(pipe), "--pool", "a", "--out", "b"]
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "train.bundled", *words],  # background jobs ignore it
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("w"):  # opens when it reads
        process.send_signal(signal.SIGINT)
        said_at_last = process.communicate()[1]
    # then it ends as shells expect it, and without a stack
    assert process.returncode == STOPPED
    assert said_at_last == "stopped: run the same command again to go on\n"


def test_the_command_line_of_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNFAKE_CACHE", str(tmp_path))
    monkeypatch.setenv("UNFAKE_STORE", "memory")
    out = io.StringIO()
    for make in WRONG.values():
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        assert unfake(["classify", str(make(place))], out) == 2
    (tmp_path / ".env").write_bytes(b"UNFAKE_DEVICE=\xff\xfe\n")
    assert unfake(["classify", str(tmp_path)], out) == 2
    assert "Traceback" not in capsys.readouterr().err + out.getvalue()


def test_interrupts_and_closed_pipes_of_the_app(capfd: pytest.CaptureFixture[str]) -> None:
    def stopped() -> int:
        raise KeyboardInterrupt

    assert status(stopped, 2) == STOPPED
    assert capfd.readouterr().err == "This was stopped before it was done.\n"
    program = "import sys; from unfake.errors import status; sys.exit(status(lambda: print('a' * 9**6, flush=True), 2))"
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 2
