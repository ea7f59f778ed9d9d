"""What a search found, and which of it looks generated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.errors import QueryRejected, UnfakeError
from unfake.services import Services
from unfake.ui import grid
from unfake.ui.known import Known
from unfake.ui.template import message

PAGE = 12
# Seconds between two drawings of the grid while a scan runs
REDRAW = 0.4


@dataclass(frozen=True)
class Query:
    """What was searched for; empty filters are None."""

    words: str = ""
    orientation: str | None = None
    colour: str | None = None
    order_by: str | None = None

    @property
    def again(self) -> tuple[str, str]:
        """The way to it, as a step that leads on."""
        given = {"q": self.words, "shape": self.orientation, "colour": self.colour, "order": self.order_by}
        wanted = {name: value for name, value in given.items() if value or name == "q"}
        return "?" + urlencode(wanted), "Try again"


@dataclass(frozen=True)
class Shown:
    """What the gallery shows: the photos of the first ``page`` pages of a query, of ``total``."""

    query: Query | None = None
    photos: tuple[Photo, ...] = ()
    page: int = 0
    total: int = 0
    pages: int = 0


@dataclass(frozen=True)
class Gallery:
    """Components that others reach."""

    grid: gr.HTML
    more: gr.Button
    scan: gr.Button
    stop: gr.Button
    hide: gr.Checkbox
    progress: gr.HTML
    shown: gr.State


Updates = dict[Any, Any]
OWN = ("?tab=classify", "Check my own picture")
EMPTY = message(
    "No search yet",
    "Type what you are looking for, or take a suggestion. “Check these results” then marks each picture it found.",
    grid.WORKS,
)


def build() -> Gallery:
    """Lay it out."""
    shown = gr.State(Shown())
    with gr.Row(equal_height=True, elem_id="scan-bar"):
        scan = gr.Button(
            "Check these results", variant="primary", scale=0, min_width=230, visible=False, elem_id="scan"
        )
        stop = gr.Button("Stop", variant="stop", scale=0, min_width=100, visible=False, elem_id="stop")
        hide = gr.Checkbox(
            label="Hide likely AI", container=False, scale=0, min_width=160, visible=False, elem_id="hide"
        )
        progress = gr.HTML("", elem_id="progress")
    pictures = gr.HTML(EMPTY, elem_id="gallery")
    more = gr.Button("Load more", visible=False, elem_id="more")
    return Gallery(pictures, more, scan, stop, hide, progress, shown)


def draw(services: Services, shown: Shown, known: Known, hide: bool) -> str:
    """The grid as HTML."""
    if shown.query is None:
        return EMPTY
    return grid.gallery(shown.query.words, shown.photos, shown.total, services.catalog, checks=known, hide=hide)


def redraw(services: Services, shown: Shown, known: Known, hide: bool) -> Any:
    """The grid as HTML with what was found out since; where nothing is shown, what stands there stays."""
    return gr.skip() if shown.query is None else draw(services, shown, known, hide)


def load(
    tab: Gallery, services: Services, query: Query, before: Shown, known: Known, hide: bool, kept: Shown
) -> Updates:
    """Updates for the next page of a query, added to ``before``; where the search fails, ``kept`` stays."""
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
        more = before is kept and before.page < before.pages  # the same page can be asked for again
        again = () if more else (grid.WORKS,) if isinstance(error, QueryRejected) else (query.again, OWN)
        failed = message("The search did not work", str(error), *again, error=True)
        return {
            tab.grid: failed + (draw(services, kept, known, hide) if kept.photos else ""),
            tab.more: gr.Button(visible=more),
            tab.progress: "",
        }
    there = {photo.id for photo in before.photos}
    photos = (*before.photos, *(photo for photo in page.photos if photo.id not in there))
    shown = Shown(query, photos, page.page, page.total, page.total_pages)
    some = bool(photos)
    known.gallery = shown
    return {
        tab.grid: draw(services, shown, known, hide),
        tab.more: gr.Button(visible=bool(page.photos) and page.page < page.total_pages),
        tab.scan: gr.Button(visible=some),
        tab.stop: gr.Button(visible=False),
        tab.hide: gr.Checkbox(visible=some),
        tab.progress: "",
        tab.shown: shown,
    }


def scan(
    tab: Gallery, services: Services, shown: Shown, known: Known, hide: bool, visitor: str = ""
) -> Iterator[Updates]:
    """Check what is shown and not yet checked; yields updates as it goes on, and ends where something else is shown."""
    known.gallery = shown
    waiting = [photo for photo in shown.photos if photo.id not in known or known[photo.id].report is None]
    running = {tab.scan: gr.Button(visible=False), tab.stop: gr.Button(visible=True)}
    yield running | {tab.progress: grid.progress(0, len(waiting))}
    drawn = time.monotonic()
    try:
        for done, check in enumerate(services.scan(waiting, visitor), start=1):
            known.add(check)
            if known.gallery is not shown:
                return
            if time.monotonic() - drawn > REDRAW:
                drawn = time.monotonic()
                yield running | {
                    tab.grid: draw(services, shown, known, hide),
                    tab.progress: grid.progress(done, len(waiting)),
                }
    except UnfakeError as error:
        yield rested(tab) | {tab.progress: message("Not checked", str(error), error=True)}
        return
    found = [known[photo.id] for photo in shown.photos if photo.id in known]
    yield rested(tab) | {tab.grid: draw(services, shown, known, hide), tab.progress: grid.progress_done(found)}


def rested(tab: Gallery) -> Updates:
    """Scan and stop as they are when no scan runs."""
    return {tab.scan: gr.Button(visible=True), tab.stop: gr.Button(visible=False)}
