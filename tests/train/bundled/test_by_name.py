"""A tower by its timm name: its weights from a Hub on this machine, then all the way to another repository there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save

from tests.servers.hub_writing import WritableHub
from tests.train.bundled import tiny
from tests.train.bundled.test_making import CONFIG, PROTOCOL
from tests.train.checkpoint.test_publish import REPO, hub  # noqa: F401 - a fixture
from train.bundled import making, tower
from train.checkpoint.publish import publish
from train.errors import ConfigError, RunError
from train.measure import metrics
from unfake.detector.detector import Detector
from unfake.detector.hub import load_hub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

SMALL: dict[str, Any] = {
    "blocks": [0, 1],
    "views": {"kind": "crops", "size": tiny.SIZE, "long_side": 96, "max_views": 2},
    "drawing": {"size": tiny.SIZE, "far_side": 64, "far_sides": [48, 96]},
    "long_side": 224,
    "first": 1,
    "measured_elsewhere": 1,
    "penalty": 0.01,
}


def serve(hub: WritableHub, name: str, tag: str) -> bytes:  # noqa: F811
    """Put a tower where timm looks for it; gives the bytes of its weights."""
    content = save(tiny.drawn(timm.create_model(name, num_classes=0)).state_dict())
    hub.commit(f"timm/{name}.{tag}", {"model.safetensors": content})
    return content


@pytest.mark.parametrize(
    ("backbone", "tag", "steps", "licence"),
    [
        ("vit_toy_dino", "lvd", 0, "license: other\nlicense_name: dinov3-license\n"),
        ("vit_toy_pe", "fb", 2, "license: apache-2.0\n"),
    ],
)
def test_from_the_name_to_a_repository_that_the_app_loads(
    backbone: str,
    tag: str,
    steps: int,
    licence: str,
    hub: WritableHub,  # noqa: F811
    pool: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a tower on the Hub, and a recipe that names it
    content = serve(hub, backbone, tag)
    own = {"extends": "base.json", "backbone": backbone, "steps": steps}
    protocol = replace(PROTOCOL, deliveries=["web"]).to_json()
    for name, data in (("base", CONFIG | SMALL), ("own", own), ("protocol", protocol)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    monkeypatch.setattr(metrics, "ROUNDS", 20)
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["making", str(tmp_path / "own.json"), "--pool", str(pool), "--out", str(out)])
    # when the command runs
    making.main()
    # then what it was made from is that file, and only what was to learn has changed
    noted = json.loads((out / "final" / "made_from").read_text())["weights"]
    digest = hashlib.sha256(content).hexdigest()
    assert noted == hashlib.sha256(json.dumps(digest).encode()).hexdigest()
    served = timm.create_model(backbone, num_classes=0).state_dict() | load_file_of(content, tmp_path)
    made = load_file(out / "final" / "model" / "model.safetensors")
    kept = {n.removeprefix("backbone."): t for n, t in made.items() if n.startswith("backbone.")}
    changed = {name for name, tensor in kept.items() if not torch.equal(tensor, served[name])}
    learned = {n for n, t in kept.items() if n.startswith("blocks.1.") and t.ndim > 1} if steps else set()
    assert changed == learned
    # and it is published under the licence of its weights, and the app runs it from there
    folder = out / "final" / "checkpoint"
    assert publish(REPO, folder) is None
    publish(REPO, folder, really=True)
    found = load_hub(REPO)
    assert licence in found.card()
    noise = np.asarray(Image.effect_noise((96, 80), 60).convert("RGB"), dtype=np.uint8)
    assert Detector.load(found, "cpu", "f32").detect(noise).views == 2


def load_file_of(content: bytes, folder: Path) -> dict[str, torch.Tensor]:
    (folder / "served.safetensors").write_bytes(content)
    return load_file(folder / "served.safetensors")


def test_a_tag_says_which_weights(hub: WritableHub) -> None:  # noqa: F811
    content = serve(hub, "vit_toy_class", "two")
    assert tower.fetched("vit_toy_class.two").read_bytes() == content
    with pytest.raises(ConfigError, match=r"several sets of weights: name one of vit_toy_class\.one, vit_toy_class\.t"):
        tower.fetched("vit_toy_class")


def test_weights_that_were_fetched_once_are_there_without_the_hub(hub: WritableHub) -> None:  # noqa: F811
    content = serve(hub, "vit_toy_pe", "fb")
    tower.fetched("vit_toy_pe")
    hub.stop()
    assert tower.fetched("vit_toy_pe").read_bytes() == content
    with pytest.raises(RunError, match=r"weights of vit_toy_dino cannot be had from the Hub \(ConnectError\): connect"):
        tower.fetched("vit_toy_dino")


def test_a_licence_that_is_to_be_accepted_is_told(hub: WritableHub) -> None:  # noqa: F811
    serve(hub, "vit_toy_dino", "lvd")
    hub.repositories["timm/vit_toy_dino.lvd"].gated = True
    with pytest.raises(RunError, match=r"gated: accept its licence at https://huggingface\.co/timm/vit_toy_dino\.lvd"):
        tower.fetched("vit_toy_dino")


def test_weights_that_nobody_has_are_asked_for(hub: WritableHub) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="knows of no weights of vit_toy_unheard on the Hub: give a file"):
        tower.fetched("vit_toy_unheard")
    assert hub.requests == []


def test_a_file_with_other_weights_is_refused(tmp_path: Path) -> None:
    vit = timm.create_model("vit_toy_class", num_classes=0)
    file = tmp_path / "vit.safetensors"
    file.write_bytes(save(vit.state_dict() | {"cls_token": torch.zeros(1, 2, 64)}))
    with pytest.raises(RunError, match="does not hold the weights of vit_toy_class: cls_token is of another shape"):
        tower.fill(vit, "vit_toy_class", file)
    file.write_bytes(b"no weights")
    with pytest.raises(RunError, match="is no file of safetensors"):
        tower.fill(vit, "vit_toy_class", file)
