from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train.corpus.config import load_config, parse_config
from train.corpus.reencode import Reencoding
from train.corpus.sources.folder import FolderSource
from train.errors import ConfigError

FOLDER = {"name": "mine", "kind": "folder", "root": "pictures"}


def parsed(**values: Any) -> Any:
    return parse_config({"sources": [FOLDER], **values}, Path("/base"))


def test_what_is_not_said_has_a_default() -> None:
    config = parsed()
    assert config.shares == (0.70, 0.15, 0.15)
    assert config.reencoding is None
    assert config.near_distance == 4
    assert config.output is None


def test_what_is_said_counts() -> None:
    config = parsed(
        name="c",
        seed=7,
        split={"train": 0.8, "validation": 0.1, "test": 0.1},
        near_distance=-1,
        reencode={"quality": 90, "long_side": 512},
        output="out",
    )
    assert config.shares == (0.8, 0.1, 0.1)
    assert config.near_distance is None
    assert config.reencoding == Reencoding(512, 90)
    assert config.output == Path("/base/out")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sources": []}, "'sources'"),
        ({"sources": {}}, "'sources'"),
        ({"sources": ["mine"]}, "'sources'"),
        ({"seeds": 1}, "unknown key 'seeds': did you mean 'seed'?"),
        ({"zzz": 1}, "unknown key 'zzz': the keys are near_distance, output, name"),
        ({"reencode": {"quality": 90, "longside": 1}}, "unknown key 'longside': did you mean 'long_side'?"),
        ({"seed": "1"}, "'seed'"),
        ({"seed": True}, "'seed'"),
        ({"seed": -1}, "'seed'"),
        ({"near_distance": 9}, "'near_distance'"),
        ({"near_distance": 1.5}, "'near_distance'"),
        ({"split": {"train": 0.5, "validation": 0.1, "test": 0.1}}, "add up to 1"),
        ({"split": {"train": 0.5, "validation": 0.5}}, "'test'"),
        ({"split": {"train": 0.5, "validation": 0.3, "test": 0.2, "dev": 0}}, "'dev'"),
        ({"split": [0.7, 0.15, 0.15]}, "'split'"),
        ({"reencode": {"long_side": 512}}, "'quality'"),
        ({"reencode": {"quality": 0}}, "'quality'"),
        ({"reencode": True}, "'reencode'"),
        ({"shard_mb": 0}, "'shard_mb'"),
        ({"output": 3}, "'output'"),
        ({"sources": [{"kind": "folder", "root": "x"}]}, "'name'"),
        ({"sources": [{**FOLDER, "name": "../up"}]}, "'name'"),
        ({"sources": [{"name": "x", "root": "y"}]}, "'kind'"),
        ({"sources": [{**FOLDER, "kind": "flickr"}]}, "'kind'"),
        ({"sources": [FOLDER, {**FOLDER, "name": "MINE"}]}, "is taken"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_key(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(**values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "is not JSON"),
        ("[]", "an object"),
        ('{"seed": 1, "seed": 2}', "'seed' stands twice"),
        ("\xff", "not JSON"),
    ],
)
def test_a_file_that_is_not_such_an_object_is_refused(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=named):
        load_config(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        load_config(tmp_path / "nowhere.json")


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"sources": [FOLDER]}))
    source = load_config(path).sources[0].open()
    assert isinstance(source, FolderSource)
    assert source.real_dir == tmp_path / "pictures" / "real"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"root": "x", "real_dir": "y"}, "either 'root'"),
        ({}, "either 'root'"),
        ({"root": "x", "group": "("}, "'group' has to be a regular expression"),
        ({"root": "x", "licence": 1}, "'licence'"),
        ({"root": "x", "label": "real"}, "'label'"),
    ],
)
def test_options_of_a_folder_are_checked(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FolderSource.from_config("mine", options, Path())
    assert named in str(caught.value)


def test_the_example_for_the_real_thing_can_be_parsed() -> None:
    config = load_config(Path(__file__).parents[3] / "train" / "configs" / "corpus.json")
    for source in config.sources:
        source.open()
    assert {source.kind for source in config.sources} == {"unsplash", "kaggle", "hub", "stable_diffusion"}
