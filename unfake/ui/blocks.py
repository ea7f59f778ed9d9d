"""All tabs put together, and what leads from one to the next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from unfake.errors import UnfakeError
from unfake.services import Examination, Services
from unfake.ui import about, api, classify, details, gallery, grid, history, html, search
from unfake.ui.gallery import Query, Shown
from unfake.ui.mistakes import Blocks

HOUR = 3600
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# A click while the last one still runs waits for it, and only the latest such click counts: the answer to an earlier
# one can never come last.
LATEST: dict[str, Any] = PRIVATE | {"trigger_mode": "always_last"}


def build(services: Services) -> gr.Blocks:
    """The whole app."""
    blocks: gr.Blocks
    with Blocks(title="UnFake", analytics_enabled=False, delete_cache=(HOUR // 6, HOUR)) as blocks:
        head = gr.HTML(html.header(services.status()), elem_id="head")
        # Random, and kept by the browser: the secret hides nothing that the browser does not hold anyway.
        visitor = gr.BrowserState("", storage_key="unfake-visitor", secret="unfake")  # noqa: S106
        with gr.Tabs(selected="classify", elem_id="tabs") as tabs:
            with gr.Tab("Search", id="search"):
                search_tab = search.build(services)
            with gr.Tab("Gallery", id="gallery"):
                gallery_tab = gallery.build()
            with gr.Tab("Details", id="details"):
                details_tab = details.build()
            with gr.Tab("Classify", id="classify"):
                classify.build(services, visitor)
            with gr.Tab("History", id="history") as history_page:
                history_tab = history.build()
            with gr.Tab("About", id="about") as about_page:
                card = about.build()
        api.build(services)

        _connect_gallery(services, tabs, search_tab, gallery_tab)
        classifying = _connect_classify(services, details_tab, visitor)
        _connect_details(services, tabs, gallery_tab, details_tab, classifying)
        _connect_download(services, tabs, details_tab, visitor)
        history_page.select(lambda key: history.show(services, key), visitor, history_tab.table, **PRIVATE)
        history_tab.clear.click(lambda key: history.forget(services, key), visitor, history_tab.table, **PRIVATE)
        about_page.select(lambda: about.card(services), None, card, **PRIVATE)

        def ready() -> str:
            with contextlib.suppress(Exception):  # the status says what happened
                services.wait()
            return html.header(services.status())

        blocks.load(history.identify, visitor, visitor, show_progress="hidden", **PRIVATE)
        blocks.load(ready, None, head, show_progress="hidden", **PRIVATE)
    return blocks


def _connect_gallery(
    services: Services, tabs: gr.Tabs, search_tab: search.SearchTab, gallery_tab: gallery.GalleryTab
) -> None:
    """Search and suggestions fill the gallery; "Load more" adds to it; a scan badges it."""
    tab = gallery_tab

    def begin(words: str, orientation: str, colour: str, order: str, hide: bool) -> tuple[Any, ...]:
        query = Query(words.strip(), orientation or None, colour or None, order or None)
        return gr.Tabs(selected="gallery"), *gallery.load(services, query, Shown(), hide), gr.Button(visible=False)

    def suggested(word: str, orientation: str, colour: str, order: str, hide: bool) -> tuple[Any, ...]:
        return word, *begin(word, orientation, colour, order, hide)

    def more(shown: Shown, hide: bool) -> tuple[Any, ...]:
        return gallery.load(services, shown.query or Query(), shown, hide)

    def scan(shown: Shown, hide: bool) -> Iterator[tuple[Any, ...]]:
        yield from gallery.scan(services, shown, hide)

    loaded = [tab.grid, tab.more, tab.scan, tab.hide, tab.progress, tab.shown]
    scanning = tab.scan.click(
        scan,
        [tab.shown, tab.hide],
        [tab.grid, tab.scan, tab.stop, tab.progress, tab.shown],
        trigger_mode="once",
        show_progress="hidden",
        **PRIVATE,
    )
    # What takes the gallery elsewhere ends a scan of what it showed.
    gr.on(
        [search_tab.go.click, search_tab.query.submit],
        begin,
        [search_tab.query, *search_tab.filters, tab.hide],
        [tabs, *loaded, tab.stop],
        cancels=[scanning],
        **LATEST,
    )
    search_tab.chips.click(
        suggested,
        [search_tab.query, *search_tab.filters, tab.hide],
        [search_tab.query, tabs, *loaded, tab.stop],
        js=search.PICKED_SUGGESTION,
        cancels=[scanning],
        **LATEST,
    )
    tab.more.click(more, [tab.shown, tab.hide], loaded, trigger_mode="once", cancels=[scanning], **PRIVATE).then(
        lambda: gr.Button(visible=False), None, tab.stop, show_progress="hidden", **PRIVATE
    )
    # The buttons change only after the scan has ended: what it had sent before may still be on its way.
    tab.stop.click(None, cancels=[scanning], show_progress="hidden", **PRIVATE).then(
        lambda: (*gallery.rested(), grid.stopped()),
        None,
        [tab.scan, tab.stop, tab.progress],
        show_progress="hidden",
        **PRIVATE,
    )
    tab.hide.input(
        lambda shown, hide: gallery.draw(services, shown, hide),
        [tab.shown, tab.hide],
        tab.grid,
        show_progress="hidden",
        **LATEST,
    )


def _connect_details(
    services: Services,
    tabs: gr.Tabs,
    gallery_tab: gallery.GalleryTab,
    details_tab: details.DetailsTab,
    classifying: Dependency,
) -> None:
    """A click in the gallery opens a photo, and ends the wait for the verdict on the one before."""
    tab = details_tab

    def open_photo(photo_id: str) -> tuple[Any, ...]:
        return gr.Tabs(selected="details"), *details.open_photo(services, photo_id)

    gallery_tab.grid.click(
        open_photo,
        gallery_tab.clicked,
        [tabs, tab.card, tab.classify, tab.download, tab.panel, tab.anyway, tab.another, tab.opened, tab.examined],
        js=gallery.CLICKED_PHOTO,
        cancels=[classifying],
        **LATEST,
    )


def _connect_classify(services: Services, details_tab: details.DetailsTab, visitor: gr.BrowserState) -> Dependency:
    """ "Classify" in Details shows the verdict there; gives the event, for what ends it."""
    tab = details_tab

    def classify_opened(photo_id: str | None, key: str) -> tuple[Any, ...]:
        if photo_id is None:
            return "", *details.questions(False), None
        try:
            photo = services.photo(photo_id)
        except UnfakeError as error:
            return html.message("Not classified", str(error), error=True), *details.questions(False), None
        shown, _, found = classify.answer(services, lambda: services.classify_photo(photo_id, key), photo)
        return shown, *details.questions(False), found

    asked = tab.classify.click(
        classify_opened,
        [tab.opened, visitor],
        [tab.panel, tab.anyway, tab.another, tab.examined],
        show_progress_on=tab.panel,
        **LATEST,
    )
    asked.then(None, js=details.START_DOWNLOAD, **PRIVATE)
    return asked


def _connect_download(
    services: Services, tabs: gr.Tabs, details_tab: details.DetailsTab, visitor: gr.BrowserState
) -> None:
    """ "Download" classifies first; a doubtful picture asks once more."""
    tab = details_tab

    def begin(photo_id: str | None, examined: Examination | None, key: str) -> tuple[Any, ...]:
        if examined is not None and examined.report.picture.source_name != photo_id:
            examined = None  # the verdict that came in late belongs to the photo that was open before
        return details.begin_download(services, photo_id, examined, key)

    def anyway(photo_id: str | None, examined: Examination | None, key: str) -> tuple[Any, ...]:
        if examined is not None and examined.report.picture.source_name != photo_id:
            return html.message("Not downloaded", "Another picture was opened meanwhile."), *details.questions(False)
        return details.take(services, photo_id, examined, key), *details.questions(False)

    given = [tab.opened, tab.examined, visitor]
    tab.download.click(
        begin,
        given,
        [tab.panel, tab.anyway, tab.another, tab.examined],
        trigger_mode="once",
        show_progress_on=tab.panel,
        **PRIVATE,
    ).then(None, js=details.START_DOWNLOAD, **PRIVATE)
    tab.anyway.click(anyway, given, [tab.panel, tab.anyway, tab.another], trigger_mode="once", **PRIVATE).then(
        None, js=details.START_DOWNLOAD, **PRIVATE
    )
    tab.another.click(lambda: gr.Tabs(selected="gallery"), None, tabs, **PRIVATE)
