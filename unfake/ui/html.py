"""The app's own HTML. Every value that comes from outside passes through `escape`."""

from __future__ import annotations

from html import escape
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from unfake.catalog.photo import Photo, ResultPage
from unfake.catalog.samples import SAMPLES_FOLDER
from unfake.detector.calibration import Label, Thresholds
from unfake.report import Report
from unfake.services import Examination
from unfake.ui import overlay

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

HEADLINES = {
    Label.LIKELY_REAL: "Likely real",
    Label.INCONCLUSIVE: "Inconclusive",
    Label.LIKELY_FAKE: "Likely AI-generated or manipulated",
    Label.NOT_APPLICABLE: "No verdict on this picture",
}
ADVICE = {
    Label.LIKELY_REAL: "No signs of generation that this network knows. That is not proof that the picture is genuine.",
    Label.INCONCLUSIVE: "The signs are mixed. Treat the picture as unchecked: look for its source or ask its author.",
    Label.LIKELY_FAKE: "Don’t use it as a photograph of something that happened without asking its author first.",
    Label.NOT_APPLICABLE: "Nothing was classified.",
}
ICONS = {
    Label.LIKELY_REAL: '<path d="M12 2 4 5v6c0 5 3.4 9.6 8 11 4.6-1.4 8-6 8-11V5z"/><path d="m8.5 12 2.5 2.5 4.5-5"/>',
    Label.INCONCLUSIVE: '<circle cx="12" cy="12" r="10"/><path d="M9 9.2A3 3 0 1 1 12 13v1.2"/><path d="M12 17.4v.1"/>',
    Label.LIKELY_FAKE: '<path d="M12 2.5 1.8 20.5h20.4z"/><path d="M12 9v5.5"/><path d="M12 17.4v.1"/>',
    Label.NOT_APPLICABLE: '<circle cx="12" cy="12" r="10"/><path d="M7.5 12h9"/>',
}
LOGO = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#4f46e5"/>'
    '<circle cx="14" cy="14" r="7.5" fill="none" stroke="#fff" stroke-width="2.6"/>'
    '<path d="m19.6 19.6 6 6" stroke="#fff" stroke-width="2.8" stroke-linecap="round"/>'
    '<path d="m10.8 14.2 2.3 2.3 4.2-4.6" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)


def _icon(label: Label) -> str:
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{ICONS[label]}</svg>'
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


def suggestions() -> str:
    """Search words to click."""
    chips = "".join(f'<button type="button" data-query="{escape(w)}">{escape(w)}</button>' for w in SUGGESTIONS)
    return f'<div class="uf uf-chips" aria-label="Suggestions">{chips}</div>'


def credit(photo: Photo) -> str:
    """Who made the picture, with the links that its catalog asks for."""
    return link(photo.photographer.profile_url, photo.photographer.name)


def tile(photo: Photo) -> str:
    """One picture of the gallery: the picture opens it, under it stands its credit, or a sample's title.

    A sample's credit would give away whether it is real, so it comes with the verdict.
    """
    caption = escape(photo.title) if photo.truth else credit(photo)
    return (
        f'<article class="uf-tile"><button type="button" data-photo="{escape(photo.id)}" '
        f'aria-label="Open: {escape(photo.title)}"><img loading="lazy" src="{escape(picture_address(photo, "small"))}" '
        f'alt="{escape(photo.alt or photo.title)}"></button><p>{caption}</p></article>'
    )


def gallery(page: ResultPage, photos: tuple[Photo, ...], catalog: str) -> str:
    """All photos loaded so far for a query."""
    words = f"for “{escape(page.query)}”" if page.query else "in all"
    if not photos:
        return message(f"Nothing found {words}", "Try one of the suggestions, or fewer words.")
    shown = "" if len(photos) == page.total else f", {len(photos)} shown"
    noun = "picture" if page.total == 1 else "pictures"
    tiles = "".join(tile(photo) for photo in photos)
    where = "bundled samples: no Unsplash key is set" if catalog == "samples" else "Unsplash"
    return (
        f'<div class="uf"><p class="uf-count"><b>{page.total} {noun} {words}{shown}</b>'
        f'<span class="uf-quiet">{where}</span></p><div class="uf-grid">{tiles}</div></div>'
    )


def _facts(pairs: list[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f'<dl class="uf-facts">{rows}</dl>'


def details(photo: Photo) -> str:
    """Everything the catalog says of one photo, and nothing that would give the verdict away."""
    camera = ""
    if photo.camera:
        c = photo.camera
        parts = (c.make, c.model, c.exposure and f"{c.exposure} s", c.aperture and f"f/{c.aperture}")
        camera = ", ".join(escape(str(p)) for p in (*parts, c.focal_length and f"{c.focal_length} mm") if p)
        camera += f", ISO {c.iso}" if c.iso else ""
    pairs = [
        ("By", "named with the verdict" if photo.truth else credit(photo)),
        ("Size", f"{photo.width} × {photo.height} px"),
        ("Date", escape((photo.created_at or "")[:10])),
        ("Camera", camera),
        ("Place", escape(photo.place or "")),
        ("Licence", "" if photo.truth else link(photo.licence_url, photo.licence)),
    ]
    tags = "".join(f"<span>{escape(tag)}</span>" for tag in photo.tags)
    return (
        f'<div class="uf uf-details"><figure><img src="{escape(picture_address(photo, "regular"))}" '
        f'alt="{escape(photo.alt or "")}"></figure><div><h2>{escape(photo.title)}</h2>'
        f'{_facts(pairs)}<div class="uf-tags">{tags}</div></div></div>'
    )


def _scale(probability: float, thresholds: Thresholds) -> str:
    low, high = 100 * thresholds.likely_real, 100 * thresholds.likely_fake
    at = min(96.0, max(4.0, 100 * probability))
    return (
        f'<div class="uf-scale"><span class="uf-needle" style="left:{at:.1f}%">{percent(probability)}</span>'
        f'<div class="uf-zones"><i style="width:{low:.2f}%"></i><i style="width:{high - low:.2f}%"></i>'
        f'<i style="width:{100 - high:.2f}%"></i></div>'
        '<div class="uf-ends"><span>real</span><span>inconclusive</span><span>generated</span></div></div>'
    )


def percent(probability: float) -> str:
    """A probability as people read it; never 0 % or 100 %, which no classifier can know."""
    if probability < 0.01:  # noqa: PLR2004
        return "under 1 %"
    if probability > 0.99:  # noqa: PLR2004
        return "over 99 %"
    return f"{100 * probability:.0f} %"


def _picture(found: Examination) -> str:
    report = found.report
    image = (
        f'<img class="uf-picture" src="{overlay.preview(found.picture.pixels)}" alt="The picture that was classified">'
    )
    if not report.heatmap:
        return f'<figure class="uf-map">{image}</figure>'
    return (
        f'<figure class="uf-map">{image}'
        f'<img class="uf-heat" src="{overlay.heat(report.heatmap)}" alt="Heat map"></figure>'
        '<div class="uf-legend"><label class="uf-toggle"><input type="checkbox" checked>Show where</label>'
        '<span class="uf-ramp">speaks for real <i></i> speaks for generated</span></div>'
    )


def _truth(photo: Photo | None) -> str:
    if photo is None or photo.truth is None:
        return ""
    what = "a real photograph" if photo.truth == "real" else "an AI-generated picture"
    made = f"{what} made with {escape(photo.generator)}" if photo.generator else what
    licence = link(photo.licence_url, photo.licence)
    author = link(photo.page_url, photo.photographer.name)
    return (
        f'<p class="uf-truth"><b>What it really is:</b> {made}. '
        f"Credit: {author}, {licence}, from {escape((photo.origin or '').split(':')[0])}.</p>"
    )


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004


def _seen(report: Report) -> str:
    if not report.views:
        return ""
    return "1 view" if report.views == 1 else f"{report.views} views"


def verdict(found: Examination, thresholds: Thresholds, photo: Photo | None = None) -> str:
    """The answer: label in words, probability on the scale, heat map over the picture, and who says so."""
    report = found.report
    facts = report.picture
    number = ""
    if report.probability is not None:
        number = (
            f'<p class="uf-quiet">Estimated probability that it is generated or manipulated: '
            f"<b>{percent(report.probability)}</b></p>"
        )
    scale = "" if report.probability is None else _scale(report.probability, thresholds)
    pairs = [
        (
            "Picture",
            f"{facts.width} × {facts.height} px, {escape(facts.format)}, {facts.bytes / 1024:,.0f} KB",
        ),
        ("Fingerprint", f'<code title="sha256 {facts.sha256}">{facts.sha256[:16]}</code>'),
        ("Checked by", f"{escape(report.checkpoint)}, {escape(report.runtime)}"),
        ("Looked at", _seen(report)),
        ("Took", _seconds(report.timing_ms)),
    ]
    notice = f'<p class="uf-banner">{escape(report.notice)}</p>' if report.notice else ""
    return (
        f'<article class="uf uf-verdict uf-{report.label.value}" data-label="{report.label.value}" aria-live="polite">'
        f"<header>{_icon(report.label)}<div><h2>{HEADLINES[report.label]}</h2>{number}</div></header>"
        f'<div class="uf-body">{scale}{_picture(found)}{_truth(photo)}'
        f"<p>{escape(report.reason)} {ADVICE[report.label]}</p>{notice}{_facts(pairs)}"
        '<p class="uf-quiet uf-note">An estimate by a neural network, not proof. '
        "How often it is wrong, and on what, stands under About.</p></div></article>"
    )
