"""Recipes that extend others, and what is refused before anything is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from timm.models import get_pretrained_cfg

from tests.train.bundled import tiny
from tests.train.bundled.test_making import CONFIG
from train.bundled import tower
from train.bundled.recipe import Recipe
from train.errors import ConfigError, RunError

CONFIGS = Path(__file__).parents[3] / "train" / "configs"


def write(folder: Path, **files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_what_a_recipe_leaves_out_is_that_of_the_one_it_extends(tmp_path: Path) -> None:
    drawing = {"size": 224, "far": 0.5}
    write(tmp_path, base=CONFIG | {"drawing": drawing, "blocks": [1, 3]})
    write(tmp_path, middle={"extends": "base.json", "seed": 5}, own={"extends": "middle.json", "blocks": [2]})
    write(tmp_path, near={"extends": "own.json", "drawing": {"far": 0.1}})
    found = Recipe.load(tmp_path / "near.json")
    assert (found.seed, found.blocks, found.drawing.far, found.drawing.size) == (5, (2,), 0.1, 224)
    assert found.name == CONFIG["name"]


def test_an_unknown_key_is_answered_with_the_files_it_may_stand_in(tmp_path: Path) -> None:
    write(tmp_path, base=CONFIG, own={"extends": "base.json", "stepz": 0}, other=CONFIG | {"extend": "base.json"})
    with pytest.raises(ConfigError, match=r"own\.json, which extends .*base\.json: unknown key 'stepz': .*'steps'"):
        Recipe.load(tmp_path / "own.json")
    with pytest.raises(ConfigError, match=r"other\.json: unknown key 'extend': did you mean 'extends'"):
        Recipe.load(tmp_path / "other.json")


def test_recipes_that_extend_one_another_have_no_end(tmp_path: Path) -> None:
    write(tmp_path, one={"extends": "two.json"}, two={"extends": "one.json"}, three={"extends": 3})
    with pytest.raises(ConfigError, match=r"one\.json, which extends .*two\.json, which extends .*one\.json: this has"):
        Recipe.load(tmp_path / "one.json")
    with pytest.raises(ConfigError, match="extends must be the name of a file"):
        Recipe.load(tmp_path / "three.json")


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    write(tmp_path, own={"extends": "larg.json"})
    with pytest.raises(RunError, match=r"larg\.json cannot be read \(No such file"):
        Recipe.load(tmp_path / "own.json")


@pytest.mark.parametrize("name", ["pe_core_base", "pe_core_large", "siglip2_base", "dinov3_base"])
def test_a_shipped_recipe_takes_the_numbers_of_its_weights(name: str) -> None:
    recipe = Recipe.load(CONFIGS / f"{name}.json")
    source = get_pretrained_cfg(recipe.backbone)
    assert source is not None
    assert (recipe.mean, recipe.std) == (tuple(source.mean), tuple(source.std))
    assert source.hf_hub_id == f"timm/{source.architecture}.{source.tag}"
    assert recipe.steps == 0
    assert recipe.protocol == "families.json"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"backbone": "vit_toy_clas"}, r"backbone: Unknown model \(vit_toy_clas\)$"),
        ({"backbone": "vit_toy_class.three"}, r"backbone: Invalid pretrained tag \(three\) for vit_toy_class$"),
        ({"backbone": "vit_relpos_small_patch16_224"}, "is timm's VisionTransformerRelPos, and no VisionTransformer"),
        ({"blocks": [1, 3]}, "blocks: those of vit_toy_class go from 0 to 2$"),
        (
            {"views": CONFIG["views"] | {"size": 64}, "drawing": {"size": 64}},
            r"views\.size: vit_toy_class takes no views of 64 px \(Input height \(64\) doesn't match model \(32\)\)$",
        ),
        ({"drawing": {"size": 64}}, r"views\.size is 32, and drawing\.size 64: they must agree$"),
    ],
)
def test_a_tower_that_cannot_be_is_refused_at_once(tmp_path: Path, own: dict[str, Any], said: str) -> None:
    small = {"views": CONFIG["views"] | {"size": tiny.SIZE}, "drawing": {"size": tiny.SIZE}}
    write(tmp_path, own=CONFIG | {"backbone": "vit_toy_class", "blocks": [1, 2]} | small | own)
    with pytest.raises(ConfigError, match=said):
        Recipe.load(tmp_path / "own.json")


def test_any_size_is_taken_where_the_tower_takes_it() -> None:
    tower.check("vit_toy_dino", [0], 64)
    with pytest.raises(ConfigError, match="takes no views of 60 px"):
        tower.check("vit_toy_dino", [0], 60)
