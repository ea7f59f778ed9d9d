"""The way from a pool to a checkpoint that the app runs: a tower that is tuned, measured and described by folds."""

from __future__ import annotations

import json
import re
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

from tests.train.conftest import write_pool
from train.bundled import making
from train.bundled.head import Head
from train.bundled.measured import Shown
from train.bundled.recipe import Recipe
from train.bundled.seen import untuned
from train.checkpoint import export
from train.errors import ConfigError, RunError
from train.measure import card, check, metrics, predictions
from train.measure.protocol import Protocol
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
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "views": {"kind": "crops", "size": 224, "long_side": 448, "max_views": 2},
    "drawing": {"size": 224},
    "long_side": 1280,
    "seed": 1,
    "modern": 3.0,
    "portraits": {"real": 2.0, "fake": 0.5},
    "seen": 4,
    "penalty": 0.12,
    "source_penalty": 1.0,
    "first": 2,
    "rank": 4,
    "steps": 4,
    "batch": 4,
    "kept": 0.5,
    "whole": 0.25,
    "learning_rate": 0.001,
    "head_learning_rate": 0.0001,
    "warmup": 1,
    "weight_decay": 0.01,
    "label_smoothing": 0.02,
    "save_every": 2,
    "workers": 0,
    "protocol": "protocol.json",
    "measured": 3,
    "measured_elsewhere": 1,
    "note": "A test.",
}
RECIPE = Recipe.model_validate(CONFIG)
PROTOCOL = Protocol(
    name="toy/1",
    folds={"held": ["held", "one"], "two": ["two"]},
    paired=["held", "two"],
    calibrated_on=["held", "one", "two"],
    portraits_and_cameras=["held"],
    local_edits=[],
    false_alarms=0.02,
    misses=0.02,
    asked_false_alarms=0.02,
    asked_misses=0.02,
    most=5,
    seed=0,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def made(weights: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """What the command makes of nothing but the pool and the weights: stopped by a failing export, and run again."""
    folder = tmp_path_factory.mktemp("made")
    protocol = replace(PROTOCOL, deliveries=["web", "thumb"])
    for name, content in (("recipe", CONFIG), ("protocol", protocol.to_json())):
        (folder / f"{name}.json").write_text(json.dumps(content))
    paths = {"weights": weights, "pool": pool, "out": folder / "out"}
    exported: list[Path] = []
    ordinary = export.export

    def fail_once(run: Path, place: Path) -> None:
        exported.append(run)
        if len(exported) == 2:
            raise OSError(28, "No space left on device")
        ordinary(run, place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "export", fail_once)
        patch.setattr(metrics, "ROUNDS", 20)
        options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        patch.setattr("sys.argv", ["making", str(folder / "recipe.json"), *options])
        with pytest.raises(OSError, match="No space"):
            making.main()
        done = [folder / "out" / name for name in ("pixels/pixels.bin", "seen.npz", "held/state.pt", "two/state.pt")]
        before = [file.stat().st_mtime_ns for file in done]
        making.main()
    assert [file.stat().st_mtime_ns for file in done] == before  # what was done was not done again
    assert [run.name for run in exported] == ["held", "two", "two", "final"]
    return load_folder(folder / "out" / "final" / "checkpoint")


def drawn_vectors(seed: int) -> tuple[Any, Any]:
    """Forty vectors ``[40, 5]`` of which every other is of a fake, which shifts the first number by 3."""
    fake = np.arange(40) % 2 == 1
    return np.random.default_rng(seed).normal(0, 1, (40, 5)) + 3 * fake[:, None] * (1, 0, 0, 0, 0), fake


def test_a_head_parts_what_can_be_parted() -> None:
    vectors, fake = drawn_vectors(0)
    head = Head.fit(vectors, fake, np.ones(40), ["one"] * 40, 0.025, 0.025)
    assert ((head(vectors) > 0) == fake).mean() > 0.9


def test_a_head_learns_little_of_what_only_tells_sources_apart() -> None:
    (vectors, fake), rng = drawn_vectors(0), np.random.default_rng(1)
    mostly_fake = np.where(fake, rng.random(40) < 0.9, rng.random(40) < 0.1)  # a source with more fakes than the other
    vectors[:, 4] += 6 * mostly_fake
    source = ["two" if each else "one" for each in mostly_fake]

    def share(source_penalty: float) -> float:
        weight = np.abs(Head.fit(vectors, fake, np.ones(40), source, 0.025, source_penalty).weight * vectors.std(0))
        return float(weight[4] / weight.sum())

    assert share(1e-4) < 0.6 * share(1e4)


def test_a_heavier_penalty_makes_a_head_less_sure() -> None:
    vectors, fake = drawn_vectors(0)
    spread = [np.std(Head.fit(vectors, fake, np.ones(40), ["one"] * 40, each, 1.0)(vectors)) for each in (0.01, 1.0)]
    assert spread[0] > 2 * spread[1]


def test_each_picture_is_seen_as_often_as_asked_and_weighs_as_its_source_says(
    made: Checkpoint, weights: Path, pool: Path
) -> None:
    done = making.Making(RECIPE, PROTOCOL, weights, pool, made.folder.parents[1])
    seen = done.seen
    assert np.bincount(seen.which).tolist() == [RECIPE.seen] * len(done.used)
    assert seen.features.shape == (len(seen.which), len(RECIPE.blocks), 192)
    views = [seen.features[seen.which == 0][n].astype(np.float32) for n in range(RECIPE.seen)]
    assert not np.allclose(views[0], views[1])  # each view is drawn anew


def test_with_no_steps_a_fold_is_the_tower_as_it_is_and_the_head(weights: Path, pool: Path, tmp_path: Path) -> None:
    frozen = making.Making(RECIPE.model_copy(update={"steps": 0}), PROTOCOL, weights, pool, tmp_path)
    run = frozen.fold("two", PROTOCOL.folds["two"])
    assert not (run / "state.pt").exists()
    left_out = {row.path for row in frozen.used if row.source == "two"}
    expected = untuned(RECIPE, weights, frozen.seen.head(frozen.used, left_out, RECIPE)).state_dict()
    for name, tensor in TowerClassifier.from_pretrained(run / "model").state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def test_another_head_is_measured_on_what_the_tower_has_already_passed_on(
    weights: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, sources = RECIPE.model_copy(update={"steps": 0}), PROTOCOL.folds["two"]
    first = making.Making(frozen, PROTOCOL, weights, pool, tmp_path)
    first.fold("two", sources)
    before = first.predictions("two", sources)
    # given another head, fitted where the first one was, and a tower that would be noticed if it were run again
    shutil.rmtree(tmp_path / "two")
    monkeypatch.setattr(Shown, "collect", None)
    second = making.Making(frozen.model_copy(update={"penalty": 2.0}), PROTOCOL, weights, pool, tmp_path)
    second.fold("two", sources)
    after = second.predictions("two", sources)
    assert [p.picture for p in after] == [p.picture for p in before]
    assert after[0].part != before[0].part
    assert np.ptp([p.margin for p in after]) < 0.7 * np.ptp([p.margin for p in before])


def test_the_app_runs_it_as_torch_does(made: Checkpoint) -> None:
    views = np.random.default_rng(2).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    ours = OpenVinoRuntime(made, "f32").run(views)
    theirs = TorchRuntime(made, "cpu", "f32").run(views)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0.01, atol=2e-3)
    assert ours[1].shape == theirs[1].shape == (3, 2, 1, 1)
    # and what it does not use has been left away
    model = TowerClassifier.from_pretrained(made.folder)
    assert len(model.backbone.blocks) == 4


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


def test_its_matrices_are_stored_in_int8(made: Checkpoint) -> None:
    stored = load_file(made.safetensors_path)
    assert {t.dtype for name, t in stored.items() if ".blocks." in name and t.ndim == 2} == {torch.int8}


def test_a_verdict_rests_on_far_views_alone_and_on_no_second_look(made: Checkpoint) -> None:
    noise = np.asarray(Image.effect_noise((900, 600), 60).convert("RGB"), dtype=np.uint8)
    assert Detector.load(made, "cpu", "f32").detect(noise).views == 2
    assert not made.config.thresholds.reencoding


def test_its_figures_are_of_networks_that_left_the_source_out(made: Checkpoint) -> None:
    networks = {p.source: p.part for p in predictions.load(made.folder / "predictions.csv")}
    assert set(networks) == {"held", "one", "two"}
    assert networks["held"] == networks["one"] != networks["two"]
    assert made.id not in networks.values()
    assert made.metrics()["sources"]["held"]["web"]["real"] == 3
    assert made.metrics()["sources"]["held"]["thumb"]["real"] == 1
    told = {n: json.loads((made.folder.parents[1] / n / "config.json").read_text()) for n in ("held", "two", "final")}
    assert [set(each["training_sources"]) for each in told.values()] == [
        {"two"},
        {"one", "held"},
        {"one", "two", "held"},
    ]


def test_what_ships_is_the_mean_of_the_folds(made: Checkpoint) -> None:
    out = made.folder.parents[1]
    one, two, mean = (load_file(out / name / "model" / "model.safetensors") for name in ("held", "two", "final"))
    name = "backbone.blocks.3.mlp.fc1.weight"
    torch.testing.assert_close(mean[name], (one[name] + two[name]) / 2)
    assert not torch.equal(one[name], two[name])


def test_the_pool_is_decoded_once_for_all_networks(made: Checkpoint) -> None:
    out = made.folder.parents[1]
    assert [file.relative_to(out).as_posix() for file in out.rglob("pixels.bin")] == ["pixels/pixels.bin"]


def test_the_card_has_the_figures_and_its_plots(made: Checkpoint) -> None:
    text = made.card()
    assert text == card.card(made)
    assert "| held | 3 | 3 |" in text
    assert set(made.plots()) == set(re.findall(r"\]\((plots/[^)]+)\)", text))
    assert all(len(content) < 60_000 for content in made.plots().values())
    assert made.metrics()["header_auc"].keys() == {"one", "two", "held"}


def test_the_check_finds_what_does_not_belong_together(
    made: Checkpoint, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "ROUNDS", 20)
    check.figures_are_its_own(made)
    kept = predictions.load(made.folder / "fingerprint.csv")
    assert check.reads_the_same(made.folder, kept, pool) < 0.001
    # given another network's fingerprint
    changed = [replace(p, margin=p.margin + 1) for p in kept]
    with pytest.raises(RunError, match="reads pictures otherwise"):
        check.reads_the_same(made.folder, changed, pool)
    # and metrics that do not follow from the predictions
    forged = tmp_path / "forged"
    shutil.copytree(made.folder, forged)
    figures = json.loads((forged / "metrics.json").read_text())
    figures["headline"]["web"]["auc"][0] = 0.99
    (forged / "metrics.json").write_text(json.dumps(figures))
    export.write_config(
        forged, {k: v for k, v in json.loads((forged / "config.json").read_text()).items() if k != "files"}
    )
    with pytest.raises(RunError, match="headline"):
        check.figures_are_its_own(load_folder(forged))


def test_what_was_kept_gives_what_the_app_reads(made: Checkpoint, pool: Path) -> None:
    fold = load_folder(made.folder.parents[1] / "held" / "checkpoint")
    said = {
        (p.label, p.picture, p.delivery): p
        for p in predictions.load(made.folder / "predictions.csv")
        if p.source == "held"
    }
    rows = [row for row in read_pool(pool) if row.source == "held" and ("real", row.name, "web") in said]
    found = predictions.measure(fold.folder, rows[:2], deliveries=["web"], again=False)
    assert len(found) == 2
    for p in found:
        kept = said[p.label, p.picture, p.delivery]
        assert kept.part == p.part == fold.id
        for name in ("margin", "error"):  # kept in bf16, read in fp32
            assert getattr(kept, name) == pytest.approx(getattr(p, name), abs=0.1), (p, name)


def test_another_configuration_does_not_go_on_where_the_first_stopped(
    made: Checkpoint, weights: Path, pool: Path
) -> None:
    other = Recipe.model_validate(CONFIG | {"penalty": 2.0})
    with pytest.raises(RunError, match="made from other"):
        making.make(other, replace(PROTOCOL, deliveries=["web"]), weights, pool, made.folder.parents[1])


def test_other_weights_or_other_measured_pictures_are_noticed(made: Checkpoint, weights: Path, pool: Path) -> None:
    out, protocol = made.folder.parents[1], replace(PROTOCOL, deliveries=["web", "thumb"], most=RECIPE.measured)
    others = weights.with_name("other.safetensors")
    save_file({name: tensor + 1 for name, tensor in load_file(weights).items()}, others)
    with pytest.raises(RunError, match="made from other weights"):
        making.make(RECIPE, protocol, others, pool, out)
    with pytest.raises(RunError, match=r"held\.npz was made from other deliveries"):
        making.make(RECIPE, replace(protocol, deliveries=["web"]), weights, pool, out)


def test_a_pool_that_was_moved_is_the_same_pool(made: Checkpoint, weights: Path, pool: Path, tmp_path: Path) -> None:
    shutil.copytree(pool, tmp_path / "moved")
    moved = making.Making(RECIPE, PROTOCOL, weights, tmp_path / "moved", made.folder.parents[1])
    assert len(moved.used) == len(moved.store.entries) == len(read_pool(pool))
    assert moved.fold("two", PROTOCOL.folds["two"]).name == "two"


def test_a_picture_that_cannot_be_read_is_named_and_left_out(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = read_pool(write_pool(tmp_path / "pool", {"one": 1}))
    rows[0].path.write_bytes(b"no picture")
    model = untuned(RECIPE, weights).eval()
    rule = ViewRule("crops", 224, 448, 2)
    found = Shown.collect(model, [(row, ("web",), rule) for row in rows], RECIPE)
    assert str(rows[0].path) in capfd.readouterr().out
    assert [p.label for p in found.predictions(model, "net")] == [rows[1].label]


def test_other_weights_are_refused(tmp_path: Path) -> None:
    save_file({"cls_token": torch.zeros(1, 1, 192)}, tmp_path / "vit.safetensors")
    with pytest.raises(RunError, match="does not hold the weights"):
        untuned(RECIPE, tmp_path / "vit.safetensors")


def test_a_misspelt_key_is_answered_with_what_it_may_have_meant(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(CONFIG | {"learning_rat": 1.0}))
    with pytest.raises(ConfigError, match="unknown key 'learning_rat': did you mean 'learning_rate'"):
        Recipe.load(tmp_path / "recipe.json")
    (tmp_path / "recipe.json").write_text(json.dumps(CONFIG | {"drawing": {"far_sid": 448}}))
    with pytest.raises(ConfigError, match=r"unknown key 'drawing\.far_sid': did you mean 'far_side'"):
        Recipe.load(tmp_path / "recipe.json")


def test_a_value_out_of_range_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(CONFIG | {"kept": 0.0}))
    with pytest.raises(ConfigError, match="kept: Input should be greater than 0"):
        Recipe.load(tmp_path / "recipe.json")
