from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from train.errors import ConfigError
from train.measure.protocol import Protocol

FILE = ROOT / "train/configs/families.json"


def test_every_source_that_counts_is_left_out_once() -> None:
    protocol = Protocol.load(FILE)
    left_out = [s for sources in protocol.folds.values() for s in sources]
    assert len(left_out) == len(set(left_out))
    assert set(protocol.paired) <= set(left_out)
    assert Protocol(**protocol.to_json()) == protocol


@pytest.mark.parametrize(
    "change",
    [
        {"paired": ["nowhere"]},
        {"folds": {"a": ["one"], "b": ["one"]}, "paired": [], "calibrated_on": [], "portraits_and_cameras": []},
        {"unknown": 1},
    ],
)
def test_a_protocol_that_does_not_hold_together_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "protocol.json"
    file.write_text(json.dumps(json.loads(FILE.read_text()) | change))
    with pytest.raises(ConfigError):
        Protocol.load(file)


def test_a_misspelt_key_is_answered_with_what_it_may_have_meant(tmp_path: Path) -> None:
    file = tmp_path / "protocol.json"
    file.write_text(json.dumps(json.loads(FILE.read_text()) | {"mises": 0.1}))
    with pytest.raises(ConfigError, match="unknown key 'mises': did you mean 'misses'"):
        Protocol.load(file)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{")
    with pytest.raises(ConfigError, match="not a protocol"):
        Protocol.load(tmp_path / "p.json")
