"""The About tab: the model card of the checkpoint that speaks, with its measured errors."""

from __future__ import annotations

import gradio as gr

from unfake.errors import UnfakeError
from unfake.services import Services


def card(services: Services) -> str:
    """The model card without its front matter, or why there is none."""
    try:
        text = services.checkpoint.card()
    except UnfakeError as error:
        return f"There is no detector: {error}"
    if text.startswith("---"):
        text = text.split("\n---\n", 1)[-1]
    return text


def build() -> gr.Markdown:
    """Lay the tab out."""
    return gr.Markdown("", elem_id="about")
