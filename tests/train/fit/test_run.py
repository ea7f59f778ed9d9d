"""Trainings that run through, are killed, go on, run on two processes, and refuse what cannot be trained."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.train.toy_dataset import rows, write, write_corpus
from train.errors import ConfigError, CorpusError, RunError, command
from train.fit import history, run, scores, state
from train.fit.augment import PlainTransform
from train.fit.config import FitConfig, parse
from train.fit.data import Pictures, load_corpus
from unfake.detector.model import DeepfakeClassifier

ROOT = Path(__file__).parents[3]
TINY: dict[str, Any] = {
    "name": "tiny",
    "backbone": "test_efficientnet",
    "pretrained": False,
    "image_size": 64,
    "dropout": 0.2,
    "epochs": 3,
    "batch": 4,
    "accumulation": 2,
    "validation_batch": 8,
    "learning_rate": 0.002,
    "workers": 0,
    "save_steps": 2,
    "seed": 3,
}
# 48 training pictures: 12 batches, 6 steps an epoch


def tiny(**others: Any) -> FitConfig:
    return parse(TINY | others)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def unbroken(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "unbroken"
    run.train(tiny(), corpus, out)
    return out


def process(work: Callable[..., None], *args: object) -> int | None:
    """Exit status of a process of its own, forked from one that has the imports behind it but no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train.fit.run"])
    made = context.Process(target=work, args=args)
    made.start()
    made.join(180)
    return made.exitcode


def test_a_run_leaves_what_it_promises(unbroken: Path) -> None:
    # given a run that ran through, then the network is there and loads
    model = DeepfakeClassifier.from_pretrained(unbroken / "model", pretrained=False)
    assert model.classifier.out_features == 2
    # and the configuration names every key and the corpus
    told = json.loads((unbroken / "config.json").read_text())
    assert {key: told[key] for key in TINY} == TINY
    assert told["views"] == {"kind": "squash", "size": 64}
    assert told["training_sources"] == {"one": 24, "two": 24}
    assert told["corpus"]["splits"]["train"]["pictures"] == 48
    assert told["corpus"]["splits"]["train"]["sources"]["one"] == {"real": 12, "fake": 12}
    # and the figures are those of the predictions
    figures = json.loads((unbroken / "scores.json").read_text())
    assert set(figures["splits"]) == {"validation", "test"}
    found = {p.split: p for p in scores.load(unbroken / "predictions.csv")}
    for split, parts in figures["splits"].items():
        assert scores.Scores.from_json(parts["overall"]) == scores.score(
            found[split].labels, found[split].probabilities
        )
    # and the best epoch's validation loss is that of the network at the end
    best = history.load(unbroken / "metrics.csv")[figures["best_epoch"] - 1]
    assert figures["splits"]["validation"]["overall"]["loss"] == pytest.approx(best.validation_loss, rel=1e-6)
    assert (unbroken / "training_results.png").read_bytes().startswith(b"\x89PNG")
    assert not list(unbroken.rglob("*.tmp"))


def test_the_events_hold_every_step_and_epoch(unbroken: Path) -> None:
    events = EventAccumulator(str(unbroken / "tensorboard")).Reload()
    assert [e.step for e in events.Scalars("step/loss")] == list(range(1, 19))
    assert [e.step for e in events.Scalars("epoch/validation_loss")] == [6, 12, 18]
    losses = [e.validation_loss for e in history.load(unbroken / "metrics.csv")]
    assert [e.value for e in events.Scalars("epoch/validation_loss")] == pytest.approx(losses)


def train_until_killed(step: int, config: FitConfig, corpus: Path, out: Path) -> None:
    """Train, and end by SIGKILL when the optimiser is about to take a step."""
    taken, ordinary = [], torch.optim.Adam.step

    def counted(*args: Any, **kwargs: Any) -> Any:
        taken.append(1)
        if len(taken) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return ordinary(*args, **kwargs)

    torch.optim.Adam.step = counted  # type: ignore[method-assign]
    run.train(config, corpus, out)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_goes_on_to_the_same_numbers(workers: int, unbroken: Path, corpus: Path, tmp_path: Path) -> None:
    # given a run that SIGKILL ends in the second epoch, between two saved states
    out, config = tmp_path / "killed", tiny(workers=workers)
    assert process(train_until_killed, 11, config, corpus, out) == -signal.SIGKILL
    assert state.read(out / "last.pt")["place"] == {"epoch": 2, "step": 4, "steps": 10}
    assert not (out / "model").exists()
    # when it is resumed
    run.train(config, corpus, out, resume=True)
    # then everything is what it is in the run that ran through (which had no workers), to the last bit
    for name in ("metrics.csv", "predictions.csv", "scores.json"):
        assert (out / name).read_text() == (unbroken / name).read_text(), name
    ours, theirs = (state.read(each / "last.pt") for each in (out, unbroken))
    for part in ("model", "optimizer", "scheduler", "place", "stopping", "history", "processes"):
        assert_same(ours[part], theirs[part], part)
    # and TensorBoard shows each step once
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    assert [e.step for e in events.Scalars("step/loss")] == list(range(1, 19))
    assert multiprocessing.active_children() == []


def assert_same(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(ours, theirs), where
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), where
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{where}[{number}]")
    else:
        assert ours == theirs, where


def test_resuming_a_finished_run_changes_nothing(unbroken: Path, corpus: Path) -> None:
    before = {name: (unbroken / name).read_bytes() for name in ("metrics.csv", "scores.json", "last.pt")}
    run.train(tiny(), corpus, unbroken, resume=True)
    assert before == {name: (unbroken / name).read_bytes() for name in before}


def test_a_run_is_not_overwritten_by_another(unbroken: Path, corpus: Path) -> None:
    with pytest.raises(RunError, match="add --resume"):
        run.train(tiny(), corpus, unbroken)


def test_a_run_does_not_go_on_with_another_recipe(unbroken: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"begun with 'learning_rate' 0\.002, and the configuration now says 0\.1"):
        run.train(tiny(learning_rate=0.1), corpus, unbroken, resume=True)
    other = write_corpus(tmp_path / "other", sources=("one", "three"))
    with pytest.raises(RunError, match="another corpus"):
        run.train(tiny(), other, unbroken, resume=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose epoch is one step."""
    return write_corpus(tmp_path_factory.mktemp("small"), {"train": 4, "validation": 2}, ("one",))


def test_a_finished_run_can_be_given_more_epochs(small: Path, tmp_path: Path) -> None:
    # given a run of one epoch and one of two, when the first is resumed with two, then it is the second
    run.train(tiny(epochs=1), small, tmp_path / "one")
    run.train(tiny(epochs=2), small, tmp_path / "two")
    run.train(tiny(epochs=2), small, tmp_path / "one", resume=True)
    assert (tmp_path / "one" / "metrics.csv").read_text() == (tmp_path / "two" / "metrics.csv").read_text()


def test_it_stops_early_and_keeps_the_best(small: Path, tmp_path: Path) -> None:
    # given steps so long that the validation loss soon rises
    run.train(tiny(epochs=30, patience=2, learning_rate=0.5, plateau_patience=0), small, tmp_path / "run")
    epochs = history.load(tmp_path / "run" / "metrics.csv")
    losses = [e.validation_loss for e in epochs]
    # then it ended two epochs after the lowest, whose network is kept, and the learning rate had been lowered
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3
    figures = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert figures["best_epoch"] == len(losses) - 2
    assert figures["splits"]["validation"]["overall"]["loss"] == pytest.approx(min(losses), rel=1e-6)
    assert epochs[-1].learning_rate < epochs[0].learning_rate


TWO = """
import json, os, sys
from pathlib import Path

config, corpus, out, notes = sys.argv[1:]
rank, written = os.environ["RANK"], set()
def note(event, args):
    if event == "open" and str(args[0]).startswith(out) and args[2] & os.O_ACCMODE != os.O_RDONLY:
        written.add(str(args[0]))
    if event in ("os.rename", "os.mkdir") and str(args[0]).startswith(out):
        written.add(str(args[0]))
sys.addaudithook(note)

from train.fit import data, run
from train.fit.config import parse

asked, ordinary = [], data.Pictures.__getitem__
def seen(self, key):
    asked.append([self.split, key])
    return ordinary(self, key)
data.Pictures.__getitem__ = seen
run.train(parse(json.loads(config)), Path(corpus), Path(out))
Path(notes, rank).write_text(json.dumps({"asked": asked, "written": sorted(written)}))
"""


@pytest.fixture(scope="module")
def two(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A run on two processes, and what each of them asked for and wrote."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "two.py").write_text(TWO)
    # Its --cpu starts several processes through MPI only, and else silently one.
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    config = json.dumps(TINY | {"epochs": 2, "dropout": 0.0})
    done = subprocess.run(
        [sys.executable, *launch, folder / "two.py", config, corpus, folder / "run", folder],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "run", [json.loads((folder / rank).read_text()) for rank in ("0", "1")]


def test_two_processes_share_the_pictures(two: tuple[Path, list[dict[str, Any]]]) -> None:
    _, notes = two
    for epoch in (1, 2):
        mine, theirs = ({k[2] for s, k in n["asked"] if s == "train" and k[0] == epoch} for n in notes)
        assert not mine & theirs
        assert mine | theirs == set(range(48))
    for split, count in (("validation", 20), ("test", 12)):
        mine, theirs = ({k for s, k in n["asked"] if s == split} for n in notes)
        assert mine | theirs == set(range(count))


def test_only_the_main_process_writes(two: tuple[Path, list[dict[str, Any]]]) -> None:
    out, (main, other) = two
    assert f"{out}/metrics.tmp" in main["written"]
    assert other["written"] == []
    assert len(list((out / "tensorboard").iterdir())) == 1
    assert (out / "log.txt").read_text().count("done: ") == 1


def test_two_processes_score_as_one_does(two: tuple[Path, list[dict[str, Any]]], corpus: Path) -> None:
    # given the predictions of two processes, 20 pictures in rounds of 16 with twelve filled in
    out, _ = two
    theirs = {p.split: p for p in scores.load(out / "predictions.csv")}
    # (each epoch's validation was of the network that was saved then, on both processes)
    figures = json.loads((out / "scores.json").read_text())
    epoch = history.load(out / "metrics.csv")[figures["best_epoch"] - 1]
    assert figures["splits"]["validation"]["overall"]["loss"] == pytest.approx(epoch.validation_loss, rel=1e-6)
    # when one process scores the same network
    model = DeepfakeClassifier.from_pretrained(out / "model", pretrained=False).eval()
    config, pictures = tiny(), load_corpus(corpus)
    for split, found in theirs.items():
        data = Pictures(pictures, split, PlainTransform(config), 0)
        with torch.no_grad():
            logits = model(torch.stack([data[i].pixels for i in range(len(data))]))
        # then each picture is there once, with the same probability
        assert found.indices.tolist() == list(range(len(data)))
        assert found.labels.tolist() == data.labels.tolist()
        np.testing.assert_allclose(found.probabilities, torch.softmax(logits.double(), 1)[:, 1], atol=1e-4)


def test_two_processes_learn_as_one_with_twice_the_accumulation(
    two: tuple[Path, list[dict[str, Any]]], corpus: Path, tmp_path: Path
) -> None:
    run.train(tiny(epochs=1, dropout=0.0, accumulation=4), corpus, tmp_path / "one")
    one, both = (history.load(out / "metrics.csv")[0] for out in (tmp_path / "one", two[0]))
    assert both.train_loss == pytest.approx(one.train_loss, rel=1e-3)
    # and the network is not the one that it started from
    start, end = (DeepfakeClassifier("test_efficientnet", pretrained=False) for _ in range(2))
    end.load_state_dict(state.read(two[0] / "last.pt")["model"])
    assert not torch.equal(start.classifier.weight, end.classifier.weight)


def test_another_number_of_processes_is_refused(two: tuple[Path, list[dict[str, Any]]], corpus: Path) -> None:
    with pytest.raises(RunError, match="begun on 2 processes, not on 1"):
        run.train(tiny(epochs=2, dropout=0.0), corpus, two[0], resume=True)


def test_unreadable_pictures_are_named_counted_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # given a corpus with one damaged picture in training and one in validation
    splits = {split: rows(split, each, ("one",)) for split, each in (("train", 12), ("validation", 5))}
    for split, number in (("train", 7), ("validation", 2)):
        data = splits[split][number]["image"]["bytes"]
        splits[split][number]["image"] = {"bytes": data[: len(data) // 2], "path": None}
    write(tmp_path / "corpus", splits)
    # when it is trained on
    with caplog.at_level(logging.WARNING, "train"):
        run.train(tiny(epochs=2), tmp_path / "corpus", tmp_path / "run")
    # then each is named once, counted each epoch, and the validation is over the others
    said = [r.getMessage() for r in caplog.records if "cannot be read" in r.getMessage()]
    assert sorted(s.split(" of source")[0] for s in said) == [
        "skipped: train picture 7",
        "skipped: validation picture 2",
    ]
    assert [e.skipped for e in history.load(tmp_path / "run" / "metrics.csv")] == [2, 2]
    (found,) = scores.load(tmp_path / "run" / "predictions.csv")
    assert found.indices.tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (range(0, 12), r"\d of \d\d pictures cannot be read: look at the disk"),
        (range(0, 48, 2), r"train picture \d+ of source one .* Nor can the next ones be read"),
    ],
)
def test_a_corpus_of_damaged_pictures_is_given_up(damaged: range, said: str, tmp_path: Path) -> None:
    splits = {split: rows(split, each, ("one",)) for split, each in (("train", 24), ("validation", 2))}
    for number in damaged:
        splits["train"][number]["image"] = {"bytes": b"no picture", "path": None}
    write(tmp_path / "corpus", splits)
    with pytest.raises(CorpusError, match=said):
        run.train(tiny(workers=1), tmp_path / "corpus", tmp_path / "run")


def test_a_loss_that_is_no_number_ends_the_run(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="set a lower 'learning_rate'"):
        run.train(tiny(learning_rate=1e30, clip_norm=0), corpus, tmp_path / "run")
    # and the last state is one from before
    if (tmp_path / "run" / "last.pt").exists():
        weights = state.read(tmp_path / "run" / "last.pt")["model"].values()
        assert all(w.isfinite().all() for w in weights)


def test_half_precision_needs_a_device_that_has_it() -> None:
    with pytest.raises(ConfigError, match="'precision' is fp16, which needs a CUDA device"):
        run.precision_on("fp16", torch.device("cpu"))
    assert run.precision_on("auto", torch.device("cpu")) == "no"
    assert run.precision_on("bf16", torch.device("cpu")) == "bf16"


def command_line(*args: str) -> None:
    sys.argv = ["train.fit", *args]
    runpy.run_module("train.fit", run_name="__main__")


def test_the_command_line_trains_in_bf16_with_checkpointing(small: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "config.json", tmp_path / "run"
    config.write_text(json.dumps(TINY | {"epochs": 1, "precision": "bf16", "checkpointing": True, "source_balance": 1}))
    assert process(command_line, str(config), "--corpus", str(small), "--out", str(out)) == 0
    assert json.loads((out / "config.json").read_text())["ran_on"]["precision"] == "bf16"
    assert (out / "model" / "model.safetensors").is_file()
    assert f"done: {out / 'model'}" in (out / "log.txt").read_text()


def test_what_is_wrong_is_said_in_one_sentence(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(TINY | {"epoch": 1}))
    monkeypatch.setattr(sys, "argv", ["fit", str(config), "--corpus", str(small), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit, match="1"):
        command(run.main)
    assert f"error: {config}: unknown key 'epoch': did you mean 'epochs'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_two_trainings_do_not_share_a_folder(corpus: Path, tmp_path: Path) -> None:
    with FileLock(tmp_path / run.LOCK), pytest.raises(RunError, match="another process trains in"):
        run.train(tiny(epochs=1), corpus, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [run.LOCK]

    run.train(tiny(epochs=1), corpus, tmp_path)

    weights = tmp_path / "model" / "model.safetensors"
    assert weights.stat().st_mode == (tmp_path / "config.json").stat().st_mode
