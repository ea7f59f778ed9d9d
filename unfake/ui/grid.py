"""The gallery's grid of pictures as HTML, and how far a scan of it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from unfake.catalog.photo import Catalog, Photo
from unfake.detector.calibration import Label
from unfake.judgement import AI
from unfake.services import Check
from unfake.ui.template import message, render

# Under this many requests left, the app warns before they run out.
FEW_REQUESTS = 10
WORKS = ("?q=landscape", "Search for “landscape”")
"""A search that finds something in every catalog."""
EMPTY_CHECKS: Mapping[str, Check] = {}
WORDS = (
    (Label.LIKELY_FAKE, "likely AI"),
    (Label.DECLARED_AI, "AI by their own word"),
    (Label.DECLARED_AI_EDIT, "edited with AI by their own word"),
    (Label.INCONCLUSIVE, "inconclusive"),
    (Label.LIKELY_REAL, "likely real"),
    (Label.DECLARED_CAMERA, "signed by a camera"),
    (Label.NOT_APPLICABLE, "without a verdict"),
)


def gallery(
    query: str,
    photos: tuple[Photo, ...],
    total: int,
    catalog: Catalog,
    *,
    checks: Mapping[str, Check] = EMPTY_CHECKS,
    hide: bool = False,
) -> str:
    """All photos loaded so far for a query, with what is known of them; ``hide`` leaves likely AI out."""
    if not photos:
        title = f"Nothing found for “{query}”" if query else "Nothing found"
        every = ("?q=", "Show all pictures") if catalog.name == "samples" else WORKS  # Unsplash searches by words
        return message(title, "Try one of the suggestions, or fewer words.", every)
    likely_ai = {
        photo.id
        for photo in photos
        if (check := checks.get(photo.id)) is not None and check.report and check.report.label in AI
    }
    left = catalog.remaining
    return render(
        "gallery",
        query=query,
        photos=photos,
        total=total,
        catalog=catalog,
        checks=checks,
        left_out=likely_ai if hide else (),
        hidden=len(likely_ai) if hide else 0,
        few=left if left is not None and left <= FEW_REQUESTS else None,
    )


def progress(done: int, total: int) -> str:
    """How far a scan is."""
    return render("progress", done=done, total=total, words=f"{done} of {total} checked")


def counted(labels: Iterable[Label | None]) -> str:
    """Verdicts in numbers; None counts as one that could not be had."""
    counts = Counter(labels)
    parts = [f"{counts[label]} {word}" for label, word in WORDS if counts[label]]
    parts += [f"{counts[None]} could not be fetched"] if counts[None] else []
    return ", ".join(parts)


def progress_done(checks: Iterable[Check]) -> str:
    """What a scan found, in numbers."""
    words = counted(check.report.label if check.report else None for check in checks)
    return render("progress", done=None, total=None, words=words)


def stopped() -> str:
    """A scan that was stopped by hand."""
    return render("progress", done=None, total=None, words="Stopped; what was checked stays.")
