from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from unfake.errors import SettingsError
from unfake.settings import Settings


def test_nothing_set_is_fine() -> None:
    found = Settings.from_env({})
    assert found.model is None
    assert found.device == "auto"
    assert found.limits.bytes == 30 * 2**20


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("UNFAKE_MODEL=owner/one\nUNFAKE_DEVICE=cpu\n")
    found = Settings.from_env({"UNFAKE_MODEL": " owner/two@v1 "}, file)
    assert found.model == "owner/two@v1"
    assert found.device == "cpu"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNFAKE_DEVICE", "gpu"),
        ("UNFAKE_PRECISION", "int8"),
        ("UNFAKE_MAX_MEGABYTES", "many"),
        ("UNFAKE_MAX_MEGAPIXELS", "0"),
        ("UNFAKE_FETCH_SECONDS", "-1"),
        ("UNFAKE_FETCH_SECONDS", "inf"),
        ("UNFAKE_AUTH", "password"),
        ("UNFAKE_AUTH", ":password"),
        ("UNFAKE_AUTH", "ana:"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({name: value})


def test_the_token_is_not_shown() -> None:
    found = Settings.from_env({"HF_TOKEN": "hf_secret"})
    assert found.hub_token == "hf_secret"  # noqa: S105
    assert "hf_secret" not in repr(found)


def test_the_password_is_not_shown_and_may_hold_colons() -> None:
    found = Settings.from_env({"UNFAKE_AUTH": "ana:open:sesame"})
    assert found.auth == ("ana", "open:sesame")
    assert "sesame" not in repr(found)


def test_the_example_file_is_valid_and_changes_nothing() -> None:
    assert Settings.from_env({}, ROOT / ".env.example") == Settings.from_env({})
