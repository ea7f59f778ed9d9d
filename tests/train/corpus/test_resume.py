"""Builds that end before they are done: killed, or out of room."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from datasets import load_from_disk

from tests.train.corpus.made import built, config, folder, jpeg, tree, written
from train.corpus.build import build

ROOT = Path(__file__).parents[3]
# A process that builds, and kills itself before the n-th call of a function: the kernel's SIGKILL, at a place that is
# the same in every run.
DRIVER = """
import importlib, os, signal, sys
from pathlib import Path
from train.corpus.build import build
from train.corpus.config import load_config

module, name, count = sys.argv[3], sys.argv[4], int(sys.argv[5])
place = importlib.import_module(module)
*owner, name = name.split(".")
for each in owner:
    place = getattr(place, each)
original, calls = getattr(place, name), 0

def counted(*args, **options):
    global calls
    calls += 1
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **options)

setattr(place, name, counted)
build(load_config(Path(sys.argv[1])), Path(sys.argv[2]), workers=1)
"""
# In the order in which a build comes to them.
PLACES = [
    ("train.corpus.index", "Index.list_pictures", 1),
    ("train.corpus.index", "Index.learn", 3),
    ("train.corpus.decide", "dedupe", 1),
    ("train.corpus.shards", "ShardWriter.add", 25),
    ("train.corpus.index", "Index.finish", 2),  # a shard that stands in its place and is not noted
    ("train.corpus.shards", "write_text", 4),
    ("train.corpus.summary", "header_auc", 1),
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    root = folder(tmp_path / "pictures", range(40), range(100, 140))
    (root / "real" / "copy.jpg").write_bytes(jpeg(0))
    (root / "real" / "cut.jpg").write_bytes(jpeg(1)[:500])
    return tmp_path


def test_a_build_killed_again_and_again_gives_the_same_bytes(base: Path) -> None:
    # given what an unbroken build gives
    built(base, out="unbroken")
    # when a build is killed at one place after the other, each time by a process that takes up where the last one was
    path = written(base)
    for module, name, count in PLACES:
        command = [sys.executable, "-c", DRIVER, str(path), str(base / "out"), module, name, str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, (name, done.stderr)
    # then the last one ends with the same
    built(base)
    assert tree(base / "out") == tree(base / "unbroken")


def test_a_kill_takes_the_workers_along(base: Path) -> None:
    # given a build one of whose workers waits at a picture: it is a pipe
    pipe = base / "pictures" / "real" / "pipe.jpg"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "train.corpus", "build", str(written(base)), "--out", str(base / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        opened = _writing_end(pipe, process)
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        # when it is killed
        process.kill()
    # then its workers end by themselves
    _, alive = psutil.wait_procs(workers, timeout=60)
    os.close(opened)
    assert not alive


def _writing_end(pipe: Path, process: subprocess.Popen[bytes]) -> int:
    """Open a pipe for writing as soon as somebody reads from it."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(0.02)
    pytest.fail("the build ended before it came to the pipe")


def test_a_shard_that_does_not_fit_costs_nothing_else(base: Path) -> None:
    built(base, out="unbroken")
    shard = next((base / "unbroken" / "train").glob("*.arrow"))
    # given a disk that is full where a shard is to be written
    full = base / "out" / "train" / f"{shard.name}.part"
    full.parent.mkdir(parents=True)
    (base / "out" / "work").mkdir()
    full.symlink_to("/dev/full")
    # then the command says so in one sentence
    command = [sys.executable, "-m", "train.corpus", "build", str(written(base)), "--out", str(base / "out")]
    done = subprocess.run([*command, "--workers", "1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the disk is full")
    assert "Traceback" not in done.stderr
    assert not (base / "out" / "dataset_dict.json").exists()
    # and with room the next build ends as if nothing had been
    full.unlink()
    built(base)
    assert tree(base / "out") == tree(base / "unbroken")


@pytest.mark.parametrize("name", ["left_out.csv", "test/state.json", "README.md"])
def test_a_small_file_that_does_not_fit_is_never_half_there(name: str, base: Path) -> None:
    built(base)
    before = tree(base / "out")
    (base / "out" / name).unlink()
    full = base / "out" / f"{name}.part"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        build(config(base), base / "out", workers=1)
    assert caught.value.errno == errno.ENOSPC
    assert not (base / "out" / name).exists()
    full.unlink()
    built(base)
    assert tree(base / "out") == before


def test_while_a_corpus_is_rebuilt_the_old_one_cannot_be_mistaken_for_it(base: Path) -> None:
    built(base)
    # given a change, and a build that is killed in the middle of writing it
    for number in range(200, 240):
        (base / "pictures" / "real" / f"{number}.jpg").write_bytes(jpeg(number))
    command = [sys.executable, "-c", DRIVER, str(written(base)), str(base / "out")]
    place = ["train.corpus.shards", "ShardWriter.add", "10"]
    done = subprocess.run([*command, *place], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    # then there is nothing to load
    with pytest.raises(FileNotFoundError):
        load_from_disk(str(base / "out"))
    assert sum(len(split) for split in built(base).values()) == 120
