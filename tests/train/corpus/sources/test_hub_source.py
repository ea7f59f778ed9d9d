from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.servers.hub_datasets import DatasetHub
from tests.train.corpus.made import encoded, image, jpeg
from train.corpus.sources.hub import HubSource
from train.errors import ConfigError, SourceError

ROOT = Path(__file__).parents[4]
LABEL = {"column": "label", "real": ["human"], "fake": [0]}
OPTIONS = {"dataset": "alice/faces", "label": LABEL}
# The source in a process of its own, because huggingface_hub reads HF_ENDPOINT when it is imported. It asks a lost
# server once and not for minutes, and kills itself when so many pictures have been written.
DRIVER = """
import functools, json, os, signal, sys
from pathlib import Path
import huggingface_hub.hf_file_system, huggingface_hub.utils._pagination
from huggingface_hub.utils import http_backoff
from train.corpus.sources.hub import HubSource
from train.errors import command

options, kill_at = json.loads(sys.argv[1]), int(sys.argv[3])
for module in (huggingface_hub.hf_file_system, huggingface_hub.utils._pagination):
    module.http_backoff = functools.partial(http_backoff, max_retries=0)
write, written = Path.write_bytes, 0

def counted(path, content):
    global written
    written += 1
    if written == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(path, content)

Path.write_bytes = counted
source = HubSource.from_config("hub", options, Path())
command(lambda: source.prepare(Path(sys.argv[2]), iter(())))
print(written)
"""


@pytest.fixture
def hub() -> Iterator[DatasetHub]:
    with DatasetHub() as running:
        yield running


def parquet(first: int, count: int) -> bytes:
    """Rows with pictures, their labels in turn ai, human and other, a subject and a scene."""
    numbers = range(first, first + count)
    features = Features(
        {
            "image": datasets.Image(),
            "label": ClassLabel(names=["ai", "human", "other"]),
            "subject": Value("string"),
            "scene": Value("int64"),
        }
    )
    rows = {
        "image": [{"bytes": jpeg(number), "path": f"{number}.jpg"} for number in numbers],
        "label": [number % 3 for number in numbers],
        "subject": ["cat" if number % 2 else None for number in numbers],
        "scene": [number // 6 for number in numbers],
    }
    file = BytesIO()
    Dataset.from_dict(rows, features=features).to_parquet(file, batch_size=10)
    return file.getvalue()


def run(hub: DatasetHub, place: Path, kill_at: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(place / "home"), "HF_HUB_DISABLE_XET": "1"}
    words = [json.dumps({"retries": 1, **OPTIONS, **options}), str(place / "source"), str(kill_at)]
    (place / "source").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", DRIVER, *words],
        cwd=ROOT,
        env=theirs | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def pictures(place: Path, **options: Any) -> dict[str, Any]:
    source = HubSource.from_config("hub", {**OPTIONS, **options}, Path())
    return {picture.key: picture for picture in source.pictures(place / "source")}


def test_pictures_come_with_their_bytes_labels_categories_and_groups(hub: DatasetHub, tmp_path: Path) -> None:
    # given a dataset of two Parquet files
    files = {f"data/train-0000{part}-of-00002.parquet": parquet(30 * part, 30) for part in range(2)}
    hub.commit("alice/faces", files)
    # when it is brought
    columns: dict[str, Any] = {"category": "subject", "group": "scene", "licence": "CC0-1.0"}
    done = run(hub, tmp_path, **columns)
    assert done.returncode == 0, done.stderr
    # then two of three pictures are there, as they were
    found = pictures(tmp_path, **columns)
    assert len(found) == 40
    assert {key: picture.read() for key, picture in found.items()} == {
        f"{number:08d}": jpeg(number) for number in range(60) if number % 3 != 2
    }
    one = found["00000013"]
    assert (one.label, one.category, one.group, one.licence) == ("real", "cat", "hub/scene=2", "CC0-1.0")
    assert (found["00000012"].label, found["00000012"].category) == ("fake", "")
    assert "alice/faces" in one.credit
    # and when nothing is missing, nobody is asked
    hub.requests.clear()
    assert run(hub, tmp_path, **columns).stdout == "0\n"
    assert not [each for each in hub.requests if "harnesses" not in each.path]


def test_single_files_come_as_well(hub: DatasetHub, tmp_path: Path) -> None:
    files = {f"train/{name}/{n}.png": encoded(image(n), "PNG") for n, name in enumerate(["ai", "human"] * 20)}
    hub.commit("alice/faces", files)
    label: dict[str, Any] = {"label": {"column": "label", "real": ["human"], "fake": ["ai"]}}
    done = run(hub, tmp_path, **label)
    assert done.returncode == 0, done.stderr
    found = pictures(tmp_path, **label).values()
    assert len(found) == 40
    contents = {picture.read(): picture.label for picture in found}
    assert contents == {content: "real" if "human" in name else "fake" for name, content in files.items()}
    assert {picture.content.suffix for picture in found} == {".png"}


def test_after_a_kill_it_goes_on_without_fetching_again(hub: DatasetHub, tmp_path: Path) -> None:
    # given a dataset of three files, and a process that is killed at the 50th of 60 pictures
    hub.commit("alice/faces", {f"data/train-0000{part}-of-00003.parquet": parquet(30 * part, 30) for part in range(3)})
    assert run(hub, tmp_path, kill_at=50).returncode == -signal.SIGKILL
    before = len(pictures(tmp_path))
    assert 18 <= before < 50
    first = hub.asked("train-00000-of-00003.parquet")
    # when another one goes on
    done = run(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    # then it brings what is missing only, of files that are not done
    assert int(done.stdout) == 60 - before
    found = pictures(tmp_path)
    assert {key: picture.read() for key, picture in found.items()} == {
        f"{number:08d}": jpeg(number) for number in range(90) if number % 3 != 2
    }
    # Only its schema is looked at again.
    assert hub.asked("train-00000-of-00003.parquet") <= first + 2


def test_the_commit_of_the_beginning_is_kept_to(hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(0, 60)})
    assert run(hub, tmp_path, most=10).stdout == "10\n"
    assert len(pictures(tmp_path, most=10)) == 10
    # when the dataset changes, and more pictures are wanted
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(500, 60)})
    done = run(hub, tmp_path, most=30)
    # then they are the next ones of what it was
    assert done.stdout == "20\n", done.stderr
    assert [picture.read() for picture in pictures(tmp_path, most=30).values()] == [
        jpeg(number) for number in range(60) if number % 3 != 2
    ][:30]
    # and fewer are a part of them
    assert len(pictures(tmp_path, most=7)) == 7


def test_a_lost_connection_keeps_what_has_come(hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {f"data/train-0000{part}-of-00002.parquet": parquet(60 * part, 60) for part in range(2)})
    # given a server that has the first file only
    hub.faults.status["train-00001-of-00002.parquet"] = 503
    done = run(hub, tmp_path)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith('error: source "hub": the dataset alice/faces could not be read on')
    assert said.endswith("what has come is kept; run the same command again to go on")
    kept = len(pictures(tmp_path))
    # when it is back
    hub.faults.status.clear()
    done = run(hub, tmp_path)
    # then the rest comes
    assert int(done.stdout) == 80 - kept
    assert len(pictures(tmp_path)) == 80


def test_a_damaged_file_is_not_taken_for_a_missing_split(hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(0, 30)[::-1]})
    done = run(hub, tmp_path)
    assert done.returncode == 1
    assert "could not be read on (ArrowInvalid)" in done.stderr


def test_a_full_disk_ends_in_a_sentence(hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(0, 30)})
    run(hub, tmp_path, most=1)
    (place,) = (tmp_path / "source").iterdir()
    (place / "00000" / "00000004.jpg").symlink_to("/dev/full")
    done = run(hub, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the disk is full")
    (place / "00000" / "00000004.jpg").unlink()
    assert run(hub, tmp_path).returncode == 0
    assert len(pictures(tmp_path)) == 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dataset": "alice/nothing"}, "is not on the Hub, or not for this token"),
        ({"revision": "v9"}, "has no revision v9"),
        ({"split": "dev"}, "has no split dev"),
        ({"image": "picture"}, "has no column picture; it has image, label, subject, scene"),
        ({"image": "subject"}, "does not hold pictures"),
        ({"group": "photographer"}, "has no column photographer"),
    ],
)
def test_what_is_not_there_is_named(options: dict[str, Any], said: str, hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(0, 30)})
    done = run(hub, tmp_path, **options)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gated_dataset_names_the_way_in(hub: DatasetHub, tmp_path: Path) -> None:
    hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": parquet(0, 30)})
    hub.repositories["alice/faces"].gated = True
    done = run(hub, tmp_path)
    assert "set HF_TOKEN" in done.stderr
    assert done.returncode == 1


def test_pictures_before_they_were_brought_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing of alice/faces has been brought"):
        pictures(tmp_path)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"label": "maybe"}, "'label'"),
        ({"label": {"column": "label", "real": ["a"], "fake": ["a"]}}, "both real and fake"),
        ({"label": {"real": ["a"]}}, "'column'"),
        ({"label": {"column": "label", "real": "a"}}, "'real'"),
        ({"label": {"column": "label", "true": ["a"]}}, "'true'"),
        ({"most": -1}, "'most'"),
        ({"token": "hf_x"}, "'token'"),
        ({"dataset": None}, "'dataset'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HubSource.from_config("hub", {**OPTIONS, **options}, Path())
    assert named in str(caught.value)
