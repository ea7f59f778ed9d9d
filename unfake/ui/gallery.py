"""The Gallery tab: what a search found."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from unfake.ui import html

OPEN_PHOTO = """
element.addEventListener('click', (event) => {
  const picture = event.target.closest('[data-photo]');
  if (picture) trigger('click', {photo: picture.dataset.photo});
});
"""


@dataclass(frozen=True)
class GalleryTab:
    """Components that other tabs reach."""

    grid: gr.HTML
    more: gr.Button


def build() -> GalleryTab:
    """Lay the tab out."""
    empty = html.message("Nothing searched yet", "Search for something, and what is found appears here.")
    grid = gr.HTML(empty, js_on_load=OPEN_PHOTO, elem_id="gallery")
    more = gr.Button("Load more", visible=False, elem_id="more")
    return GalleryTab(grid, more)
