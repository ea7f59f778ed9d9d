"""The History tab: what this browser checked and downloaded, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unfake.errors import UnfakeError
from unfake.services import Services
from unfake.store import HistoryEntry, history_csv
from unfake.ui.template import message, render

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class HistoryTab:
    """Components that others reach."""

    table: gr.HTML


def build(services: Services, visitor: gr.State, kept: gr.State) -> HistoryTab:
    """Lay the tab out and connect it; clearing asks first."""
    gr.HTML('<h2 class="uf uf-title" tabindex="-1">History</h2>')
    shown = gr.HTML("", elem_id="history")
    with gr.Row():
        clear = gr.Button("Clear my history", variant="stop", elem_id="clear-history")
        sure = gr.Button("Yes, delete all of it", variant="stop", visible=False, elem_id="clear-sure")
        keep = gr.Button("Keep it", visible=False, elem_id="clear-keep")

    def asking(yes: bool) -> tuple[gr.Button, ...]:
        return gr.Button(visible=not yes), gr.Button(visible=yes), gr.Button(visible=yes)

    buttons = [clear, sure, keep]
    clear.click(lambda: asking(True), None, buttons, show_progress="hidden", **PRIVATE)
    keep.click(lambda: asking(False), None, buttons, show_progress="hidden", **PRIVATE)
    sure.click(
        lambda key, keeps: (forget(services, key, keeps), *asking(False)), [visitor, kept], [shown, *buttons], **PRIVATE
    )
    return HistoryTab(shown)


def table(entries: Sequence[HistoryEntry], keep_days: float, kept: bool = True) -> str:
    """What one visitor did, newest first, with a link to take it along. ``kept``: the browser can keep its key."""
    how_long = f"Kept for {keep_days:g} days, for this browser only."
    if not kept:
        how_long = "Your browser keeps nothing for this page, so this list ends when you close it."
    if not entries:
        steps = ("?tab=search", "Search"), ("?tab=classify", "Check my own picture")
        return message("Nothing here yet", f"What you classify and download is listed here. {how_long}", *steps)
    # The mark at the start tells Excel that the file is UTF-8.
    return render("history", entries=entries, kept=how_long, table="\ufeff" + history_csv(list(entries)))


def show(services: Services, visitor: str, kept: bool = True) -> str:
    """The visitor's history as HTML."""
    try:
        return table(services.history(visitor), services.store.keep_days, kept)
    except UnfakeError as error:
        return message("The history cannot be read", str(error), error=True)


def forget(services: Services, visitor: str, kept: bool = True) -> str:
    """Clear the visitor's history, and show that it is empty."""
    try:
        services.forget(visitor)
    except UnfakeError as error:
        return message("The history was not cleared", str(error), error=True)
    return show(services, visitor, kept)
