"""The gallery's grid of pictures as HTML, and how far a scan of it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape

from unfake.catalog.photo import Catalog, Photo
from unfake.detector.calibration import Label
from unfake.judgement import AI
from unfake.services import Check
from unfake.ui.html import badge, credit, message, picture_address

# Under this many requests left, the app warns before they run out.
FEW_REQUESTS = 10
EMPTY_CHECKS: Mapping[str, Check] = {}


def tile(photo: Photo, catalog: Catalog, check: Check | None = None) -> str:
    """One picture of the gallery: the picture opens it, under it stands its credit, or a sample's title.

    A sample's credit would give away whether it is real, so it comes with the verdict.
    """
    caption = escape(photo.title) if photo.truth else f"Photo by {credit(photo, catalog)}"
    return (
        f'<article class="uf-tile"><button type="button" data-photo="{escape(photo.id)}" '
        f'aria-label="Open: {escape(photo.title)}"><img loading="lazy" src="{escape(picture_address(photo, "small"))}" '
        f'alt="{escape(photo.alt or photo.title)}">{badge(check)}</button><p>{caption}</p></article>'
    )


def _is_likely_fake(check: Check | None) -> bool:
    return bool(check and check.report and check.report.label in AI)


def gallery(
    query: str,
    photos: tuple[Photo, ...],
    total: int,
    catalog: Catalog,
    *,
    checks: Mapping[str, Check] = EMPTY_CHECKS,
    hide: bool = False,
) -> str:
    """All photos loaded so far for a query, with what a scan found; ``hide`` leaves out those that are likely fake."""
    if not photos:
        return message(
            f"Nothing found for “{query}”" if query else "Nothing found", "Try one of the suggestions, or fewer words."
        )
    words = f"for “{escape(query)}”" if query else "in all"
    kept = [p for p in photos if not (hide and _is_likely_fake(checks.get(p.id)))]
    noun = "picture" if total == 1 else "pictures"
    shown = "" if len(photos) == total else f", {len(photos)} loaded"
    hidden = f", {len(photos) - len(kept)} hidden" if len(kept) < len(photos) else ""
    tiles = "".join(tile(photo, catalog, checks.get(photo.id)) for photo in kept)
    return (
        f'<div class="uf"><p class="uf-count"><b>{total:,} {noun} {words}{shown}{hidden}</b>'
        f'<span class="uf-quiet">{_where(catalog)}</span></p><div class="uf-grid">{tiles}</div></div>'
    )


def _where(catalog: Catalog) -> str:
    if catalog.name == "samples":
        return "bundled samples"
    left = catalog.remaining
    if left is None or left > FEW_REQUESTS:
        return "from Unsplash"
    return f'from Unsplash: <b class="uf-few">only {left} requests left in this hour</b>'


def progress(done: int, total: int) -> str:
    """How far a scan is."""
    return (
        f'<div class="uf uf-progress" role="status"><progress max="{max(total, 1)}" value="{done}"></progress>'
        f"<span>{done} of {total} checked</span></div>"
    )


def progress_done(checks: Iterable[Check]) -> str:
    """What a scan found, in numbers."""
    labels = Counter(c.report.label if c.report else None for c in checks)
    words = [
        (Label.LIKELY_FAKE, "likely AI"),
        (Label.DECLARED_AI, "AI by their own word"),
        (Label.DECLARED_AI_EDIT, "edited with AI by their own word"),
        (Label.INCONCLUSIVE, "unsure"),
        (Label.LIKELY_REAL, "likely real"),
        (Label.DECLARED_CAMERA, "signed by a camera"),
    ]
    parts = [f"{labels[label]} {word}" for label, word in words if labels[label]]
    parts += [f"{labels[Label.NOT_APPLICABLE]} without a verdict"] if labels[Label.NOT_APPLICABLE] else []
    parts += [f"{labels[None]} could not be fetched"] if labels[None] else []
    return f'<div class="uf uf-progress" role="status">{", ".join(parts)}</div>'


def stopped() -> str:
    """A scan that was stopped by hand."""
    return '<div class="uf uf-progress" role="status">Stopped; what was checked stays.</div>'
