"""The app's own HTML. Every value that comes from outside passes through `escape`."""

from __future__ import annotations

import base64
from html import escape
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from unfake.catalog.photo import Catalog, Photo
from unfake.catalog.samples import SAMPLES_FOLDER
from unfake.detector.calibration import Label
from unfake.report import percent
from unfake.services import Check

SUGGESTIONS = (
    "face",
    "portrait",
    "spectacles",
    "beard",
    "freckles",
    "child",
    "close-up",
    "landscape",
    "animal",
    "food",
)

BADGES = {
    Label.LIKELY_REAL: "real",
    Label.INCONCLUSIVE: "unsure",
    Label.LIKELY_FAKE: "likely AI",
    Label.NOT_APPLICABLE: "no verdict",
    Label.DECLARED_AI: "AI, says the file",
    Label.DECLARED_AI_EDIT: "edited with AI",
    Label.DECLARED_CAMERA: "camera, signed",
}
LOGO = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#4f46e5"/>'
    '<circle cx="14" cy="14" r="7.5" fill="none" stroke="#fff" stroke-width="2.6"/>'
    '<path d="m19.6 19.6 6 6" stroke="#fff" stroke-width="2.8" stroke-linecap="round"/>'
    '<path d="m10.8 14.2 2.3 2.3 4.2-4.6" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)


def link(address: str | None, text: str) -> str:
    """A link that opens beside the app, or the bare text where there is no http(s) address."""
    if not address or urlsplit(address).scheme not in ("http", "https"):
        return escape(text)
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{escape(text)}</a>'


def picture_address(photo: Photo, rendition: Literal["full", "regular", "small", "thumb"]) -> str:
    """The ``src`` of a catalog picture: the address that the catalog gave, or Gradio's route to a bundled file."""
    address: str = getattr(photo.urls, rendition)
    if photo.catalog == "samples":
        return "gradio_api/file=" + quote(str(SAMPLES_FOLDER / address))
    return address


def header(status: dict[str, Any]) -> str:
    """Name, tagline, which checkpoint speaks, and why another one does not."""
    checkpoint = status["checkpoint"]
    if checkpoint:
        speaker = f"checked by <b>{escape(checkpoint['id'])}</b> ({escape(checkpoint['origin'])})"
    else:
        speaker = "the detector is loading" if status["state"] == "loading" else "no detector"
    banner = ""
    if checkpoint and checkpoint["notice"]:
        banner = f'<p class="uf-banner" role="status">{escape(checkpoint["notice"])}</p>'
    if status["error"]:
        banner = f'<p class="uf-banner uf-bad" role="alert">No verdicts can be given: {escape(status["error"])}</p>'
    return (
        f'<div class="uf uf-header"><div class="uf-brand">{LOGO}<h1>UnFake</h1></div>'
        '<p class="uf-tagline">Is it real? Know before you put your name beside it.</p>'
        f'<span class="uf-speaker">{speaker}</span></div><div class="uf">{banner}</div>'
    )


def message(title: str, text: str, error: bool = False) -> str:
    """An empty state, or an error in its place."""
    kind, role = ("uf-empty uf-error", "alert") if error else ("uf-empty", "status")
    return f'<div class="uf {kind}" role="{role}"><b>{escape(title)}</b>{escape(text)}</div>'


def keep_click(attribute: str, variable: str) -> str:
    """``js_on_load`` that keeps the ``data-`` attribute of what was clicked in a variable of the window.

    One listener on the element serves whatever is drawn in it later. The event's own ``js`` reads the variable when it
    is sent, not when the click is made: of several fast clicks, Gradio may otherwise send an earlier one last.
    """
    return f"""element.addEventListener('click', (event) => {{
  const clicked = event.target.closest('[data-{attribute}]');
  if (!clicked) return;
  window.{variable} = clicked.dataset.{attribute};
  trigger('click');
}});"""


def suggestions() -> str:
    """Search words to click."""
    chips = "".join(f'<button type="button" data-query="{escape(w)}">{escape(w)}</button>' for w in SUGGESTIONS)
    return f'<div class="uf uf-chips" aria-label="Suggestions">{chips}</div>'


def credit(photo: Photo, catalog: Catalog) -> str:
    """Who made the picture and where it stands, with the links that Unsplash's attribution guideline asks for."""
    maker = link(photo.photographer.profile_url, photo.photographer.name)
    # bdi: a name written from right to left, or one that says so, does not turn the words around it
    return f"<bdi>{maker}</bdi> on {link(catalog.home_url, 'Unsplash')}" if catalog.home_url else maker


def badge(check: Check | None) -> str:
    """What a scan found on one photo, in a word and a number."""
    if check is None:
        return ""
    if check.report is None:
        return f'<span class="uf-badge" title="{escape(check.error or "")}">not checked</span>'
    return verdict_badge(check.report.label, check.report.probability)


def verdict_badge(label: Label, probability: float | None) -> str:
    """A verdict in a word, with the probability of fake where the verdict says something."""
    number = ""
    if probability is not None and label is not Label.INCONCLUSIVE:
        number = f" · {percent(probability)}"
    if label is Label.LIKELY_REAL and number:  # "real · 33 %" would read as a probability of being real
        number += " AI"
    return f'<span class="uf-badge uf-{label.value}">{BADGES[label]}{number}</span>'


def facts(pairs: list[tuple[str, str]]) -> str:
    """Pairs of a name and its value, HTML both; those without a value are left out."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f'<dl class="uf-facts">{rows}</dl>'


def data_link(text: str, kind: str, file_name: str, content: str) -> str:
    """A link that saves ``content`` under ``file_name``; nothing is written on the server."""
    data = base64.b64encode(content.encode()).decode()
    return f'<a download="{escape(file_name)}" href="data:{kind};base64,{data}">{text}</a>'
