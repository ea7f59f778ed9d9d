"""The README's way from pictures to a published B7 that the app runs: its commands, one after the other, in small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.conftest import ROOT, SAMPLES, running_app
from tests.servers.hub_writing import User, WritableHub
from unfake.detector.calibration import rounded
from unfake.detector.checkpoint import load_folder
from unfake.services import Services
from unfake.settings import Settings

TOKEN = "hf_circle"  # noqa: S105
REPOSITORY = "alice/unfake-efficientnet-b7"
B7 = {
    # Not the tf_ variant: its BatchNorm statistics move by a hundredth a step, and there are few steps here.
    "backbone": "efficientnet_b7",
    "pretrained": False,
    "image_size": 64,
    # In evaluation BatchNorm goes by what it has averaged, which takes more steps than the network itself.
    "epochs": 6,
    "learning_rate": 0.001,
    "label_smoothing": 0.0,
    "dropout": 0.0,
    "batch": 8,
    "accumulation": 1,
    "validation_batch": 8,
    "precision": "no",
    "workers": 0,
    "save_steps": 6,
    "augment": {"long_side": 128, "brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "erasing": 0},
}


def write_pictures(folder: Path) -> Path:
    """Dark ones are real and bright ones fake, so that a few steps from random weights learn something."""
    rng = np.random.default_rng(3)
    for label, level in (("real", 16), ("fake", 172)):
        (folder / "pictures" / label).mkdir(parents=True)
        for number in range(40):
            spots = rng.integers(level, level + 76, (8, 8, 3)) + rng.integers(-20, 20)
            image = Image.fromarray(np.clip(spots, 0, 255).astype(np.uint8))
            image.resize((96, 96), Image.Resampling.BICUBIC).save(folder / "pictures" / label / f"{number}.png")
    config = folder / "corpus.json"
    config.write_text(json.dumps({"sources": [{"name": "spots", "kind": "folder", "root": "pictures"}]}))
    return config


def command(*words: str | Path, hub: str = "http://127.0.0.1:1") -> subprocess.Popen[str]:
    """One of the README's commands, with no network but ``hub``."""
    environment = os.environ | {
        "HF_ENDPOINT": hub,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(*words: str | Path, hub: str = "http://127.0.0.1:1") -> str:
    """The command's output; it must succeed."""
    process = command(*words, hub=hub)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built, trained with a kill in the middle, exported and measured."""
    folder = tmp_path_factory.mktemp("circle")
    run("train.corpus", "build", write_pictures(folder / "spots"), "--out", folder / "corpus")
    (folder / "b7.json").write_text(json.dumps(B7))
    fit = ("train.fit", folder / "b7.json", "--corpus", folder / "corpus", "--out", folder / "run")
    process = command(*fit)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "saved at epoch" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL, "".join(said)
    assert "resumed at epoch 1" in run(*fit, "--resume")
    run("train.checkpoint", "export", folder / "run", "--out", folder / "checkpoint")
    run("train.fit", "evaluate", folder / "checkpoint", "--corpus", folder / "corpus", "--most", "4")
    return folder / "checkpoint"


@pytest.fixture
def hub() -> Iterator[WritableHub]:
    with WritableHub() as server:
        server.users[TOKEN] = User("alice")
        yield server


def test_the_checkpoint_is_a_b7_that_says_what_it_is_worth(checkpoint: Path) -> None:
    found = load_folder(checkpoint)
    assert found.config.backbone == "efficientnet_b7"
    assert (found.config.views.kind, found.config.views.size) == ("squash", 64)
    assert 0 < found.config.thresholds.likely_real < found.config.thresholds.likely_fake < 1
    text = found.card()
    assert "on the test split of the corpus" in text
    assert "these figures flatter it" in text
    assert found.id in text
    assert len(found.plots()) == 3


def test_a_dry_run_uploads_nothing(checkpoint: Path, hub: WritableHub) -> None:
    said = run("train.checkpoint", "publish", REPOSITORY, "--checkpoint", checkpoint, "--dry-run", hub=hub.url)
    assert "nothing was uploaded" in said
    assert hub.repositories == {}


def test_the_app_pulls_what_was_published_and_classifies(checkpoint: Path, hub: WritableHub, tmp_path: Path) -> None:
    assert "checked" in run(
        "train.checkpoint", "publish", REPOSITORY, "--checkpoint", checkpoint, "--upload", hub=hub.url
    )
    settings = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
    with running_app(tmp_path, UNFAKE_MODEL=REPOSITORY, **settings) as address:
        client = Client(address, verbose=False)
        report = client.predict(handle_file(str(SAMPLES / "astronaut.jpg")), api_name="/classify")
        status = client.predict(api_name="/status")
    assert report["detector"]["checkpoint"] == load_folder(checkpoint).id
    assert report["detector"]["notice"] is None
    own = Services(Settings(model=str(checkpoint), device="cpu", cache=tmp_path / "own"))
    assert report["verdict"]["probability"] == rounded(own.classify_file(SAMPLES / "astronaut.jpg").report.probability)
    assert status["checkpoint"]["repository"] == REPOSITORY
