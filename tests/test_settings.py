from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from unfake.errors import SettingsError
from unfake.intake import Limits
from unfake.settings import Settings


def test_nothing_set_is_fine() -> None:
    found = Settings.from_env({})
    assert found.model is None
    assert found.device == "auto"
    assert found.limits.bytes == 30 * 2**20


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("UNFAKE_MODEL", "owner/one@v1", "model", "owner/one@v1"),
        ("SPACE_AUTHOR_NAME", "ana", "space_author", "ana"),
        ("UNFAKE_DEVICE", "cuda", "device", "cuda"),
        ("UNFAKE_PRECISION", "f32", "precision", "f32"),
        ("UNFAKE_CACHE", "~/here", "cache", Path.home() / "here"),
        ("UNFAKE_CACHE", "/there", "store", Path("/there/unfake.sqlite3")),
        ("UNFAKE_STORE", "~/kept.db", "store", Path.home() / "kept.db"),
        ("UNFAKE_STORE", "memory", "store", None),
        ("GRADIO_TEMP_DIR", "~/brought", "uploads", Path.home() / "brought"),
        ("UNFAKE_AUTH", "ana:sesame", "auth", ("ana", "sesame")),
        ("UNFAKE_TRUST_LIST", "~/roots.pem", "trust_list", Path.home() / "roots.pem"),
        ("UNSPLASH_ACCESS_KEY", "key", "unsplash_key", "key"),
        ("UNFAKE_UNSPLASH_URL", "http://127.0.0.1:1", "unsplash_url", "http://127.0.0.1:1"),
        ("UNFAKE_MAX_MEGABYTES", "1.5", "limits", Limits(bytes=3 * 2**19)),
        ("UNFAKE_MAX_MEGAPIXELS", "2.5", "limits", Limits(pixels=2_500_000)),
        ("UNFAKE_FETCH_SECONDS", "0.5", "limits", Limits(seconds=0.5)),
    ],
)
def test_a_variable_sets_what_it_says_and_nothing_else(name: str, value: str, field: str, expected: object) -> None:
    changed = vars(Settings.from_env({name: value})).items() - vars(Settings.from_env({})).items()
    assert (field, expected) in changed
    assert {key for key, _ in changed} <= {field, "cache", "store"}
    assert {key for key, _ in changed} == {field} or name == "UNFAKE_CACHE"


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    names = ("UNFAKE_MODEL", "UNFAKE_DEVICE", "UNFAKE_CACHE", "UNFAKE_STORE", "UNFAKE_AUTH", "UNFAKE_MAX_MEGABYTES")
    assert Settings.from_env(dict.fromkeys(names, " ")) == Settings.from_env({})


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
