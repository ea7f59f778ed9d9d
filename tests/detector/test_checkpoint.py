"""Checkpoints from folders and from a Hub on this machine. No test runs the model files: a few bytes do."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from tests.servers.hub import Hub, Repository
from unfake.detector import choice
from unfake.detector import hub as hub_module
from unfake.detector.calibration import Calibration, Thresholds
from unfake.detector.checkpoint import BUNDLED, Checkpoint, load_folder
from unfake.detector.choice import choose
from unfake.detector.config import CheckpointConfig
from unfake.detector.hub import load_hub
from unfake.detector.views import ViewRule
from unfake.errors import (
    CheckpointCorrupt,
    CheckpointError,
    CheckpointMismatch,
    CheckpointNotFound,
    CheckpointUnreachable,
)

REPO = "alice/net"
TOKEN = "hf_verysecret"  # noqa: S105
ROOT = Path(__file__).parents[2]
Files = dict[str, bytes]


def configuration(**changes: Any) -> dict[str, Any]:
    """A ``config.json`` that is right but for ``changes``, which may be dotted (``views__size``)."""
    data: dict[str, Any] = {
        "schema": "unfake.checkpoint/1",
        "name": "unfake-toy",
        "backbone": "efficientnet_b0",
        "num_classes": 2,
        "dropout": 0.2,
        "labels": ["real", "fake"],
        "views": {"kind": "crops", "size": 224, "long_side": 1280, "max_views": 12},
        "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        "calibration": {"temperature": 1.3, "bias": 0.1},
        "thresholds": {"likely_real": 0.2, "likely_fake": 0.9},
        "files": {"model.safetensors": "a" * 64, "model.onnx": "b" * 64, "metrics.json": "c" * 64},
        "training": {"epochs": 3},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = data
        for key in parents:
            target = target[key]
        target[last] = value
    return data


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checkpoint_files(salt: str = "", **changes: Any) -> Files:
    """All files of a checkpoint, by name, with the right hashes unless ``changes`` say otherwise."""
    files = {
        "model.safetensors": f"weights {salt}".encode() * 50,
        "model.onnx": f"graph {salt}".encode() * 50,
        "metrics.json": json.dumps({"accuracy": 0.9}).encode(),
    }
    hashes = {name: sha256(content) for name, content in files.items()}
    config = configuration(**{"files": hashes, **changes})
    return {**files, "config.json": json.dumps(config).encode(), "README.md": b"# A card\n"}


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write(tmp_path / "bundled", checkpoint_files("bundled", name="bundled-net"))
    monkeypatch.setattr(choice, "BUNDLED", folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that huggingface_hub takes for the real one, and an empty cache.

    The library reads its environment once, when it is imported: hence the constants. Below, a process of its
    own gets the environment variables.
    """
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
    for thread in threading.enumerate():
        if thread.name == "unfake-hub":
            thread.join(10)
    close_session()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub waits a second before it resumes a download that was cut."""
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


class TestConfig:
    def test_reads_every_field(self) -> None:
        config = CheckpointConfig.from_json(configuration())
        assert config.name == "unfake-toy"
        assert config.backbone == "efficientnet_b0"
        assert (config.num_classes, config.dropout, config.labels) == (2, 0.2, ("real", "fake"))
        assert config.views == ViewRule("crops", 224, 1280, 12)
        assert config.mean == (0.5, 0.5, 0.5)
        assert config.std == (0.25, 0.25, 0.25)
        assert config.calibration == Calibration(1.3, 0.1)
        assert config.thresholds == Thresholds(0.2, 0.9)
        assert config.files["model.onnx"] == "b" * 64
        assert config.training == {"epochs": 3}

    def test_thresholds_without_a_widening_do_not_widen(self) -> None:
        assert CheckpointConfig.from_json(configuration()).thresholds.widening == 0

    @pytest.mark.parametrize("name", ["widening", "shift"])
    @pytest.mark.parametrize("value", [-1, "much", None])
    def test_a_widening_or_a_shift_that_makes_no_sense_is_refused(self, name: str, value: object) -> None:
        data = configuration()
        data["thresholds"][name] = value
        with pytest.raises(CheckpointCorrupt, match="thresholds"):
            CheckpointConfig.from_json(data)

    @pytest.mark.parametrize("views", [{"kind": "squash", "size": 600}, configuration()["views"]])
    def test_comes_back_from_its_own_json(self, views: dict[str, Any]) -> None:
        data = configuration(views=views, dropout=0)
        both = {"widening": 0.5, "reencoding": False, "shift": 0.8}
        portrait = {"likely_real": 0.1, "likely_fake": 0.95, **both}
        data["thresholds"] |= {**both, "portrait": portrait}
        config = CheckpointConfig.from_json(copy.deepcopy(data))
        assert json.loads(json.dumps(config.to_json())) == data
        assert CheckpointConfig.from_json(config.to_json()) == config

    def test_a_verdict_has_to_stand_after_re_encoding_unless_it_says_otherwise(self) -> None:
        assert CheckpointConfig.from_json(configuration()).thresholds.reencoding
        assert not CheckpointConfig.from_json(configuration(thresholds__reencoding=False)).thresholds.reencoding
        with pytest.raises(CheckpointCorrupt, match=r"thresholds\.reencoding"):
            CheckpointConfig.from_json(configuration(thresholds__reencoding="no"))

    def test_thresholds_for_portraits_that_give_no_label_are_refused(self) -> None:
        with pytest.raises(CheckpointCorrupt, match=r"thresholds\.portrait\.likely_fake"):
            CheckpointConfig.from_json(configuration(thresholds__portrait={"likely_real": 0.1}))
        with pytest.raises(CheckpointCorrupt, match="thresholds"):
            CheckpointConfig.from_json(configuration(thresholds__portrait={"likely_real": 0.9, "likely_fake": 0.1}))

    def test_leaves_keys_aside_that_it_does_not_know(self) -> None:
        assert CheckpointConfig.from_json(configuration(invented=1)).name == "unfake-toy"

    @pytest.mark.parametrize("backbone", ["efficientnet_b7", "tf_efficientnetv2_s", "tf_efficientnet_b7.ns_jft_in1k"])
    def test_runs_the_efficientnets(self, backbone: str) -> None:
        assert CheckpointConfig.from_json(configuration(backbone=backbone)).backbone == backbone

    def test_runs_the_first_blocks_of_a_vision_transformer(self) -> None:
        views = {"kind": "crops", "size": 224, "long_side": 1280, "max_views": 2, "far_side": 448, "far_views": 1}
        data = configuration(backbone="vit_base_patch16_clip_quickgelu_224", blocks=[5, 6, 7], views=views)
        config = CheckpointConfig.from_json(data)
        assert (config.blocks, config.views.far_views) == ((5, 6, 7), 1)
        assert CheckpointConfig.from_json(config.to_json()) == config

    @pytest.mark.parametrize("blocks", [[], [-1], ["7"], 7, [1.5], list(range(65))])
    def test_blocks_that_make_no_sense_are_refused(self, blocks: object) -> None:
        data = configuration(backbone="vit_base_patch16_clip_quickgelu_224") | {"blocks": blocks}
        with pytest.raises(CheckpointCorrupt, match="field blocks"):
            CheckpointConfig.from_json(data)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"schema": "unfake.checkpoint/2"}, "does not follow the schema unfake.checkpoint/1"),
            ({"schema": None}, "does not follow the schema unfake.checkpoint/1"),
            ({"backbone": "resnet50"}, "'resnet50' is not an EfficientNet"),
            ({"backbone": "vit_base_patch16_224"}, "is not an EfficientNet"),
            ({"blocks": [1]}, "is not a vision transformer, of which blocks are read"),
            (
                {"num_classes": 3, "labels": ["real", "fake", "painted"]},
                "classes of the checkpoint are not real and",
            ),
            ({"num_classes": 3}, "classes of the checkpoint are not real and fake"),
            ({"labels": ["fake", "real"]}, "not real and fake, in that order"),
            ({"views__kind": "spiral"}, "unknown view rule 'spiral'"),
            ({"views__size": 8}, "view size 8 is not between"),
            ({"views__long_side": 100}, "shorter than a view"),
            ({"views__max_views": 0}, "at least one view"),
        ],
    )
    def test_mismatch(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(CheckpointMismatch, match=message):
            CheckpointConfig.from_json(configuration(**changes))

    @pytest.mark.parametrize("path", sorted(set(configuration()) - {"schema"}))
    def test_missing_field(self, path: str) -> None:
        data = configuration()
        del data[path]
        with pytest.raises(CheckpointCorrupt, match=f"field {path}"):
            CheckpointConfig.from_json(data)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("name", "../up"),
            ("name", 7),
            ("backbone", None),
            ("num_classes", "2"),
            ("num_classes", True),
            ("dropout", 1.0),
            ("dropout", float("nan")),
            ("labels", "real fake"),
            ("labels", [0, 1]),
            ("views", "crops"),
            ("views__kind", 1),
            ("views__size", 224.5),
            ("views__long_side", None),
            ("normalisation__mean", [0.5, 0.5]),
            ("normalisation__mean", [0.5, float("nan"), 0.5]),
            ("normalisation__std", [0.5, 0.0, 0.5]),
            ("normalisation__std", [0.5, float("inf"), 0.5]),
            ("normalisation__std", [0.5, 10**400, 0.5]),
            ("calibration__temperature", "warm"),
            ("calibration__temperature", 0),
            ("calibration__bias", float("inf")),
            ("thresholds__likely_real", 0.95),
            ("thresholds__likely_fake", False),
            ("files", {"model.onnx": "b" * 64}),
            ("files__model.onnx", "b" * 63),
            ("files__model.onnx", None),
            ("files__../../etc/passwd", "b" * 64),
            ("files__weights.pth", "b" * 64),
            ("training", []),
        ],
    )
    def test_wrong_type_or_range(self, path: str, value: object) -> None:
        with pytest.raises(CheckpointCorrupt, match=r"config\.json"):
            CheckpointConfig.from_json(configuration(**{path: value}))

    @pytest.mark.parametrize("data", [None, [], "text", 3])
    def test_not_an_object(self, data: object) -> None:
        with pytest.raises(CheckpointCorrupt, match="does not hold a JSON object"):
            CheckpointConfig.from_json(data)


class TestFolder:
    def test_loads(self, tmp_path: Path) -> None:
        files = checkpoint_files()
        folder = write(tmp_path / "net", files)
        found = load_folder(folder)
        digest = sha256(files["model.onnx"])[:12]
        assert (found.origin, found.repository, found.notice) == ("folder", None, None)
        assert found.revision == digest
        assert found.id == f"unfake-toy@{digest}"
        assert found.onnx_path.read_bytes() == files["model.onnx"]
        assert found.safetensors_path.read_bytes() == files["model.safetensors"]
        assert found.metrics() == {"accuracy": 0.9}
        assert found.card() == "# A card\n"

    def test_card_and_unlisted_metrics_may_be_missing(self, tmp_path: Path) -> None:
        files = checkpoint_files()
        config = json.loads(files["config.json"])
        del config["files"]["metrics.json"], files["metrics.json"], files["README.md"]
        files["config.json"] = json.dumps(config).encode()
        found = load_folder(write(tmp_path / "net", files))
        assert found.metrics() == {}
        assert found.card() == ""

    def test_no_such_folder_is_named_without_its_path(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointNotFound, match=r"^There is no checkpoint folder 'gone'\.$"):
            load_folder(tmp_path / "gone")

    @pytest.mark.parametrize("name", ["config.json", "model.onnx", "model.safetensors", "metrics.json"])
    def test_missing_file(self, tmp_path: Path, name: str) -> None:
        files = checkpoint_files()
        del files[name]
        with pytest.raises(CheckpointNotFound, match=f"has no {name}"):
            load_folder(write(tmp_path / "net", files))

    @pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "metrics.json"])
    def test_other_sha256(self, tmp_path: Path, name: str) -> None:
        files = checkpoint_files()
        files[name] += b" "
        with pytest.raises(CheckpointCorrupt, match=f"{name} does not have the sha256"):
            load_folder(write(tmp_path / "net", files))

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"num_classes": 1' + b"0" * 5000])
    def test_unreadable_config(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(CheckpointCorrupt, match=r"config\.json of the checkpoint is not readable JSON"):
            load_folder(write(tmp_path / "net", checkpoint_files() | {"config.json": content}))

    def test_config_that_cannot_be_run(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointMismatch, match="resnet50"):
            load_folder(write(tmp_path / "net", checkpoint_files(backbone="resnet50")))

    def test_metrics_that_are_no_object(self, tmp_path: Path) -> None:
        files = checkpoint_files() | {"metrics.json": b"[1]"}
        config = json.loads(files["config.json"])
        config["files"]["metrics.json"] = sha256(b"[1]")
        files["config.json"] = json.dumps(config).encode()
        with pytest.raises(CheckpointCorrupt, match=r"metrics\.json"):
            load_folder(write(tmp_path / "net", files)).metrics()


class TestHub:
    def test_found(self, hub: Hub) -> None:
        files = checkpoint_files()
        commit = hub.commit(REPO, files | {"pytorch_model.bin": b"pickle", "logo.png": b"picture"})
        found = load_hub(REPO)
        assert (found.origin, found.repository, found.revision, found.notice) == ("hub", REPO, commit, None)
        assert found.id == f"unfake-toy@{sha256(files['model.onnx'])[:12]}"
        assert found.onnx_path.read_bytes() == files["model.onnx"]
        assert found.metrics() == {"accuracy": 0.9}
        assert found.card() == "# A card\n"
        assert sorted(hub.sent()) == sorted(files)

    def test_endpoint_and_cache_may_be_given(self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        hub.commit(REPO, checkpoint_files())
        found = load_hub(REPO, endpoint=hub.url, cache_dir=tmp_path / "elsewhere", token=TOKEN)
        assert found.folder.is_relative_to(tmp_path / "elsewhere")

    def test_second_load_asks_for_no_bytes(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        first = load_hub(REPO)
        hub.requests.clear()
        assert load_hub(REPO) == first
        assert {each.method for each in hub.requests} == {"HEAD"}

    def test_new_commit_is_seen(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files("old"))
        old = load_hub(REPO)
        commit = hub.commit(REPO, checkpoint_files("new"))
        found = load_hub(REPO)
        assert found.revision == commit
        assert found.id != old.id

    def test_stopped_hub_leaves_the_last_known_commit(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files("old"))
        load_hub(REPO)
        commit = hub.commit(REPO, checkpoint_files("new"))
        new = load_hub(REPO)
        hub.stop()
        found = load_hub(REPO)
        assert (found.id, found.revision) == (new.id, commit)
        assert found.notice == (
            "The Hub is not available, so alice/net is used as it was last downloaded "
            f"(commit {commit[:12]}); a newer version may exist."
        )

    def test_hub_out_of_order_leaves_the_last_known_commit(self, hub: Hub) -> None:
        commit = hub.commit(REPO, checkpoint_files())
        load_hub(REPO)
        hub.faults.status["*"] = 503
        found = load_hub(REPO)
        assert found.revision == commit
        assert found.notice is not None
        assert found.notice.startswith("The Hub is not available")

    def test_access_withdrawn_is_not_overruled_by_the_cache(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        load_hub(REPO)
        hub.repositories[REPO].private = True
        with pytest.raises(CheckpointNotFound):
            load_hub(REPO)

    def test_pinned_and_cached_asks_nobody(self, hub: Hub) -> None:
        commit = hub.commit(REPO, checkpoint_files("old"))
        hub.commit(REPO, checkpoint_files("new"))
        first = load_hub(REPO, commit)
        hub.requests.clear()
        assert load_hub(REPO, commit) == first
        assert hub.requests == []
        hub.stop()
        assert load_hub(REPO, commit) == first
        assert first.notice is None

    def test_revisions(self, hub: Hub) -> None:
        old = hub.commit(REPO, checkpoint_files("old"), tag="v1")
        side = hub.commit(REPO, checkpoint_files("side"), branch="try/out")
        new = hub.commit(REPO, checkpoint_files("new"))
        asked = {None: new, "main": new, "v1": old, "try/out": side, old: old, old[:10]: old}
        assert {revision: load_hub(REPO, revision).revision for revision in asked} == asked

    def test_incomplete_cache_is_not_used(self, hub: Hub) -> None:
        commit = hub.commit(REPO, checkpoint_files())
        load_hub(REPO).onnx_path.unlink()
        hub.stop()
        for revision in (None, commit):
            with pytest.raises(CheckpointUnreachable):
                load_hub(REPO, revision)

    def test_missing_card_costs_nothing(self, hub: Hub) -> None:
        files = checkpoint_files()
        del files["README.md"]
        hub.commit(REPO, files)
        assert load_hub(REPO).card() == ""

    def test_failing_card_costs_nothing(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        hub.faults.status["README.md"] = 500
        assert load_hub(REPO).card() == ""

    def test_mismatch_costs_no_download(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files(backbone="resnet50"))
        with pytest.raises(CheckpointMismatch):
            load_hub(REPO)
        assert hub.sent() == ["config.json"]

    @pytest.mark.usefixtures("impatient")
    def test_download_that_breaks_off_is_resumed(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10)  # what is less than a chunk is not kept
        files = checkpoint_files()
        hub.commit(REPO, files)
        hub.faults.cut["model.onnx"] = 2
        assert load_hub(REPO).onnx_path.read_bytes() == files["model.onnx"]
        ranges = [each.headers.get("range") for each in hub.requests if each.cdn and each.file == "model.onnx"]
        half = len(files["model.onnx"]) // 2
        assert ranges[:2] == [None, f"bytes={half}-"]

    def test_mute_hub_does_not_hold_up(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        hub.faults.mute = True
        with pytest.raises(CheckpointUnreachable, match=r"did not answer within 0\.2 seconds|ReadTimeout"):
            load_hub(REPO, timeout=0.2)


class TestDeadline:
    def test_ends_what_takes_too_long(self) -> None:
        release = threading.Event()
        with pytest.raises(CheckpointUnreachable, match=r"^The Hub did not answer within 0\.05 seconds\.$"):
            hub_module._within(0.05, release.wait)
        release.set()

    def test_passes_on_the_outcome(self) -> None:
        assert hub_module._within(10, lambda: 7) == 7
        with pytest.raises(CheckpointCorrupt, match="as it was"):
            hub_module._within(10, self._fail)

    @staticmethod
    def _fail() -> None:
        raise CheckpointCorrupt("as it was")


class TestDamage:
    """A damaged copy in the cache must not stay."""

    @pytest.mark.parametrize("pinned", [False, True])
    @pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "metrics.json"])
    def test_damaged_copy_is_downloaded_again(self, hub: Hub, name: str, pinned: bool) -> None:
        files = checkpoint_files()
        commit = hub.commit(REPO, files)
        first = load_hub(REPO)
        (first.folder / name).write_bytes(b"damage")
        hub.requests.clear()
        assert load_hub(REPO, commit if pinned else None) == first
        assert (first.folder / name).read_bytes() == files[name]
        assert hub.sent() == ["config.json", name]

    @pytest.mark.parametrize("pinned", [False, True])
    def test_damaged_config_is_downloaded_again(self, hub: Hub, pinned: bool) -> None:
        commit = hub.commit(REPO, checkpoint_files())
        first = load_hub(REPO)
        (first.folder / "config.json").write_bytes(b"{")
        hub.requests.clear()
        assert load_hub(REPO, commit if pinned else None) == first
        assert hub.sent() == ["config.json"]

    @pytest.mark.parametrize("pinned", [False, True])
    def test_damaged_copy_without_the_hub(self, hub: Hub, pinned: bool) -> None:
        commit = hub.commit(REPO, checkpoint_files())
        load_hub(REPO).onnx_path.write_bytes(b"damage")
        hub.stop()
        with pytest.raises(CheckpointCorrupt, match=r"model\.onnx does not have the sha256"):
            load_hub(REPO, commit if pinned else None)

    def test_damaged_copy_costs_an_absent_hub_no_second_wait(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        load_hub(REPO).onnx_path.write_bytes(b"damage")
        hub.requests.clear()
        hub.faults.status["*"] = 503
        with pytest.raises(CheckpointCorrupt):
            load_hub(REPO)
        assert len(hub.requests) == 1

    def test_wrong_bytes_are_asked_for_twice_and_not_for_ever(self, hub: Hub) -> None:
        files = checkpoint_files()
        hub.commit(REPO, files)
        hub.faults.corrupt.add("model.onnx")
        with pytest.raises(CheckpointCorrupt, match=r"model\.onnx"):
            load_hub(REPO)
        assert hub.sent().count("model.onnx") == 2
        assert hub.sent().count("model.safetensors") == 1
        hub.faults.corrupt.clear()
        assert load_hub(REPO).onnx_path.read_bytes() == files["model.onnx"]


@dataclass(frozen=True)
class Trouble:
    """A checkpoint that cannot be had: what is done to the Hub, the error, and its message as a clause."""

    prepare: Callable[[Hub], object]
    error: type[CheckpointError]
    reason: str
    revision: str | None = None
    token: str | None = None

    @property
    def model(self) -> str:
        return REPO + (f"@{self.revision}" if self.revision else "")


def without(name: str) -> Callable[[Hub], object]:
    return lambda hub: hub.commit(REPO, {k: v for k, v in checkpoint_files().items() if k != name})


def with_config(**changes: Any) -> Callable[[Hub], object]:
    return lambda hub: hub.commit(REPO, checkpoint_files(**changes))


def with_faults(**faults: Any) -> Callable[[Hub], object]:
    def prepare(hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        for name, value in faults.items():
            setattr(hub.faults, name, value)

    return prepare


def closed(**access: bool) -> Callable[[Hub], object]:
    def prepare(hub: Hub) -> None:
        hub.repositories[REPO] = Repository(**access)  # type: ignore[arg-type]
        hub.commit(REPO, checkpoint_files())

    return prepare


NO_ACCESS = "there is no repository alice/net on the Hub that this app has access to"
NO_REPOSITORY = "there is no repository alice/net on the Hub, or it is private"
ONNX_DAMAGED = "the file model.onnx does not have the sha256 that config.json gives"
TROUBLES = {
    "port closed": Trouble(
        Hub.stop,
        CheckpointUnreachable,
        "the connection to the Hub failed for config.json of alice/net (ConnectError)",
    ),
    "hangs up": Trouble(
        with_faults(hang_up=True),
        CheckpointUnreachable,
        "the connection to the Hub failed for config.json of alice/net (RemoteProtocolError)",
    ),
    "out of order": Trouble(
        with_faults(status={"*": 500}),
        CheckpointUnreachable,
        "the Hub answered with status 500 for config.json of alice/net",
    ),
    "not a Hub": Trouble(
        with_faults(foreign=True),
        CheckpointUnreachable,
        "the server that was asked for alice/net is not a Hub",
    ),
    "model out of order": Trouble(
        with_faults(status={"model.onnx": 502}),
        CheckpointUnreachable,
        "the Hub answered with status 502 for model.onnx of alice/net",
    ),
    "no repository": Trouble(lambda hub: None, CheckpointNotFound, NO_ACCESS),
    "no repository, with a token": Trouble(lambda hub: None, CheckpointNotFound, NO_REPOSITORY, token=TOKEN),
    "private": Trouble(closed(private=True), CheckpointNotFound, NO_ACCESS),
    "private to this token": Trouble(closed(private=True), CheckpointNotFound, NO_REPOSITORY, token=TOKEN),
    "gated": Trouble(
        closed(gated=True),
        CheckpointNotFound,
        "the Hub repository alice/net is gated, and access to it has not been granted",
    ),
    "gated to this token": Trouble(
        closed(gated=True),
        CheckpointNotFound,
        "the Hub repository alice/net is gated, and access to it has not been granted",
        token=TOKEN,
    ),
    "no revision": Trouble(
        with_config(), CheckpointNotFound, "there is no revision v9 of alice/net on the Hub", revision="v9"
    ),
    "no commit": Trouble(
        with_config(),
        CheckpointNotFound,
        f"there is no revision {'f' * 40} of alice/net on the Hub",
        revision="f" * 40,
    ),
    "no config": Trouble(
        without("config.json"),
        CheckpointNotFound,
        "there is no config.json in alice/net at revision main on the Hub",
    ),
    "no model": Trouble(
        without("model.onnx"),
        CheckpointNotFound,
        "there is no model.onnx in alice/net at revision {commit} on the Hub",
    ),
    "wrong bytes": Trouble(with_faults(corrupt={"model.onnx"}), CheckpointCorrupt, ONNX_DAMAGED),
    "wrong sha256": Trouble(
        with_config(files=dict.fromkeys(("model.onnx", "model.safetensors"), "0" * 64)),
        CheckpointCorrupt,
        ONNX_DAMAGED,
    ),
    "config of another kind": Trouble(
        lambda hub: hub.commit(REPO, checkpoint_files() | {"config.json": b"<html>"}),
        CheckpointCorrupt,
        "the file config.json of the checkpoint is not readable JSON",
    ),
    "another architecture": Trouble(
        with_config(backbone="resnet50"),
        CheckpointMismatch,
        "the backbone 'resnet50' is not an EfficientNet",
    ),
    "three classes": Trouble(
        with_config(num_classes=3, labels=["real", "fake", "painted"]),
        CheckpointMismatch,
        "the classes of the checkpoint are not real and fake, in that order",
    ),
    "other labels": Trouble(
        with_config(labels=["fake", "real"]),
        CheckpointMismatch,
        "the classes of the checkpoint are not real and fake, in that order",
    ),
    "another schema": Trouble(
        with_config(schema="somebody.else/4"),
        CheckpointMismatch,
        "the file config.json does not follow the schema unfake.checkpoint/1",
    ),
    "another rule": Trouble(
        with_config(views={"kind": "spiral", "size": 224}),
        CheckpointMismatch,
        "the view rule of config.json cannot be followed: unknown view rule 'spiral'",
    ),
    "always cut off": Trouble(
        with_faults(cut={"model.onnx": 1_000_000}),
        CheckpointUnreachable,
        "the connection to the Hub failed for model.onnx of alice/net (RemoteProtocolError)",
    ),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
class TestTroubles:
    def _prepare(self, hub: Hub, trouble: Trouble) -> str:
        """Do it, and give the reason with the commit filled in."""
        trouble.prepare(hub)
        commits = hub.repositories[REPO].refs if REPO in hub.repositories else {}
        return trouble.reason.format(commit=commits.get("main"))

    def test_load_hub_raises(self, hub: Hub, trouble: Trouble) -> None:
        reason = self._prepare(hub, trouble)
        with pytest.raises(trouble.error) as caught:
            load_hub(REPO, trouble.revision, token=trouble.token)
        message = str(caught.value)
        assert message == reason[0].upper() + reason[1:] + "."
        assert TOKEN not in "".join(traceback.format_exception(caught.value))

    def test_choose_falls_back_and_says_so(self, hub: Hub, bundled: Path, trouble: Trouble) -> None:
        reason = self._prepare(hub, trouble)
        found = choose(trouble.model, token=trouble.token)
        assert (found.origin, found.folder, found.config.name) == ("bundled", bundled, "bundled-net")
        assert found.notice == (
            f"The checkpoint {trouble.model} was asked for, but {reason}; the bundled checkpoint is used instead."
        )
        # Nothing of the first try may make the second one differ.
        assert choose(trouble.model, token=trouble.token).notice == found.notice


class TestToken:
    def test_is_sent_to_the_hub_and_not_to_the_cdn(self, hub: Hub) -> None:
        hub.repositories[REPO] = Repository(private=True, readers={TOKEN})
        hub.commit(REPO, checkpoint_files())
        assert load_hub(REPO, token=TOKEN).repository == REPO
        sent = {each.cdn: each.headers.get("authorization") for each in hub.requests}
        assert sent == {False: f"Bearer {TOKEN}", True: None}

    def test_is_not_sent_when_there_is_none(self, hub: Hub) -> None:
        hub.commit(REPO, checkpoint_files())
        load_hub(REPO, token="")
        assert not any("authorization" in each.headers for each in hub.requests)

    @pytest.mark.parametrize("token", [f"{TOKEN}\nsecond line", f"{TOKEN}é"])
    def test_that_fits_no_header_is_not_shown(
        self, hub: Hub, bundled: Path, token: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        hub.commit(REPO, checkpoint_files())
        with pytest.raises(CheckpointUnreachable) as caught:
            load_hub(REPO, token=token)
        notice = choose(REPO, token=token).notice
        assert TOKEN not in "".join(traceback.format_exception(caught.value)) + str(notice) + caplog.text


class TestChoose:
    def test_nothing_asked_for(self, bundled: Path) -> None:
        found = choose(None)
        assert (found.origin, found.folder, found.notice) == ("bundled", bundled, None)
        assert choose(" ", None) == found

    def test_a_bundled_one_by_its_name(self, hub: Hub) -> None:
        found = choose("unfake-clip", space_author="alice")
        assert (found.origin, found.folder, found.notice) == ("bundled", BUNDLED, None)
        assert hub.requests == []

    def test_folder(self, tmp_path: Path, bundled: Path) -> None:
        folder = write(tmp_path / "mine", checkpoint_files(name="mine"))
        found = choose(str(folder), space_author="alice")
        assert (found.origin, found.config.name, found.notice) == ("folder", "mine", None)

    def test_folder_named_like_a_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / REPO, checkpoint_files(name="mine"))
        assert choose(REPO).origin == "folder"
        assert hub.requests == []

    def test_bad_folder_is_named_without_its_path(self, tmp_path: Path, bundled: Path) -> None:
        folder = write(tmp_path / "mine", checkpoint_files(backbone="resnet50"))
        assert choose(str(folder)).notice == (
            "The checkpoint mine was asked for, but the backbone 'resnet50' is not an EfficientNet; "
            "the bundled checkpoint is used instead."
        )

    @pytest.mark.parametrize(
        ("model", "shown"),
        [
            ("/srv/secret/place/net", "net"),
            ("net", "net"),
            ("alice/net@", "net@"),
            ("alice/net@../../x", "x"),
            ("alice/net@a/../../x", "alice/net@a/../../x"),
            ("https://alice:hf_verysecret@hub.example/alice/net", "net"),
        ],
    )
    def test_neither_folder_nor_repository(self, bundled: Path, hub: Hub, model: str, shown: str) -> None:
        assert choose(model).notice == (
            f"The checkpoint {shown} was asked for, but there is no such folder, and it is not a Hub "
            "repository (owner/name, or with @revision); the bundled checkpoint is used instead."
        )
        assert hub.requests == []

    @pytest.mark.parametrize("revision", ["main", "f" * 40])
    def test_name_that_no_repository_can_have(self, bundled: Path, hub: Hub, revision: str) -> None:
        notice = choose(f"a--b/net@{revision}").notice
        assert notice is not None
        assert "there is no repository a--b/net on the Hub" in notice

    def test_repository_at_a_revision(self, hub: Hub, bundled: Path) -> None:
        old = hub.commit(REPO, checkpoint_files("old"), tag="v1.0")
        hub.commit(REPO, checkpoint_files("new"))
        found = choose(f"{REPO}@v1.0", space_author="bob", token=TOKEN)
        assert (found.origin, found.repository, found.revision, found.notice) == ("hub", REPO, old, None)
        assert {each.headers.get("authorization") for each in hub.requests if not each.cdn} == {f"Bearer {TOKEN}"}

    def test_checkpoint_of_the_space_owner(self, hub: Hub, bundled: Path) -> None:
        commit = hub.commit("bob/unfake-efficientnet-b7", checkpoint_files())
        found = choose(None, space_author="bob")
        assert (found.origin, found.repository, found.revision) == (
            "hub",
            "bob/unfake-efficientnet-b7",
            commit,
        )
        assert found.notice is None

    def test_space_owner_without_a_checkpoint(self, hub: Hub, bundled: Path) -> None:
        found = choose(None, space_author="bob", token=TOKEN)
        assert found.origin == "bundled"
        assert found.notice == (
            "This Space looks for the checkpoint bob/unfake-efficientnet-b7, but there is no repository "
            "bob/unfake-efficientnet-b7 on the Hub, or it is private; the bundled checkpoint is used instead."
        )

    def test_cached_copy_speaks_rather_than_the_bundled_one(self, hub: Hub, bundled: Path) -> None:
        hub.commit(REPO, checkpoint_files())
        choose(REPO)
        hub.stop()
        found = choose(REPO)
        assert found.origin == "hub"
        assert found.notice is not None
        assert "last downloaded" in found.notice

    @pytest.mark.parametrize("model", [None, "alice/net"])
    def test_bundled_checkpoint_that_is_bad_itself(self, hub: Hub, bundled: Path, model: str | None) -> None:
        (bundled / "model.onnx").write_bytes(b"damage")
        with pytest.raises(CheckpointCorrupt, match=r"model\.onnx does not have the sha256"):
            choose(model)


def python(code: str, **environment: str) -> str:
    """Output of a fresh interpreter in which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("HF_")} | environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_stays_light() -> None:
    code = "import sys, unfake.detector.choice; print({m.split('.')[0] for m, loaded in sys.modules.items() if loaded})"
    loaded = python(code)
    assert not [name for name in ("torch", "openvino", "huggingface_hub", "gradio") if f"'{name}'" in loaded]


def test_environment_leads_to_the_hub_and_its_cache(tmp_path: Path) -> None:
    code = (
        "from unfake.detector.choice import choose\n"
        f"found = choose({REPO!r})\n"
        "print(found.origin, found.revision, found.folder, sep='\\n')"
    )
    with Hub() as hub:
        commit = hub.commit(REPO, checkpoint_files())
        output = python(code, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"), HF_TOKEN=TOKEN)
        origin, revision, folder = output.splitlines()
        assert (origin, revision) == ("hub", commit)
        assert Path(folder).is_relative_to(tmp_path / "home")
        assert f"Bearer {TOKEN}" in {each.headers.get("authorization") for each in hub.requests}


def test_checkpoints_compare_by_value(tmp_path: Path) -> None:
    folder = write(tmp_path / "net", checkpoint_files())
    first: Checkpoint = load_folder(folder)
    assert first == load_folder(folder)
