"""The larger checkpoint: a tower with our head, from what the tower saw to what the app runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.train.bundled.test_circle import PROTOCOL
from tests.train.conftest import write_pool
from train.bundled import large, protocol_views, tower
from train.bundled.head import Head, Seen, learn
from train.errors import RunError
from train.measure import metrics, predictions
from train.pool import read_pool
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.detector import Detector
from unfake.detector.runtime import OpenVinoRuntime, TorchRuntime
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import ViewRule

CONFIG: dict[str, Any] = {
    "name": "toy-tower",
    "backbone": "vit_tiny_patch16_224",
    "blocks": [1, 3],
    "strength": 1.0,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "views": {"kind": "crops", "size": 224, "long_side": 1280, "max_views": 2, "far_side": 448, "far_views": 1},
    "boosted": [],
    "boost": 1.0,
    "seed": 1,
    "note": "A test.",
}
SEEN: dict[str, Any] = {
    "backbone": CONFIG["backbone"],
    "deliveries": ["web"],
    "seed": 1,
    "unused": [],
    "portraits": [],
    "portraits_most": 0,
    "boosted": [],
    "older": 8,
    "measured": ["held"],
    "most": 2,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    state = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).state_dict()
    for name, tensor in state.items():  # as a package has them: int8 by rows
        if name.startswith("blocks.") and tensor.ndim == 2:
            scale = tensor.abs().amax(1, keepdim=True) / 127
            tensor.copy_((tensor / scale).round() * scale)
    save_file(state, path)
    return path


@pytest.fixture(scope="module")
def features(weights: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("features")
    tower.collect(SEEN, pool, weights, out)
    return out


@pytest.fixture(scope="module")
def made(weights: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """What the command makes, from nothing but the pool and the weights."""
    folder = tmp_path_factory.mktemp("large")
    config = CONFIG | {"tower": "tower.json", "protocol": "protocol.json", "most": 3}
    for name, content in (("large", config), ("tower", SEEN), ("protocol", PROTOCOL.to_json())):
        (folder / f"{name}.json").write_text(json.dumps(content))
    paths = {"features": folder / "features", "weights": weights, "pool": pool, "out": folder / "out"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "ROUNDS", 20)
        options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        patch.setattr("sys.argv", ["large", str(folder / "large.json"), *options])
        large.main()
    return load_folder(folder / "out" / "final" / "checkpoint")


def test_the_head_is_the_one_that_was_fitted(features: Path, weights: Path) -> None:
    # given the network and the views that the tower saw
    seen = Seen.load(features)
    model = large.network(CONFIG, seen, weights, ["held"])
    head = learn(seen, CONFIG | {"tokens": [0], "kinds": ["near", "far"]}, ["held"], [], 1.0)
    pixels = torch.rand(2, 3, 224, 224)
    whole = tower.Tower("vit_tiny_patch16_224", weights)
    with torch.no_grad():
        logits = model(pixels)
        kept = whole(((pixels * 0.5 + 0.5) * 255).permute(0, 2, 3, 1)).numpy()
    # then its margin is the head's, on what the whole tower passes on
    several = replace(seen, features=kept.astype(np.float16))
    margins = head(several.vectors(np.arange(2), CONFIG["blocks"], [0]))
    np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).numpy(), margins, atol=0.05)


def test_a_head_parts_what_can_be_parted() -> None:
    rng = np.random.default_rng(0)
    fake = np.arange(40) % 2 == 1
    vectors = rng.normal(0, 1, (40, 5)) + 3 * fake[:, None] * (1, 0, 0, 0, 0)
    head = Head.fit(vectors, fake, np.ones(40), 1.0)
    assert ((head(vectors) > 0) == fake).mean() > 0.9


def test_matrices_that_were_int8_are_stored_as_they_were(made: Checkpoint, weights: Path) -> None:
    model, before = TowerClassifier.from_pretrained(made.folder), load_file(weights)
    for name, tensor in model.backbone.blocks.state_dict().items():
        if tensor.ndim == 2:
            np.testing.assert_allclose(tensor, before[f"blocks.{name}"], atol=1e-6)
    stored = load_file(made.safetensors_path)
    assert {t.dtype for name, t in stored.items() if ".blocks." in name and t.ndim == 2} == {torch.int8}


def test_the_app_runs_it_as_torch_does(made: Checkpoint) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    ours = OpenVinoRuntime(made, "f32").run(views)
    theirs = TorchRuntime(made, "cpu", "f32").run(views)
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-3)
    assert ours[1].shape == theirs[1].shape == (3, 2, 1, 1)
    # and what it does not use has been left away
    model = TowerClassifier.from_pretrained(made.folder)
    assert len(model.backbone.blocks) == 4


def test_a_verdict_rests_on_near_and_far_views(made: Checkpoint) -> None:
    found = Detector.load(made, "cpu", "f32").detect(
        np.asarray(Image.effect_noise((900, 600), 60).convert("RGB"), dtype=np.uint8)
    )
    assert found.views == 3
    assert found.heatmap is not None
    assert all(0 <= value <= 1 for row in found.heatmap.values for value in row if value is not None)


def test_its_figures_are_of_heads_that_left_the_source_out(made: Checkpoint) -> None:
    networks = {p.source: p.part for p in predictions.load(made.folder / "predictions.csv")}
    assert set(networks) == {"held", "one", "two"}
    assert networks["held"] == networks["one"] != networks["two"]
    assert made.id not in networks.values()
    assert made.metrics()["sources"]["held"]["web"]["real"] == 3
    assert "up to 1 more at most 448 px long" in made.card()
    assert made.config.blocks == (1, 3)


def test_what_was_kept_gives_what_the_app_reads(made: Checkpoint, pool: Path) -> None:
    # given the network of a fold, and what was said of it from what its tower had passed on
    fold = load_folder(made.folder.parents[1] / "held" / "checkpoint")
    said = {
        (p.label, p.picture, p.delivery): p
        for p in predictions.load(made.folder / "predictions.csv")
        if p.source == "held"
    }
    # when the app measures the same pictures
    rows = [row for row in read_pool(pool) if row.source == "held" and ("real", row.name, "web") in said]
    found = predictions.measure(fold.folder, rows[:2])
    # then it finds the same, of the picture and of the re-encoded one
    assert len(found) == 2 * 3
    for p in found:
        kept = said[p.label, p.picture, p.delivery]
        assert kept.part == p.part == fold.id
        for name in ("margin", "error", "margin_again", "error_again"):
            assert getattr(kept, name) == pytest.approx(getattr(p, name), abs=0.02), (p, name)


def test_the_graph_reads_the_weights_that_lie_beside_it(made: Checkpoint, tmp_path: Path) -> None:
    # given a checkpoint as a Hub's cache has it: each file is a link to somewhere else
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "commit"
    blobs.mkdir()
    folder.mkdir(parents=True)
    for number, file in enumerate((made.onnx_path, made.safetensors_path, made.folder / "config.json")):
        shutil.copy(file, blobs / str(number))
        (folder / file.name).symlink_to(Path("../../blobs") / str(number))
    linked = replace(made, folder=folder)
    views = np.zeros((1, 224, 224, 3), np.uint8)
    # then it runs all the same, and the matrices are in one file only
    for cache in (None, tmp_path / "cache"):
        np.testing.assert_array_equal(
            OpenVinoRuntime(linked, "f32", cache).run(views)[0], OpenVinoRuntime(made, "f32").run(views)[0]
        )
    assert made.onnx_path.stat().st_size < made.safetensors_path.stat().st_size / 2


def test_another_configuration_does_not_go_on_where_the_first_stopped(
    made: Checkpoint, features: Path, weights: Path, pool: Path
) -> None:
    out, protocol = made.folder.parents[1], replace(PROTOCOL, most=3)
    with pytest.raises(RunError, match="made from other settings"):
        large.make(CONFIG | {"strength": 2.0}, protocol, features, weights, pool, out)
    with pytest.raises(RunError, match="made from other pictures"):
        large.make(CONFIG, replace(protocol, most=2), features, weights, pool, out)


def test_a_picture_that_cannot_be_read_is_named_and_left_out(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_pool(write_pool(tmp_path / "pool", {"one": 1}))
    rows[0].path.write_bytes(b"no picture")
    whole = tower.Tower(CONFIG["backbone"], weights, 2).eval()
    protocol_views.collect(rows, ViewRule("crops", 224, 1280, 1), whole, tmp_path / "out")
    assert str(rows[0].path) in capsys.readouterr().out
    kept = protocol_views.ProtocolViews.load(tmp_path / "out")
    assert {turn[1] for turn in kept.turns} == {rows[1].label}
    assert kept.tokens.shape == (6, 2, 192)


def test_other_weights_are_refused(features: Path, tmp_path: Path) -> None:
    save_file({"cls_token": torch.zeros(1, 1, 192)}, tmp_path / "vit.safetensors")
    with pytest.raises(RunError, match="does not hold the weights"):
        large.network(CONFIG, Seen.load(features), tmp_path / "vit.safetensors", [])


def test_features_of_another_choice_are_not_taken_up(features: Path, weights: Path, pool: Path) -> None:
    tower.collect(SEEN, pool, weights, features)
    with pytest.raises(RunError, match="made from other pictures"):
        tower.collect(SEEN | {"older": 1}, pool, weights, features)
    with pytest.raises(RunError, match="made from other settings"):
        tower.collect(SEEN | {"seed": 2}, pool, weights, features)


def test_of_a_source_that_is_not_used_the_real_faces_are(pool: Path) -> None:
    rows = tower.chosen(SEEN | {"unused": ["two"], "portraits": ["two"], "portraits_most": 2, "boosted": ["one"]}, pool)
    faces = [row for row, _ in rows if row.source == "two"]
    assert [row.label for row in faces] == ["real", "real"]
    assert {row.source for row, measured in rows if measured} == {"held"}
    assert sum(row.source == "one" for row, _ in rows) == 12
