"""The page's HTML from ``templates/``: every value is escaped there unless a template says otherwise."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from unfake.catalog.photo import Photo
from unfake.catalog.samples import SAMPLES_FOLDER
from unfake.detector.calibration import Label
from unfake.pages import data_uri, environment

BADGES = {
    Label.LIKELY_REAL: "likely real",
    Label.INCONCLUSIVE: "inconclusive",
    Label.LIKELY_FAKE: "likely AI",
    Label.NOT_APPLICABLE: "no verdict",
    Label.DECLARED_AI: "AI, by its own word",
    Label.DECLARED_AI_EDIT: "edited with AI",
    Label.DECLARED_CAMERA: "camera, signed",
}


def is_web(address: str | None) -> bool:
    """Whether a link may lead there: an http(s) address.

    >>> is_web("https://example.com/"), is_web("javascript:alert(1)"), is_web(None)
    (True, False, False)
    """
    try:
        return bool(address) and urlsplit(address).scheme in ("http", "https")
    except ValueError:
        return False


Rendition = Literal["full", "regular", "small", "thumb"]


def picture_address(photo: Photo, rendition: Rendition) -> str:
    """The ``src`` of a catalog picture: the address that the catalog gave, or Gradio's route to a bundled file."""
    address: str = getattr(photo.urls, rendition)
    if photo.catalog == "samples":
        return "gradio_api/file=" + quote(str(SAMPLES_FOLDER / address))
    return address


_environment = environment(Path(__file__).with_name("templates"))
_environment.tests["web"] = is_web
_environment.filters |= {
    "badge_word": BADGES.__getitem__,
    "picture_address": picture_address,
    "data_uri": data_uri,
    "last_part": lambda name: PurePosixPath(name.replace("\\", "/")).name,
}


def render(template: str, **values: Any) -> str:
    """``templates/<template>.html`` with these values; raises jinja2.UndefinedError where one is missing."""
    return _environment.get_template(f"{template}.html").render(values).strip()


def message(title: str, text: str, *steps: tuple[str, str], error: bool = False) -> str:
    """An empty state, or an error in its place. ``steps``: the app's own addresses that lead on, with their words."""
    return render("message", title=title, text=text, steps=steps, error=error)
