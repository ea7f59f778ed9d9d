"""The Gallery tab: what a search found, and which of it looks generated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.errors import UnfakeError
from unfake.services import Check, Services
from unfake.ui import grid, html

PAGE = 12
# Seconds between two drawings of the grid while a scan runs
REDRAW = 0.4

CLICKED_PHOTO = "() => [window.unfakePhoto]"


@dataclass(frozen=True)
class Query:
    """What was searched for; empty filters are None."""

    words: str = ""
    orientation: str | None = None
    colour: str | None = None
    order_by: str | None = None


@dataclass(frozen=True)
class Shown:
    """What the gallery shows: the photos of the first ``page`` pages of a query, and the checks of those scanned."""

    query: Query | None = None
    photos: tuple[Photo, ...] = ()
    page: int = 0
    total: int = 0
    checks: Mapping[str, Check] = field(default_factory=dict)


@dataclass(frozen=True)
class GalleryTab:
    """Components that other tabs reach."""

    grid: gr.HTML
    clicked: gr.Textbox
    more: gr.Button
    scan: gr.Button
    stop: gr.Button
    hide: gr.Checkbox
    progress: gr.HTML
    shown: gr.State


EMPTY = html.message("Nothing searched yet", "Search for something, and what is found appears here.")


def build() -> GalleryTab:
    """Lay the tab out."""
    shown = gr.State(Shown())
    with gr.Row(equal_height=True, elem_id="scan-bar"):
        scan = gr.Button(
            "Check these results", variant="primary", scale=0, min_width=190, visible=False, elem_id="scan"
        )
        stop = gr.Button("Stop", variant="stop", scale=0, min_width=100, visible=False, elem_id="stop")
        hide = gr.Checkbox(
            label="Hide likely AI", container=False, scale=0, min_width=160, visible=False, elem_id="hide"
        )
        progress = gr.HTML("", elem_id="progress")
    pictures = gr.HTML(EMPTY, js_on_load=html.keep_click("photo", "unfakePhoto"), elem_id="gallery")
    clicked = gr.Textbox(visible=False)  # stands for what CLICKED_PHOTO returns
    more = gr.Button("Load more", visible=False, elem_id="more")
    return GalleryTab(pictures, clicked, more, scan, stop, hide, progress, shown)


def draw(services: Services, shown: Shown, hide: bool) -> str:
    """The grid as HTML."""
    words = shown.query.words if shown.query else ""
    return grid.gallery(words, shown.photos, shown.total, services.catalog, checks=shown.checks, hide=hide)


def load(services: Services, query: Query, before: Shown, hide: bool) -> tuple[Any, ...]:
    """The next page of a query added to ``before``: grid, "load more", scan, hide, progress, and what is shown now."""
    try:
        page = services.search(
            query.words,
            before.page + 1,
            PAGE,
            orientation=query.orientation,
            colour=query.colour,
            order_by=query.order_by,
        )
    except UnfakeError as error:
        failed = html.message("The search did not work", str(error), error=True)
        if before.photos:  # nothing that was loaded is lost
            failed += draw(services, before, hide)
        return failed, gr.skip(), gr.Button(visible=bool(before.photos)), gr.skip(), "", before
    known = {photo.id for photo in before.photos}
    photos = (*before.photos, *(photo for photo in page.photos if photo.id not in known))
    shown = Shown(query, photos, page.page, page.total, before.checks)
    some = bool(photos)
    more = gr.Button(visible=bool(page.photos) and page.page < page.total_pages)
    return draw(services, shown, hide), more, gr.Button(visible=some), gr.Checkbox(visible=some), "", shown


def scan(services: Services, shown: Shown, hide: bool) -> Iterator[tuple[Any, ...]]:
    """Check what is shown and not yet checked; yields grid, scan, stop, progress and what is shown, as it goes on."""
    waiting = [photo for photo in shown.photos if photo.id not in shown.checks or shown.checks[photo.id].report is None]
    running = gr.Button(visible=False), gr.Button(visible=True)
    yield gr.skip(), *running, grid.progress(0, len(waiting)), shown
    checks, drawn = dict(shown.checks), time.monotonic()
    try:
        for done, check in enumerate(services.scan(waiting), start=1):
            checks[check.photo.id] = check
            if time.monotonic() - drawn > REDRAW:
                drawn = time.monotonic()
                shown = replace(shown, checks=dict(checks))
                yield draw(services, shown, hide), *running, grid.progress(done, len(waiting)), shown
    except UnfakeError as error:
        yield gr.skip(), *rested(), html.message("Not checked", str(error), error=True), shown
        return
    shown = replace(shown, checks=checks)
    yield draw(services, shown, hide), *rested(), grid.progress_done(checks.values()), shown


def rested() -> tuple[gr.Button, gr.Button]:
    """Scan and stop as they are when no scan runs."""
    return gr.Button(visible=True), gr.Button(visible=False)
