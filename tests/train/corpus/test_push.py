from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.hub_datasets import DatasetHub
from tests.servers.hub_writing import User
from tests.train.corpus.made import built, folder

ROOT = Path(__file__).parents[3]
TOKEN = "hf_secret-of-alice"  # noqa: S105


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("push")
    folder(base / "pictures", range(20), range(100, 120))
    built(base, {"name": "made", "kind": "folder", "root": "pictures", "licence": "CC0-1.0"}, name="pushed")
    return base / "out"


@pytest.fixture
def hub() -> Iterator[DatasetHub]:
    with DatasetHub() as running:
        running.users[TOKEN] = User("alice")
        yield running


def run(hub: DatasetHub, home: Path, *words: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: huggingface_hub reads its settings when it is imported."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    settings |= {"HF_TOKEN": token} if token else {}
    command = [sys.executable, "-m", "train.corpus", "push", *words]
    done = subprocess.run(command, cwd=ROOT, env=theirs | settings, capture_output=True, text=True, check=False)
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_a_dry_run_says_what_would_be_done_and_asks_nobody(corpus: Path, hub: DatasetHub, tmp_path: Path) -> None:
    done = run(hub, tmp_path, str(corpus), "alice/faces", token="")
    assert done.returncode == 0, done.stderr
    assert "public dataset alice/faces" in done.stdout
    assert "28 pictures" in done.stdout
    assert "CC0-1.0" in done.stdout
    assert done.stdout.endswith("Dry run: nothing was uploaded; --push does it\n")
    assert not [each for each in hub.requests if "harnesses" not in each.path]


def test_what_is_pushed_can_be_loaded_and_is_not_sent_twice(corpus: Path, hub: DatasetHub, tmp_path: Path) -> None:
    # when it is pushed twice
    for _ in range(2):
        done = run(hub, tmp_path, str(corpus), "alice/faces", "--private", "--push")
        assert done.returncode == 0, done.stderr
    # then there is a file for each split, with the card, and each was sent once
    files = hub.content("alice/faces")
    assert {name for name in files if name.endswith(".parquet")} == {
        f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")
    }
    assert sum(each.method == "PUT" for each in hub.requests) == 3
    assert hub.repositories["alice/faces"].private
    card = files["README.md"].decode()
    assert "# pushed" in card
    assert "task_categories:" in card
    assert "path: data/train-*" in card
    # and the dataset loads from there, with every picture
    code = (
        "import json, datasets; d = datasets.load_dataset('alice/faces', split='test', streaming=True);"
        "print(json.dumps([[r['label'], r['sha256'], r['image'].size] for r in d]))"
    )
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [label for label, _, _ in rows] == [0, 0, 0, 1, 1, 1]
    assert {tuple(size) for _, _, size in rows} == {(64, 64)}


@pytest.mark.parametrize(
    ("words", "token", "said"),
    [
        (("faces", "--push"), TOKEN, "'faces' is no repository"),
        (("alice/faces", "--push"), "", "there is no token"),
        (("alice/faces", "--push"), "hf_wrong", "does not accept the token"),
        (("bob/faces", "--push"), TOKEN, "the token may not write to bob/faces"),
    ],
)
def test_what_cannot_be_pushed_ends_in_a_sentence(
    words: tuple[str, ...], token: str, said: str, corpus: Path, hub: DatasetHub, tmp_path: Path
) -> None:
    done = run(hub, tmp_path, str(corpus), *words, token=token)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_public_dataset_is_not_made_of_what_may_not_be_shared(tmp_path: Path, hub: DatasetHub) -> None:
    folder(tmp_path / "pictures", range(20), range(100, 120))
    source = {"name": "made", "kind": "folder", "root": "pictures", "licence": "Terms: not to be redistributed"}
    built(tmp_path, source)
    done = run(hub, tmp_path, str(tmp_path / "out"), "alice/faces", "--push")
    assert done.returncode == 1
    assert "only a --private dataset" in done.stderr
    assert not hub.repositories


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path, hub: DatasetHub) -> None:
    done = run(hub, tmp_path, str(tmp_path), "alice/faces")
    assert "holds no finished corpus" in done.stderr
