"""The Search tab: words in, a gallery out."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from unfake.ui import html

# One listener on the element serves every chip, also after the HTML is drawn anew.
PICK_SUGGESTION = """
element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-query]');
  if (chip) trigger('click', {query: chip.dataset.query});
});
"""


@dataclass(frozen=True)
class SearchTab:
    """Components that other tabs reach."""

    query: gr.Textbox
    orientation: gr.Dropdown
    go: gr.Button
    chips: gr.HTML


def build(catalog: str) -> SearchTab:
    """Lay the tab out."""
    where = (
        "No Unsplash key is set, so this searches the pictures that come with UnFake: photographs and AI-generated "
        "pictures, mixed. Open one, guess, then classify it."
        if catalog == "samples"
        else "Search Unsplash, open a photo, and check it before you download it."
    )
    gr.HTML(f'<p class="uf uf-quiet">{where}</p>')
    with gr.Row(equal_height=True):
        query = gr.Textbox(
            label="What are you looking for?",
            placeholder="portrait, landscape, food … (empty shows all)",
            scale=5,
            min_width=220,
            max_lines=1,
            elem_id="query",
        )
        orientation = gr.Dropdown(
            [("any shape", ""), "landscape", "portrait", "squarish"],
            value="",
            label="Shape",
            scale=1,
            min_width=130,
        )
        go = gr.Button("Search", variant="primary", scale=1, min_width=120, elem_id="go")
    chips = gr.HTML(html.suggestions(), js_on_load=PICK_SUGGESTION, elem_id="suggestions")
    return SearchTab(query, orientation, go, chips)
