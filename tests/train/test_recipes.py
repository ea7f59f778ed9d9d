"""Recipes compared: networks, averages and sums of them, and heads on a frozen tower, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.train.test_circle import CONFIG
from train import bundled, metrics, probe, recipes, tower
from train.comparison import Comparison
from train.errors import ConfigError, RunError
from train.predictions import Prediction, load, save
from train.probe import Seen
from unfake.detector.model import DeepfakeClassifier

ROWS: dict[str, dict[str, Any]] = {
    "start": {"average": ["start"]},
    "twins": {"twins": ["upsampled"], "twinned": 0.5},
    "taught": {"taught": {"blocks": [1, 5], "weight": 1.0, "seed": 1}},
    "tower": {"from": "train.probe", "blocks": [1, 5], "tokens": [0], "kinds": ["near"], "strength": 0.1},
    "both": {"together": ["start", "tower"]},
}


def write_config(folder: Path, **others: Any) -> Path:
    shared = {k: v for k, v in CONFIG.items() if k not in {"held_out", "steps", "matched", "wide"}}
    stage = {"steps": 2, "matched": 0.0, "wide": 0.0}
    networks = shared | {
        "start": stage | {"held_out": ["held"], "boosted": []},
        "from_start": stage,
    }
    (folder / "networks.json").write_text(json.dumps(networks))
    found: dict[str, Any] = {"networks": "networks.json", "measured": ["held"], "deliveries": ["web"]}
    found |= {"most": 4, "seed": 0, "rows": ROWS}
    path = folder / "recipes.json"
    path.write_text(json.dumps(found | others))
    return path


def write_features(folder: Path, pool: Path, out: Path) -> None:
    """What a tiny vision transformer with random weights sees."""
    torch.manual_seed(0)
    weights = folder / "vit.safetensors"
    save_file(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).state_dict(), weights)
    config = {"backbone": "vit_tiny_patch16_224", "deliveries": ["web"], "seed": 1, "unused": ["two"]}
    config |= {"portraits": ["two"], "portraits_most": 2}
    config |= {"boosted": ["one"], "older": 3, "measured": ["held"], "most": 4}
    tower.collect(config, pool, weights, out)
    # of a source that is not used, the real faces are
    seen = Seen.load(out)
    assert set(seen.label[seen.source == "two"]) == {"real"}
    assert len(set(seen.picture[seen.source == "two"])) == 2


def test_each_kind_of_row_ends_in_the_table(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics, "ROUNDS", 20)
    config, out = write_config(tmp_path), tmp_path / "out"
    comparison = Comparison.load(config)
    settings = bundled.recipe(comparison.networks, "start", ["held"], None)
    DeepfakeClassifier(settings["backbone"], pretrained=False).save_pretrained(out / "start" / "model")
    (out / "start" / "config.json").write_text(json.dumps(settings | {"training_sources": {}}))
    arguments = ["recipes", str(config), "--pool", str(pool), "--out", str(out)]
    # given features of a tower, when its heads are fitted and the rows are run
    write_features(tmp_path, pool, out / "features")
    monkeypatch.setattr("sys.argv", ["probe", str(config), "--features", str(out / "features"), "--out", str(out)])
    probe.main()
    monkeypatch.setattr("sys.argv", arguments)
    recipes.main()
    # then the table has them all
    table = (out / "recipes.md").read_text()
    assert table in capsys.readouterr().out
    assert [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]] == list(ROWS)
    # and they are of pictures of the source that none of them saw
    for name in ("start", "twins", "taught", "tower"):
        found = load(out / "recipes" / name / "predictions.csv")
        assert {(p.source, p.delivery) for p in found} == {("held", "web")}
        assert len(found) == 8
    # and what is there is not made again
    before = (out / "recipes" / "twins" / "predictions.csv").stat().st_mtime_ns
    recipes.main()
    assert (out / "recipes" / "twins" / "predictions.csv").stat().st_mtime_ns == before


def test_weights_are_averaged(tmp_path: Path) -> None:
    torch.manual_seed(1)
    models = [DeepfakeClassifier("test_efficientnet", pretrained=False) for _ in range(2)]
    for number, model in enumerate(models):
        model.save_pretrained(tmp_path / str(number))
    recipes.average([tmp_path / "0", tmp_path / "1"], tmp_path / "mean")
    found = DeepfakeClassifier.from_pretrained(tmp_path / "mean", pretrained=False).classifier.weight
    assert torch.allclose(found, (models[0].classifier.weight + models[1].classifier.weight) / 2)


def test_what_is_missing_is_named(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison.load(write_config(tmp_path))
    with pytest.raises(RunError, match=r"run train\.probe"):
        recipes.predictions("tower", comparison, pool, tmp_path, None)
    with pytest.raises(RunError, match="no features"):
        probe.Seen.load(tmp_path)
    rows = {"decoded": {"twins": ["roundtrip"], "twinned": 0.5}}
    with pytest.raises(RunError, match="--taef2"):
        recipes.predictions("decoded", Comparison.load(write_config(tmp_path, rows=rows)), pool, tmp_path, None)
    monkeypatch.setattr(
        "sys.argv", ["recipes", str(write_config(tmp_path)), "--pool", ".", "--out", ".", "--only", "x"]
    )
    with pytest.raises(ConfigError, match="no row x"):
        recipes.main()
    (tmp_path / "bad.json").write_text('{"networks": "networks.json", "lines": 1}')
    with pytest.raises(ConfigError, match="not a comparison"):
        Comparison.load(tmp_path / "bad.json")


def test_margins_are_added_on_one_scale(tmp_path: Path) -> None:
    loud = [Prediction("s", "fake", "web", name, margin) for name, margin in (("a", 100.0), ("b", -100.0))]
    quiet = [Prediction("s", "fake", "web", name, margin) for name, margin in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
    save(loud, tmp_path / "loud.csv")
    found = {p.picture: p.margin for p in recipes.together([load(tmp_path / "loud.csv"), quiet])}
    spread = np.std([1, 3, 2])
    assert found == pytest.approx({"a": 1 + 1 / spread, "b": -1 + 3 / spread})


def test_weights_that_do_not_fit_the_tower_are_refused(tmp_path: Path) -> None:
    save_file({"cls_token": torch.zeros(1, 1, 192)}, tmp_path / "vit.safetensors")
    with pytest.raises(RunError, match="does not hold the weights of vit_tiny_patch16_224"):
        tower.Tower("vit_tiny_patch16_224", tmp_path / "vit.safetensors")
