"""The About tab: how far to trust it in five lines, then the model card of the checkpoint that speaks."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from unfake.detector.checkpoint import Checkpoint
from unfake.errors import UnfakeError
from unfake.pages import data_uri
from unfake.services import Services
from unfake.ui import sources
from unfake.ui.template import render
from unfake.ui.trust import Trust

# Who made the part of a network that looks, by its name in timm: what it is, by whom, and its licence.
TOWERS = {"vit_base_patch16_clip_quickgelu_224": ("CLIP’s image tower, a ViT-B/16", "OpenAI", "MIT")}


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
    return render("about", trust=Trust.of(checkpoint), checkpoint=checkpoint, makers=makers(checkpoint))


def makers(checkpoint: Checkpoint) -> str:
    """Who made the weights and what they were fitted on, as far as the checkpoint says so, in sentences."""
    training = checkpoint.config.training
    pictures, pool = training.get("pictures"), training.get("sources")
    ours = checkpoint.origin == "bundled"
    on = "on pictures that its card names"
    if isinstance(pictures, int) and isinstance(pool, list):
        on = f"on {'its own pool of ' if ours else ''}{pictures:,} pictures from {len(pool)} sources"
    who = "UnFake" if ours else "whoever published this checkpoint"
    tower = TOWERS.get(checkpoint.config.backbone)
    if tower is None:
        return f"Its weights were fitted by {who} {on}."
    what, maker, licence = tower
    return (
        f"What looks is {what}, made by {maker} (licence {licence}); what decides is one layer, fitted by {who} {on}."
    )


def card(services: Services) -> str:
    """The model card without its front matter, its plots inside, or why there is none."""
    try:
        checkpoint = services.checkpoint
    except UnfakeError as error:
        return f"There is no detector: {error}"
    text = checkpoint.card()
    if text.startswith("---"):
        text = text.split("\n---\n", 1)[-1]
    text = sources.explained(text)
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
