"""Every setting of the app, read from the environment and ``.env`` once and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from dotenv import dotenv_values

from unfake.catalog.unsplash import API
from unfake.detector.runtime import Device, Precision
from unfake.errors import SettingsError
from unfake.folders import default_cache
from unfake.intake import Limits


@dataclass(frozen=True)
class Settings:
    """How this instance runs; the names of the variables are in ``.env.example``.

    ``model``: folder or ``owner/repo[@revision]`` of the checkpoint. ``space_author``: owner of the Space that the
    app runs on. ``cache``: folder for the compiled graph and for Unsplash's answers. ``uploads``: folder for pictures
    that people bring, for an hour; None for one in the cache. ``store``: SQLite file of verdicts and histories; None
    keeps them in memory. ``auth``: name and password that the page and the endpoints ask for; None for nothing.
    ``trust_list``: PEM file of certificates whose Content Credentials are trusted. ``unsplash_url``: another address
    for the API, to try the app against the local one in ``tests/servers``. Secrets stay out of ``repr``.
    """

    model: str | None = None
    space_author: str | None = None
    hub_token: str | None = field(default=None, repr=False)
    device: Device = "auto"
    precision: Precision = "auto"
    cache: Path = field(default_factory=default_cache)
    uploads: Path | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)
    store: Path | None = None
    trust_list: Path | None = None
    unsplash_key: str | None = field(default=None, repr=False)
    unsplash_url: str = API
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
        """Settings from ``environment`` (default: the process's), over those in the file ``dotenv``.

        Raises SettingsError with the variable's name and what it may be.
        """
        stored = dotenv_values(dotenv) if dotenv and dotenv.is_file() else {}
        values = {key: value.strip() for key, value in stored.items() if value}
        values |= {key: value.strip() for key, value in (os.environ if environment is None else environment).items()}
        defaults = cls()
        cache = Path(values.get("UNFAKE_CACHE") or defaults.cache).expanduser()
        uploads = values.get("GRADIO_TEMP_DIR")
        store = values.get("UNFAKE_STORE") or str(cache / "unfake.sqlite3")
        return cls(
            model=values.get("UNFAKE_MODEL") or None,
            space_author=values.get("SPACE_AUTHOR_NAME") or None,
            hub_token=values.get("HF_TOKEN") or None,
            device=cast(Device, _choice(values, "UNFAKE_DEVICE", get_args(Device))),
            precision=cast(Precision, _choice(values, "UNFAKE_PRECISION", get_args(Precision))),
            cache=cache,
            uploads=Path(uploads).expanduser() if uploads else None,
            store=None if store == "memory" else Path(store).expanduser(),
            auth=_auth(values.get("UNFAKE_AUTH")),
            trust_list=Path(values["UNFAKE_TRUST_LIST"]).expanduser() if values.get("UNFAKE_TRUST_LIST") else None,
            unsplash_key=values.get("UNSPLASH_ACCESS_KEY") or None,
            unsplash_url=values.get("UNFAKE_UNSPLASH_URL") or defaults.unsplash_url,
            limits=Limits(
                bytes=int(_positive(values, "UNFAKE_MAX_MEGABYTES", defaults.limits.bytes / 2**20) * 2**20),
                pixels=int(_positive(values, "UNFAKE_MAX_MEGAPIXELS", defaults.limits.pixels / 1e6) * 1e6),
                seconds=_positive(values, "UNFAKE_FETCH_SECONDS", defaults.limits.seconds),
            ),
        )


def _choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = values.get(name) or choices[0]
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}; it may be {', '.join(choices)}.")
    return value


def _auth(text: str | None) -> tuple[str, str] | None:
    if not text:
        return None
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise SettingsError("UNFAKE_AUTH has to be a name and a password with a colon between them.")
    return name, password


def _positive(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingsError(f"{name} is {text!r}; it must be a positive number.")
    return number
