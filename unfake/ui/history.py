"""The History tab: what this browser checked and downloaded, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from unfake.errors import UnfakeError
from unfake.services import Services
from unfake.store import HistoryEntry, history_csv
from unfake.ui.template import message, render

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
Updates = dict[Any, Any]


@dataclass(frozen=True)
class HistoryTab:
    """Components that others reach; clearing asks first."""

    table: gr.HTML
    clear: gr.Button
    sure: gr.Button
    keep: gr.Button

    def asking(self, yes: bool) -> Updates:
        """Ask whether all of it is to be deleted, or offer it."""
        asked = gr.Button(visible=yes)
        return {self.clear: gr.Button(visible=not yes), self.sure: asked, self.keep: asked}


def build(services: Services, visitor: gr.State, kept: gr.State) -> HistoryTab:
    """Lay the tab out and connect it."""
    gr.HTML('<h2 class="uf uf-title" tabindex="-1">History</h2>')
    shown = gr.HTML("", elem_id="history")
    with gr.Row():
        clear = gr.Button("Clear my history", variant="stop", visible=False, elem_id="clear-history")
        sure = gr.Button("Yes, delete all of it", variant="stop", visible=False, elem_id="clear-sure")
        keep = gr.Button("Keep it", visible=False, elem_id="clear-keep")
    tab = HistoryTab(shown, clear, sure, keep)

    # The focus goes on to what is there instead of the button that was pressed.
    buttons = [clear, sure, keep]
    for button, asks, next_one in ((clear, True, keep), (keep, False, clear)):
        focus = f"() => window.unfake.focus('#{next_one.elem_id}')"
        button.click(partial(tab.asking, asks), None, buttons, show_progress="hidden", **PRIVATE).then(
            None, js=focus, **PRIVATE
        )
    sure.click(partial(forget, tab, services), [visitor, kept], [shown, *buttons], **PRIVATE).then(
        None, js="() => window.unfake.settle('#history')", **PRIVATE
    )
    return tab


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


def show(tab: HistoryTab, services: Services, visitor: str, kept: bool = True) -> Updates:
    """Updates with the visitor's history, which can be cleared where there is one."""
    try:
        entries = services.history(visitor)
    except UnfakeError as error:
        again = "?tab=history", "Try again"
        failed = message("The history cannot be read", str(error), again, error=True)
        return tab.asking(False) | {tab.table: failed}
    offered = {} if entries else {tab.clear: gr.Button(visible=False)}
    return tab.asking(False) | offered | {tab.table: table(entries, services.store.keep_days, kept)}


def forget(tab: HistoryTab, services: Services, visitor: str, kept: bool = True) -> Updates:
    """Clear the visitor's history; updates that show that it is empty."""
    try:
        services.forget(visitor)
    except UnfakeError as error:
        again = "?tab=history", "Back to the history"
        return tab.asking(False) | {tab.table: message("The history was not cleared", str(error), again, error=True)}
    return show(tab, services, visitor, kept)
