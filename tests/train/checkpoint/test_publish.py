"""Publishing to a Hub on this machine. The library is the real one, and so are the requests."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from tests.servers.hub import sha256
from tests.servers.hub_writing import User, WritableHub
from train.checkpoint.publish import publish
from train.errors import PublishError
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.hub import load_hub

# huggingface_hub hands files to httpx in a way that httpx is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

REPO = "alice/net"
TOKEN = "hf_verysecret"  # noqa: S105
READER = "hf_alsosecret"
ROOT = Path(__file__).parents[3]
Files = dict[str, bytes]


def checkpoint(salt: str = "", auc: float | None = 0.8, plots: tuple[str, ...] = ()) -> Files:
    """The files of a checkpoint that is fit to be published. The weights are a few bytes: nothing here runs them."""
    files = {"model.safetensors": f"weights {salt}".encode() * 50, "model.onnx": f"graph {salt}".encode() * 50}
    metrics = {
        "weights": {"model.onnx": sha256(files["model.onnx"])},
        "protocol": {"name": "toy"},
        "headline": {"web": {"auc": [auc, 0.6, 0.95]}},
        "sources": {"game": {"web": {"real": 60, "fake": 60}}},
    }
    files["metrics.json"] = json.dumps(metrics).encode()
    config = {
        "schema": "unfake.checkpoint/1",
        "name": "toy",
        "backbone": "efficientnet_b0",
        "num_classes": 2,
        "dropout": 0.2,
        "labels": ["real", "fake"],
        "views": {"kind": "crops", "size": 64, "long_side": 128, "max_views": 4},
        "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "calibration": {"temperature": 1.3, "bias": 0.1},
        "thresholds": {"likely_real": 0.2, "likely_fake": 0.9},
        "training": {},
        "files": {name: sha256(content) for name, content in files.items()},
    }
    files["config.json"] = json.dumps(config).encode()
    files["README.md"] = f"---\nlicense: apache-2.0\n---\n# Toy `{sha256(files['model.onnx'])[:12]}`\n".encode()
    return files | {"predictions.csv": b"source,label\n"} | {f"plots/{name}": b"<svg/>" for name in plots}


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "checkpoint", checkpoint())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WritableHub]:
    """A Hub that huggingface_hub takes for the real one, with a token of alice in the environment."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    # The library waits between its tries.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with WritableHub() as server:
        server.users |= {TOKEN: User("alice"), READER: User("alice", "read")}
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
    for thread in threading.enumerate():
        if thread.name == "unfake-hub":
            thread.join(10)
    close_session()


def writing(hub: WritableHub) -> list[str]:
    """What was asked for that could change something there."""
    return [each.path for each in hub.requests if each.method not in ("GET", "HEAD")]


def damage(files: Files) -> None:
    files["model.onnx"] += b" "


def unmeasure(files: Files) -> None:
    config = json.loads(files["config.json"])
    del config["files"]["metrics.json"], files["metrics.json"]
    files["config.json"] = json.dumps(config).encode()


def measure_another(files: Files) -> None:
    files["metrics.json"] = checkpoint("another")["metrics.json"]
    config = json.loads(files["config.json"])
    config["files"]["metrics.json"] = sha256(files["metrics.json"])
    files["config.json"] = json.dumps(config).encode()


def uncalibrate(files: Files) -> None:
    config = json.loads(files["config.json"]) | {"thresholds": {"likely_real": 0.0, "likely_fake": 1.0}}
    files["config.json"] = json.dumps(config).encode()


def undescribe(files: Files) -> None:
    del files["README.md"]


def describe_another(files: Files) -> None:
    files["README.md"] = checkpoint("another")["README.md"]


class TestFolder:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (damage, r"model\.onnx does not have the sha256"),
            (unmeasure, r"no metrics\.json of these weights: run python -m train\.measure calibrate"),
            (measure_another, r"no metrics\.json of these weights"),
            (uncalibrate, r"is not calibrated: run python -m train\.measure calibrate"),
            (undescribe, r"no README\.md of these weights: run python -m train\.measure card"),
            (describe_another, r"no README\.md of these weights"),
        ],
    )
    def test_that_is_not_fit_is_refused_before_the_hub_is_asked(
        self, tmp_path: Path, hub: WritableHub, change: Callable[[Files], None], message: str
    ) -> None:
        files = checkpoint()
        change(files)
        with pytest.raises(PublishError, match=message):
            publish(REPO, write(tmp_path / "bad", files), really=True, force=True)
        assert hub.requests == []

    def test_that_is_missing(self, tmp_path: Path, hub: WritableHub) -> None:
        with pytest.raises(PublishError, match="no checkpoint folder 'gone'"):
            publish(REPO, tmp_path / "gone")


class TestDryRun:
    def test_is_the_default_and_changes_nothing(
        self, folder: Path, hub: WritableHub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        commit = hub.commit(REPO, checkpoint("old", auc=0.7))
        (folder / "notes.txt").write_text("mine")
        assert publish(REPO, folder) is None
        assert writing(hub) == []
        assert hub.repositories[REPO].refs == {"main": commit}
        said = capsys.readouterr().out
        assert "6 files, 0.0 MB, headline AUC (web) 0.800" in said
        assert f"{(folder / 'model.onnx').stat().st_size:>13,}  model.onnx" in said
        assert "Left at home, because no checkpoint has them: notes.txt" in said
        assert f"alice/net: public, at revision {commit[:12]}, with toy@" in said
        assert "headline AUC (web) 0.700" in said
        assert said.endswith("Dry run: nothing was uploaded; --upload does it\n")

    def test_needs_no_token(
        self,
        folder: Path,
        hub: WritableHub,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.delenv("HF_TOKEN")
        publish(REPO, folder)
        assert "there is none, or none to be seen; it would be created as a public one" in capsys.readouterr().out

    def test_without_the_hub_says_what_it_does_not_know(
        self, folder: Path, hub: WritableHub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub.stop()
        assert publish(REPO, folder) is None
        said = capsys.readouterr().out
        assert "model.safetensors" in said
        assert "nothing was uploaded, and what is there is not known: the exchange with the Hub" in said

    def test_says_that_the_upload_would_be_refused(self, folder: Path, hub: WritableHub) -> None:
        hub.commit(REPO, checkpoint("old", auc=0.9))
        with pytest.raises(PublishError, match=r"left as it is: the one there is better: AUC 0\.900 against 0\.800"):
            publish(REPO, folder)


class TestUpload:
    def test_can_be_pulled_and_verified(self, folder: Path, hub: WritableHub) -> None:
        commit = publish(REPO, folder, really=True)
        found = load_hub(REPO)
        assert found.revision == commit
        assert found.id == load_folder(folder).id
        assert found.card() == load_folder(folder).card()
        assert found.metrics()["headline"]["web"]["auc"][0] == 0.8
        assert len(hub.repositories[REPO].commits) == 2  # the one that creates, and ours

    def test_the_bundled_checkpoint_by_the_command(self, tmp_path: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "train.checkpoint",
            "publish",
            REPO,
            "--checkpoint",
            str(BUNDLED),
            "--upload",
            "--tag",
            "v1",
        ]
        with WritableHub() as hub:
            hub.users[TOKEN] = User("alice")
            hub.part_size = 30_000_000
            own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=ROOT, env=os.environ | own, timeout=120, check=False
            )
            assert done.returncode == 0, done.stderr
            assert hub.content(REPO, "v1")["model.onnx"] == (BUNDLED / "model.onnx").read_bytes()
            sizes = [(BUNDLED / name).stat().st_size for name in ("model.onnx", "model.safetensors")]
            parts = sum(math.ceil(size / hub.part_size) for size in sizes)
            assert len([each for each in hub.requests if each.method == "PUT"]) == parts > 2
            assert "Tagged v1" in done.stdout
            assert TOKEN not in done.stdout + done.stderr

    def test_a_better_one_takes_the_place(self, folder: Path, hub: WritableHub) -> None:
        before = hub.commit(REPO, checkpoint("old", auc=0.7, plots=("roc.svg", "sources.svg")) | {"notes.md": b"hello"})
        write(folder, checkpoint(plots=("roc.svg",)))
        publish(REPO, folder, really=True)
        # then what a checkpoint consists of is that of the new one, and what else lay there is untouched
        assert hub.content(REPO) == checkpoint(plots=("roc.svg",)) | {"notes.md": b"hello"}
        (lines,) = [body for path, body in hub.bodies if "/commit/" in path]
        assert lines[0]["value"]["parentCommit"] == before
        assert lines[0]["value"]["summary"].startswith("Checkpoint toy@")

    def test_a_repository_with_nothing_of_ours(self, folder: Path, hub: WritableHub) -> None:
        hub.commit(REPO, {"notes.md": b"hello", "plots/roc.svg": b"mine"})
        publish(REPO, folder, really=True)
        assert hub.content(REPO) == checkpoint() | {"notes.md": b"hello", "plots/roc.svg": b"mine"}

    def test_new_figures_of_the_same_weights(self, tmp_path: Path, hub: WritableHub) -> None:
        hub.commit(REPO, checkpoint(auc=0.9))
        publish(REPO, write(tmp_path / "measured again", checkpoint(auc=0.8)), really=True)
        assert hub.content(REPO) == checkpoint(auc=0.8)

    def test_a_second_time_makes_no_commit(
        self, folder: Path, hub: WritableHub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first = publish(REPO, folder, really=True, tag="v1")
        assert publish(REPO, folder, really=True, tag="v1") == first
        assert "has all of it already" in capsys.readouterr().out
        assert len(hub.repositories[REPO].commits) == 2

    def test_private(self, folder: Path, hub: WritableHub, monkeypatch: pytest.MonkeyPatch) -> None:
        publish(REPO, folder, really=True, private=True)
        assert load_hub(REPO, token=TOKEN).repository == REPO
        monkeypatch.delenv("HF_TOKEN")
        with pytest.raises(Exception, match="no repository"):
            load_hub(REPO)

    def test_private_is_not_promised_for_what_is_public(self, folder: Path, hub: WritableHub) -> None:
        hub.commit(REPO, {"notes.md": b"hello"})
        with pytest.raises(PublishError, match="it is public"):
            publish(REPO, folder, really=True, private=True, force=True)
        assert writing(hub) == []

    def test_a_tag_is_not_moved(self, folder: Path, hub: WritableHub) -> None:
        old = hub.commit(REPO, checkpoint("old", auc=0.7), tag="v1")
        with pytest.raises(PublishError, match="the tag v1 is there already"):
            publish(REPO, folder, really=True, tag="v1", force=True)
        assert hub.repositories[REPO].refs == {"main": old, "v1": old}


class TestComparison:
    @pytest.mark.parametrize(
        ("there", "message"),
        [
            (checkpoint("old", auc=0.9), "the one there is better"),
            (checkpoint("old", auc=None), r"metrics\.json has no headline AUC for the one there"),
            (checkpoint("old") | {"metrics.json": b"{}"}, r"no headline AUC for the one there"),
            ({"config.json": b'{"model_type": "vit"}'}, r"its config\.json is not that of a checkpoint"),
        ],
    )
    def test_only_force_overwrites_what_is_not_known_to_be_worse(
        self, folder: Path, hub: WritableHub, there: Files, message: str
    ) -> None:
        before = hub.commit(REPO, there)
        with pytest.raises(PublishError, match=rf"alice/net is left as it is: .*{message}.*--force"):
            publish(REPO, folder, really=True)
        assert writing(hub) == []
        assert hub.repositories[REPO].refs == {"main": before}
        publish(REPO, folder, really=True, force=True)
        assert hub.content(REPO)["config.json"] == checkpoint()["config.json"]


def no_token(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("HF_TOKEN")


def token_that_reads(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HF_TOKEN", READER)


def token_that_is_not_known(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.users.clear()


def token_of_somebody_else(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.users[TOKEN] = User("bob")


def upload_that_breaks_off(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.faults.cut_uploads = 1000


def commit_that_does_not_arrive(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.faults.dropped = {"_commit_files"}


def hub_out_of_order(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.faults.status["*"] = 500


def hub_that_hangs_up(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.faults.hang_up = True


def gated(hub: WritableHub, environment: pytest.MonkeyPatch) -> None:
    hub.repositories[REPO].gated = True


class TestTrouble:
    @pytest.mark.parametrize(
        ("cause", "message"),
        [
            (no_token, "there is no token: set HF_TOKEN, or log in with hf auth login"),
            (token_that_reads, "the token may only read: make one with write permission for alice"),
            (
                token_that_is_not_known,
                "the Hub does not accept the token: make a new one, and log in with hf auth login",
            ),
            (
                token_of_somebody_else,
                "the token may not write to alice/net: it needs write permission for alice",
            ),
            (
                upload_that_breaks_off,
                "the exchange with the Hub on alice/net failed (*): run the same command again",
            ),
            (
                commit_that_does_not_arrive,
                "the exchange with the Hub on alice/net failed (*): run the same command again",
            ),
            (hub_out_of_order, "the Hub answered with status 500 for alice/net: run the same command again later"),
            (hub_that_hangs_up, "the exchange with the Hub on alice/net failed (*): run the same command again"),
            (gated, "alice/net is gated, and this token has no access to it"),
        ],
    )
    def test_leaves_the_repository_as_it_was_and_shows_no_token(
        self,
        folder: Path,
        hub: WritableHub,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        cause: Callable[[WritableHub, pytest.MonkeyPatch], None],
        message: str,
    ) -> None:
        before = hub.commit(REPO, checkpoint("old", auc=0.7))
        cause(hub, monkeypatch)
        with pytest.raises(PublishError) as caught:
            publish(REPO, folder, really=True)
        start, _, end = message.partition("*")
        assert str(caught.value).startswith(start)
        assert str(caught.value).endswith(end)
        assert hub.repositories[REPO].refs == {"main": before}
        shown = "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr()) + caplog.text
        assert TOKEN not in shown
        assert READER not in shown

    def test_an_interrupted_upload_is_taken_up_where_it_was(self, folder: Path, hub: WritableHub) -> None:
        hub.commit(REPO, checkpoint("old", auc=0.7))
        hub.faults.dropped = {"_commit_files"}
        with pytest.raises(PublishError):
            publish(REPO, folder, really=True)
        assert hub.content(REPO) == checkpoint("old", auc=0.7)
        hub.faults.dropped = set()
        hub.requests.clear()
        publish(REPO, folder, really=True)
        assert hub.content(REPO) == checkpoint()
        assert not any(each.method == "PUT" for each in hub.requests)

    def test_a_short_break_is_bridged(self, folder: Path, hub: WritableHub) -> None:
        hub.faults.cut_uploads = 1
        publish(REPO, folder, really=True)
        assert load_hub(REPO).id == load_folder(folder).id

    def test_a_lost_answer_is_made_up_for(self, folder: Path, hub: WritableHub) -> None:
        hub.faults.unanswered = {"_commit_files"}
        with pytest.raises(PublishError, match="run the same command again"):
            publish(REPO, folder, really=True, tag="v1")
        hub.faults.unanswered = set()
        commit = publish(REPO, folder, really=True, tag="v1")
        assert hub.repositories[REPO].refs == {"main": commit, "v1": commit}
        assert len(hub.repositories[REPO].commits) == 2

    def test_what_was_committed_meanwhile_is_not_overwritten(self, folder: Path, hub: WritableHub) -> None:
        hub.commit(REPO, checkpoint("old", auc=0.7))
        theirs = checkpoint("theirs", auc=0.99)
        hub.faults.before["_commit_files"] = lambda: hub.commit(REPO, theirs)
        with pytest.raises(PublishError, match="alice/net has changed since it was compared"):
            publish(REPO, folder, really=True, force=True)
        assert hub.content(REPO) == theirs

    def test_a_repository_that_appears_meanwhile_is_not_overwritten(self, folder: Path, hub: WritableHub) -> None:
        hub.faults.before["_create"] = lambda: hub.commit(REPO, checkpoint("theirs", auc=0.99))
        with pytest.raises(PublishError, match="has changed since it was compared"):
            publish(REPO, folder, really=True, force=True)
        assert hub.content(REPO) == checkpoint("theirs", auc=0.99)

    def test_what_arrived_is_checked(self, folder: Path, hub: WritableHub) -> None:
        hub.faults.corrupt.add("config.json")
        with pytest.raises(PublishError, match=r"config\.json that alice/net has at [0-9a-f]{12} is not the one"):
            publish(REPO, folder, really=True)

    def test_metadata_that_the_hub_refuses(self, folder: Path, hub: WritableHub) -> None:
        card = (folder / "README.md").read_text()
        (folder / "README.md").write_text(card.replace("license: apache-2.0", "license: [apache-2.0"))
        with pytest.raises(PublishError, match=r"metadata at the top of README\.md"):
            publish(REPO, folder, really=True)

    @pytest.mark.parametrize("name", ["net", "a/b/c", "alice/", "alice/--", "alice/a b", "https://hub/alice/net"])
    def test_names_that_no_repository_has(self, folder: Path, hub: WritableHub, name: str) -> None:
        with pytest.raises(PublishError, match="is no repository: that is owner/name"):
            publish(name, folder)
        assert hub.requests == []

    @pytest.mark.parametrize("tag", ["", "v 1", "../x"])
    def test_names_that_no_tag_has(self, folder: Path, hub: WritableHub, tag: str) -> None:
        with pytest.raises(PublishError, match="is no tag"):
            publish(REPO, folder, tag=tag)
