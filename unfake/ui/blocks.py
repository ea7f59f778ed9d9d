"""All tabs put together, and what leads from one to the next."""

from __future__ import annotations

import contextlib
from typing import Any

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.errors import UnfakeError
from unfake.services import Services
from unfake.ui import about, api, classify, details, gallery, html, search

PAGE = 12
HOUR = 3600

# What the gallery shows: query, orientation, and the photos loaded so far
Loaded = tuple[str, str, tuple[Photo, ...]]


def build(services: Services) -> gr.Blocks:
    """The whole app."""
    blocks: gr.Blocks
    with gr.Blocks(title="UnFake", analytics_enabled=False, delete_cache=(HOUR // 6, HOUR)) as blocks:
        head = gr.HTML(html.header(services.status()), elem_id="head")
        found = gr.State(("", "", ()))  # query, orientation, photos loaded so far
        opened = gr.State(None)  # id of the photo in Details
        with gr.Tabs(selected="classify", elem_id="tabs") as tabs:
            with gr.Tab("Search", id="search"):
                search_tab = search.build(services.catalog.name)
            with gr.Tab("Gallery", id="gallery"):
                gallery_tab = gallery.build()
            with gr.Tab("Details", id="details"):
                details_tab = details.build()
            with gr.Tab("Classify", id="classify"):
                classify_tab = classify.build(services)
            with gr.Tab("About", id="about") as about_tab:
                card = about.build()
        api.build(services)
        _connect_search(services, tabs, search_tab, gallery_tab, found)
        _connect_details(
            services, tabs, gallery_tab=gallery_tab, details_tab=details_tab, classify_tab=classify_tab, opened=opened
        )

        def ready() -> str:
            with contextlib.suppress(Exception):  # the status says what happened
                services.wait()
            return html.header(services.status())

        blocks.load(ready, None, head, api_visibility="private", show_progress="hidden")
        about_tab.select(lambda: about.card(services), None, card, api_visibility="private")
    return blocks


def _connect_search(
    services: Services,
    tabs: gr.Tabs,
    search_tab: search.SearchTab,
    gallery_tab: gallery.GalleryTab,
    found: gr.State,
) -> None:
    """Search and suggestions fill the gallery; "Load more" adds to it."""

    def load(query: str, orientation: str, before: tuple[Photo, ...]) -> tuple[str, Any, Loaded]:
        try:
            page = services.search(query, len(before) // PAGE + 1, PAGE, orientation or None)
        except UnfakeError as error:
            shown = html.message("The search did not work", str(error), error=True)
            return shown, gr.Button(visible=False), (query, orientation, before)
        photos = (*before, *page.photos)
        shown = html.gallery(page, photos, services.catalog.name)
        return shown, gr.Button(visible=len(photos) < page.total), (query, orientation, photos)

    def begin(query: str, orientation: str) -> tuple[Any, str, Any, Loaded]:
        return gr.Tabs(selected="gallery"), *load(query.strip(), orientation, ())

    def suggested(orientation: str, event: gr.EventData) -> tuple[str, Any, str, Any, Loaded]:
        word = str(event.query)
        return word, *begin(word, orientation)

    results = [gallery_tab.grid, gallery_tab.more, found]
    gr.on(
        [search_tab.go.click, search_tab.query.submit],
        begin,
        [search_tab.query, search_tab.orientation],
        [tabs, *results],
        api_visibility="private",
        trigger_mode="always_last",
    )
    search_tab.chips.click(
        suggested,
        search_tab.orientation,
        [search_tab.query, tabs, *results],
        api_visibility="private",
        trigger_mode="always_last",
    )
    gallery_tab.more.click(lambda state: load(*state), found, results, api_visibility="private", trigger_mode="once")


def _connect_details(
    services: Services,
    tabs: gr.Tabs,
    *,
    gallery_tab: gallery.GalleryTab,
    details_tab: details.DetailsTab,
    classify_tab: classify.ClassifyTab,
    opened: gr.State,
) -> None:
    """A click in the gallery opens a photo; "Classify this picture" takes it to the verdict."""

    def open_photo(event: gr.EventData) -> tuple[Any, str, Any, str | None]:
        try:
            photo = services.photo(str(event.photo))
        except UnfakeError as error:
            shown = html.message("This picture cannot be opened", str(error), error=True)
            return gr.Tabs(selected="details"), shown, gr.Button(visible=False), None
        return gr.Tabs(selected="details"), html.details(photo), gr.Button(visible=True), photo.id

    def waiting() -> tuple[Any, None, str]:
        shown = html.message("Looking at the picture …", "This takes a moment.")
        return gr.Tabs(selected="classify"), None, shown

    def classify_opened(photo_id: str | None) -> classify.Answer:
        if photo_id is None:
            return classify.EMPTY, None
        try:
            photo = services.photo(photo_id)
        except UnfakeError as error:
            return html.message("Not classified", str(error), error=True), None
        return classify.answer(services, lambda: services.classify_photo(photo_id), photo)

    gallery_tab.grid.click(
        open_photo,
        None,
        [tabs, details_tab.card, details_tab.classify, opened],
        api_visibility="private",
        trigger_mode="always_last",
    )
    details_tab.classify.click(
        waiting, None, [tabs, classify_tab.picture, classify_tab.verdict], api_visibility="private"
    ).then(
        classify_opened,
        opened,
        [classify_tab.verdict, classify_tab.report],
        api_visibility="private",
        show_progress_on=classify_tab.verdict,
    ).then(None, js=classify.SHOW_VERDICT, api_visibility="private")
