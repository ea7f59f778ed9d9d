"""The Details tab: one photo of the catalog."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from unfake.ui import html


@dataclass(frozen=True)
class DetailsTab:
    """Components that other tabs reach."""

    card: gr.HTML
    classify: gr.Button


def build() -> DetailsTab:
    """Lay the tab out."""
    card = gr.HTML(html.message("No picture open", "Choose one in the gallery."), elem_id="details")
    classify = gr.Button("Classify this picture", variant="primary", visible=False, elem_id="classify-photo")
    return DetailsTab(card, classify)
