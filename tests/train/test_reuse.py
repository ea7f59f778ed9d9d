"""A folder is taken up by the same inputs only."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.errors import RunError
from train.reuse import made_from


def test_the_same_inputs_go_on_and_others_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    made_from(folder, {"settings": {"a": 1, "b": 2}, "pictures": ["x"]})
    (folder / "result").touch()
    made_from(folder, {"pictures": ["x"], "settings": {"b": 2, "a": 1}})
    with pytest.raises(RunError, match=r"run was made from other pictures, settings: give another folder"):
        made_from(folder, {"settings": {"a": 2}, "pictures": ["y"]})
    with pytest.raises(RunError, match="other weights"):
        made_from(folder, {"settings": {"a": 1, "b": 2}, "pictures": ["x"], "weights": "w"})


def test_a_file_among_others_has_its_own_note(tmp_path: Path) -> None:
    made_from(tmp_path, {"settings": 1})
    made_from(tmp_path, {"sources": ["one"]}, "table.csv")
    with pytest.raises(RunError, match=r"table\.csv was made from other sources"):
        made_from(tmp_path, {"sources": ["two"]}, "table.csv")
    made_from(tmp_path, {"settings": 1})


def test_what_nothing_is_said_of_is_not_taken_up(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights").touch()
    with pytest.raises(RunError, match=r"nothing says what .*run was made from"):
        made_from(tmp_path / "run", {"settings": 1})
    (tmp_path / "run" / "made_from").write_text("0123abcd")
    with pytest.raises(RunError, match="not a note of this version"):
        made_from(tmp_path / "run", {"settings": 1})
