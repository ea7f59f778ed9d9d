"""Which catalog the app searches: Unsplash with a key, the bundled samples without."""

from __future__ import annotations

from pathlib import Path

from unfake.catalog.photo import Catalog
from unfake.catalog.samples import SampleCatalog
from unfake.catalog.unsplash import UnsplashCatalog
from unfake.errors import InvalidKey
from unfake.intake import Limits

NO_KEY = (
    "No Unsplash key is set, so this searches the pictures that come with UnFake. For Unsplash, register an app at "
    "unsplash.com/developers and set UNSPLASH_ACCESS_KEY."
)


def choose(key: str | None, url: str, cache: Path, limits: Limits) -> tuple[Catalog, str | None]:
    """The catalog, and a sentence for the user on why it is not Unsplash.

    Raises SettingsError where ``url`` cannot be the address of an API.
    """
    if not key:
        return SampleCatalog(), NO_KEY
    try:
        return UnsplashCatalog(key, url, cache=cache / "unsplash", limits=limits), None
    except InvalidKey as error:
        return SampleCatalog(), f"{error} Until then this searches the pictures that come with UnFake."
