"""All tabs put together, and what leads from one to the next.

Whatever leads anywhere changes the page's address (``page.js``), and `arrival` shows what the address names: a link,
the Search button, the browser's Back, a reload, and an address that was sent by mail all take the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from unfake.services import Services
from unfake.ui import about, api, classify, details, gallery, grid, history, home, search, trust, visitor
from unfake.ui.arrival import Tabs, arriving
from unfake.ui.details import DetailsTab
from unfake.ui.gallery import Query, Shown
from unfake.ui.known import Known
from unfake.ui.mistakes import Blocks
from unfake.ui.search import SearchTab
from unfake.ui.template import render

HOUR = 3600
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# A click while the last one still runs waits for it, and only the latest such click counts: the answer to an earlier
# one can never come last.
LATEST: dict[str, Any] = PRIVATE | {"trigger_mode": "always_last"}
SETTLE = "(arrived) => window.unfake.settled(arrived)"
SETTLE_DETAILS = "() => { window.unfake.settle('#question:has(section), #download'); window.unfake.download(); }"
NOTE = "() => window.unfake.thumbs()"
WHERE = "(_, ...others) => [window.unfake.where(), ...others]"
Updates = dict[Any, Any]


def build(services: Services) -> gr.Blocks:
    """The whole app."""
    blocks: gr.Blocks
    with Blocks(title="UnFake", analytics_enabled=False, delete_cache=(HOUR // 6, HOUR)) as blocks:
        top = gr.HTML(render("header", status=services.status()), elem_id="head")
        key, kept = gr.State(""), gr.State(True)
        known = gr.State(Known())
        with gr.Tabs(selected="home", elem_id="tabs") as shell:
            with gr.Tab("Home", id="home", elem_id="place-home") as home_page:
                home_tab = home.build(services)
            with gr.Tab("Search", id="search", elem_id="place-search") as search_page:
                search_tab = search.build(services)
            with gr.Tab("Details", id="details", elem_id="place-details") as details_page:
                details_tab = details.build(services)
            with gr.Tab("Classify", id="classify", elem_id="place-classify") as classify_page:
                classify_tab = classify.build(services, key, known)
            with gr.Tab("History", id="history", elem_id="place-history") as history_page:
                history_tab = history.build(services, key, kept)
            with gr.Tab("About", id="about", elem_id="place-about") as about_page:
                about_tab = about.build()
        foot = gr.HTML(render("footer", status=services.status()), elem_id="foot")
        api.build(services)

        tabs = Tabs(shell, search_tab, details_tab, classify_tab, history_tab, about_tab)
        _connect_gallery(services, search_tab, key, known)
        answering = _connect_details(services, details_tab, key, known)
        identified = _connect_arrival(blocks, services, tabs, key, kept, known, answering)
        # A tab that is chosen by hand is a place as well, and shows what is true now.
        for page in (home_page, details_page, classify_page):
            page.select(None, js=f"() => window.unfake.at('{page.id}')", **PRIVATE)
        found = search_tab.gallery
        for page, handler, given, outputs in (
            (search_page, partial(gallery.redraw, services), [found.shown, known, found.hide], [found.grid]),
            (history_page, partial(history.show, history_tab, services), [key, kept], [*vars(history_tab).values()]),
            (about_page, partial(about.show, services), [], [about_tab.lines, about_tab.card]),
        ):
            at = f"(...given) => {{ window.unfake.at('{page.id}'); return given; }}"
            page.select(handler, given, outputs, js=at, show_progress="hidden", **PRIVATE).then(
                None, js="() => window.unfake.fill()", **PRIVATE
            )

        def ready() -> tuple[str, str, str]:
            with contextlib.suppress(Exception):  # the status says what happened
                services.wait()
            status = services.status()
            return render("header", status=status), render("footer", status=status), trust.lines(services)

        identified.then(ready, None, [top, foot, home_tab.trust], show_progress="hidden", **PRIVATE)
    return blocks


def _connect_arrival(
    blocks: gr.Blocks,
    services: Services,
    tabs: Tabs,
    key: gr.State,
    kept: gr.State,
    known: gr.State,
    answering: Sequence[Dependency],
) -> Dependency:
    """Show what the address names, at the start and whenever it changes; gives the event that opened the page."""
    place = gr.HTML("", js_on_load="window.unfake.ready(() => trigger('click'));", elem_id="arrival")
    where, able = gr.Textbox(visible=False), gr.Checkbox(visible=False)  # stand for what the browser sends and gets
    found = tabs.search.gallery
    handler, outputs = arriving(tabs, services, where), [where, *tabs.outputs]
    given = [where, found.shown, known, found.hide, tabs.details.opened, key, kept]
    # A photo that is opened ends the wait for the verdict on the one before.
    arriving_there = place.click(handler, given, outputs, js=WHERE, cancels=[*answering], **LATEST)
    arriving_there.then(None, where, js=SETTLE, **PRIVATE)
    # A file that is brought ends the wait for the answer on an address.
    asked = tabs.classify
    gr.on([asked.picture.upload, asked.camera.input], None, cancels=[arriving_there], show_progress="hidden", **PRIVATE)
    opened: Dependency = blocks.load(
        visitor.identify, [where, able], [key, kept], js=visitor.OWN_KEY, show_progress="hidden", **PRIVATE
    )
    opened.then(handler, given, outputs, js=WHERE, show_progress="hidden", **PRIVATE).then(
        None, where, js=SETTLE, **PRIVATE
    )
    return opened


def _connect_gallery(services: Services, search_tab: SearchTab, key: gr.State, known: gr.State) -> None:
    """ "Load more" adds to the gallery, a scan badges it."""
    tab = search_tab.gallery

    def more(shown: Shown, checks: Known, hide: bool) -> Updates:
        return gallery.load(tab, services, shown.query or Query(), shown, checks, hide, kept=shown)

    given = [tab.shown, known, tab.hide]
    scanning = tab.scan.click(
        partial(gallery.scan, tab, services),
        [*given, key],
        [tab.grid, tab.scan, tab.stop, tab.progress],
        trigger_mode="once",
        show_progress="hidden",
        **PRIVATE,
    )
    scanning.then(None, js=NOTE, **PRIVATE)
    tab.more.click(
        more,
        given,
        [tab.grid, tab.more, tab.scan, tab.stop, tab.hide, tab.progress, tab.shown],
        trigger_mode="once",
        **PRIVATE,
    ).then(None, js="() => window.unfake.more()", **PRIVATE)
    # The buttons change only after the scan has ended: what it had sent before may still be on its way.
    tab.stop.click(None, cancels=[scanning], show_progress="hidden", **PRIVATE).then(
        lambda: gallery.rested(tab) | {tab.progress: grid.stopped()},
        None,
        [tab.scan, tab.stop, tab.progress],
        show_progress="hidden",
        **PRIVATE,
    ).then(None, js=NOTE, **PRIVATE)
    tab.hide.input(
        partial(gallery.draw, services),
        given,
        tab.grid,
        show_progress="hidden",
        **LATEST,
    )


def _connect_details(services: Services, tab: DetailsTab, key: gr.State, known: gr.State) -> list[Dependency]:
    """Verdict and download of the open photo; gives the events that bring a verdict, for what ends the wait for it."""
    recalling = tab.opened.change(
        partial(details.recall, tab, services),
        [tab.opened, key, known],
        [tab.panel, tab.examined],
        show_progress="hidden",
        **PRIVATE,
    )
    outputs = [tab.question, tab.anyway, tab.another, tab.panel, tab.examined]
    asked = tab.classify.click(
        partial(details.classify, tab, services),
        [tab.opened, key, known],
        outputs,
        show_progress_on=tab.panel,
        cancels=[recalling],
        **LATEST,
    )
    asked.then(None, js=SETTLE_DETAILS, **PRIVATE)
    given = [tab.opened, tab.examined, key, known]
    for button, anyway in ((tab.download, False), (tab.anyway, True)):
        button.click(
            partial(details.download, tab, services, anyway=anyway),
            given,
            outputs,
            trigger_mode="once",
            show_progress_on=tab.panel,
            cancels=[recalling],
            **PRIVATE,
        ).then(None, js=SETTLE_DETAILS, **PRIVATE)
    tab.another.click(None, js="() => window.unfake.to('search')", **PRIVATE)
    return [recalling, asked]
