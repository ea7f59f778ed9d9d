"""The Search tab: words in, a gallery out."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import get_args

import gradio as gr

from unfake.catalog.photo import Colour, OrderBy, Orientation
from unfake.services import Services
from unfake.ui import html

PICKED_SUGGESTION = "(word, ...others) => [window.unfakeWord, ...others]"


@dataclass(frozen=True)
class SearchTab:
    """Components that other tabs reach. ``filters``: orientation, colour, order."""

    query: gr.Textbox
    filters: list[gr.Dropdown]
    go: gr.Button
    chips: gr.HTML


def _filter(label: str, anything: str, choices: tuple[str, ...]) -> gr.Dropdown:
    named = [(choice.replace("_", " "), choice) for choice in choices]
    return gr.Dropdown([(anything, ""), *named], value="", label=label, scale=1, min_width=120)


def build(services: Services) -> SearchTab:
    """Lay the tab out."""
    where = services.catalog_notice or "Search Unsplash, open a photo, and check it before you download it."
    gr.HTML(f'<p class="uf uf-quiet">{escape(where)}</p>')
    with gr.Row(equal_height=True):
        query = gr.Textbox(
            label="What are you looking for?",
            placeholder="portrait, landscape, food …",
            scale=4,
            min_width=220,
            max_lines=1,
            elem_id="query",
        )
        filters = [
            _filter("Shape", "any shape", get_args(Orientation)),
            _filter("Colour", "any colour", get_args(Colour)),
        ]
        if services.catalog.name == "unsplash":
            filters.append(_filter("Order", "best match", get_args(OrderBy)[1:]))
        else:
            filters.append(gr.Dropdown([""], value="", visible=False))
        go = gr.Button("Search", variant="primary", scale=1, min_width=120, elem_id="go")
    chips = gr.HTML(html.suggestions(), js_on_load=html.keep_click("query", "unfakeWord"), elem_id="suggestions")
    return SearchTab(query, filters, go, chips)
