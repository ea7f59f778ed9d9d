"""The About tab: the model card of the checkpoint that speaks, with its measured errors."""

from __future__ import annotations

import base64

import gradio as gr

from unfake.errors import UnfakeError
from unfake.services import Services


def card(services: Services) -> str:
    """The model card without its front matter, its plots inside, or why there is none."""
    try:
        checkpoint = services.checkpoint
    except UnfakeError as error:
        return f"There is no detector: {error}"
    text = checkpoint.card()
    if text.startswith("---"):
        text = text.split("\n---\n", 1)[-1]
    for name, content in checkpoint.plots().items():
        # As an image, not as a part of the page: a script in an SVG does not run there.
        data = base64.b64encode(content).decode()
        text = text.replace(f"]({name})", f"](data:image/svg+xml;base64,{data})")
    return text


def build() -> gr.Markdown:
    """Lay the tab out."""
    return gr.Markdown("", elem_id="about")
