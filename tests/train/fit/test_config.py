from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train.errors import ConfigError
from train.fit.config import AugmentConfig, FitConfig, changed, parse, read

CONFIGS = Path(__file__).parents[3] / "train" / "configs"


def test_the_file_for_b7_spells_out_the_defaults() -> None:
    assert read(CONFIGS / "b7.json") == FitConfig()
    assert json.loads((CONFIGS / "b7.json").read_text()) == FitConfig().to_json()


def test_the_transforms_are_those_that_were_asked_for() -> None:
    config = read(CONFIGS / "b7.json")
    assert (config.image_size, config.batch, config.epochs, config.patience) == (600, 2, 15, 5)
    a = config.augment
    assert (a.rotation, a.affine, a.perspective, a.erasing, a.delivery) == (15, 5, 0.5, 0.2, True)


def test_a_file_names_only_what_differs() -> None:
    config = parse({"batch": 3, "augment": {"flip": 0}})
    assert config.batch == 3
    assert config.augment == AugmentConfig(flip=0)
    assert config.epochs == FitConfig().epochs


def test_the_toy_configuration_needs_no_hub() -> None:
    config = read(CONFIGS / "toy.json")
    assert config.pretrained == "package"
    assert config.image_size < 300


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"epoch": 3}, r"unknown key 'epoch': did you mean 'epochs'\?"),
        ({"augment": {"flipp": 1}}, r"unknown key 'augment.flipp': did you mean 'flip'\?"),
        ({"zzz": 1}, "unknown key 'zzz': the keys are name, backbone"),
        ({"batch": 0}, "'batch' is 0, but must be a whole number >= 1"),
        ({"batch": 2.5}, "'batch' is 2.5"),
        ({"batch": True}, "'batch' is true"),
        ({"batch": "2"}, "'batch' is \"2\""),
        ({"learning_rate": 0}, "'learning_rate' is 0, but must be a number above 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' is NaN"),
        ({"dropout": 1}, "'dropout' is 1"),
        ({"mean": [0.5, 0.5]}, "'mean' is .* but must be 3 numbers"),
        ({"std": [0.5, 0.5, 0]}, "'std' is .* but must be 3 numbers above 0"),
        ({"precision": "fp8"}, '\'precision\' is "fp8", but must be one of "auto", "no", "fp16", "bf16"'),
        ({"checkpointing": 1}, "'checkpointing' is 1, but must be one of \"auto\", true, false"),
        ({"pretrained": ""}, "'pretrained' is \"\""),
        ({"backbone": "resnet50"}, "'backbone' is \"resnet50\", but must be an EfficientNet"),
        ({"backbone": "efficientnet_b99"}, "'backbone' is"),
        ({"name": "a/b"}, "'name' is"),
        ({"augment": {"hue": 0.7}}, "'augment.hue' is 0.7, but must be a number from 0 to 0.5"),
        ({"augment": 3}, "augment must be a JSON object"),
        ([], "the configuration must be a JSON object"),
    ],
)
def test_what_is_wrong_is_named(data: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(data)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json cannot be read \(No such file or directory\)"):
        read(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"batch": ')
    with pytest.raises(ConfigError, match=r"half\.json is no JSON: .*line 1"):
        read(tmp_path / "half.json")


def test_only_what_moves_the_course_keeps_a_run_from_going_on() -> None:
    old = FitConfig().to_json()
    assert changed(old, parse({"epochs": 99, "workers": 0, "checkpointing": True, "save_steps": 1})) == []
    assert changed(old, parse({"seed": 1, "augment": {"flip": 0}})) == ["augment", "seed"]
