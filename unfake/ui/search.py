"""The Search tab: words in, a gallery out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import gradio as gr

from unfake.catalog.photo import Colour, OrderBy, Orientation
from unfake.services import Services
from unfake.ui import gallery
from unfake.ui.gallery import Gallery, Query
from unfake.ui.template import render

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
# Pressing Search only goes to the search's address; what arrives there searches.
GO = "(...values) => window.unfake.search(...values)"


@dataclass(frozen=True)
class SearchTab:
    """Components that others reach. ``filters``: shape, colour, order."""

    query: gr.Textbox
    filters: list[gr.Dropdown]
    gallery: Gallery


def _filter(label: str, anything: str, choices: tuple[str, ...]) -> gr.Dropdown:
    named = [(choice.replace("_", " "), choice) for choice in choices]
    return gr.Dropdown([(anything, ""), *named], value="", label=label, scale=1, min_width=130)


def build(services: Services) -> SearchTab:
    """Lay the tab out."""
    where = "Search Unsplash, open a photo, and check it before you download it."
    if services.catalog.name == "samples":
        where = "Search the bundled sample pictures, open one, and check it before you download it."
    gr.HTML(f'<h2 class="uf uf-title" tabindex="-1">Search</h2><p class="uf uf-quiet">{where}</p>')
    with gr.Row(equal_height=True):
        query = gr.Textbox(
            label="What are you looking for?",
            placeholder="portrait, landscape, food …",
            scale=4,
            min_width=220,
            max_lines=1,
            max_length=200,
            elem_id="query",
        )
        filters = [
            _filter("Shape", "any shape", get_args(Orientation)),
            _filter("Colour", "any colour", get_args(Colour)),
        ]
        if services.catalog.name == "unsplash":
            filters.append(_filter("Order", "best match", get_args(OrderBy)[1:]))
        else:
            filters.append(gr.Dropdown([("best match", "")], value="", visible=False))
        go = gr.Button("Search", variant="primary", scale=1, min_width=120, elem_id="go")
    gr.HTML(render("suggestions", words=SUGGESTIONS), elem_id="suggestions")
    given = [query, *filters]
    gr.on([go.click, query.submit], None, given, js=GO, api_visibility="private")
    return SearchTab(query, filters, gallery.build())


def asked(tab: SearchTab, query: Query) -> gallery.Updates:
    """The words and filters of a search, put where they are typed."""
    orientation, colour, order = tab.filters
    known = get_args(Orientation), get_args(Colour), get_args(OrderBy)
    values = (
        value if value in choices else ""
        for value, choices in zip((query.orientation, query.colour, query.order_by), known, strict=True)
    )
    return dict(zip((tab.query, orientation, colour, order), (query.words, *values), strict=True))
