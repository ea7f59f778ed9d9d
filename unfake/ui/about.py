"""The About tab: how far to trust it in five lines, then the model card of the checkpoint that speaks."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from unfake.errors import UnfakeError
from unfake.pages import data_uri
from unfake.services import Services
from unfake.ui.template import render
from unfake.ui.trust import Trust


@dataclass(frozen=True)
class AboutTab:
    """Components that others reach."""

    lines: gr.HTML
    card: gr.Markdown


def lines(services: Services) -> str:
    """What it gets right and wrong, what it can't see, who should not rely on it, and who made its weights."""
    try:
        checkpoint = services.checkpoint
    except UnfakeError:
        return ""
    return render("about", trust=Trust.of(checkpoint), checkpoint=checkpoint)


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
        text = text.replace(f"]({name})", f"]({data_uri(content, 'image/svg+xml')})")
    return text


def show(services: Services) -> tuple[str, str]:
    """The five lines as HTML, and the card as Markdown."""
    return lines(services), card(services)


def build() -> AboutTab:
    """Lay the tab out."""
    return AboutTab(gr.HTML("", elem_id="about-lines"), gr.Markdown("", elem_id="about"))
