"""The History tab: what this browser checked and downloaded, and nobody else's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from html import escape

import gradio as gr

from unfake.errors import UnfakeError
from unfake.services import Services
from unfake.store import HistoryEntry, history_csv
from unfake.ui.html import data_link, message, verdict_badge


@dataclass(frozen=True)
class HistoryTab:
    """Components that other tabs reach."""

    table: gr.HTML
    clear: gr.Button


def build() -> HistoryTab:
    """Lay the tab out."""
    table = gr.HTML("", elem_id="history")
    clear = gr.Button("Clear my history", variant="stop", elem_id="clear-history")
    return HistoryTab(table, clear)


def identify(visitor: str | None) -> str:
    """The key of this browser: the one that it kept, or a fresh random one that says nothing about anybody."""
    return visitor or secrets.token_urlsafe(24)


def table(entries: list[HistoryEntry], keep_days: float) -> str:
    """What one visitor did, newest first, with a link to take it along."""
    kept = f"Kept for {keep_days:g} days, for this browser only."
    if not entries:
        return message("Nothing here yet", f"What you classify and download is listed here. {kept}")
    rows = "".join(
        f"<tr><td>{escape(e.when[:16].replace('T', ' '))}</td><td>{escape(e.name)}</td>"
        f"<td>{verdict_badge(e.label, e.probability)}</td>"
        f"<td>{e.action}</td><td>{escape(e.checkpoint)}</td></tr>"
        for e in entries
    )
    # The mark at the start tells Excel that the file is UTF-8.
    save = data_link("Save as CSV", "text/csv", "unfake-history.csv", "\ufeff" + history_csv(entries))
    return (
        f'<div class="uf"><p class="uf-count"><span class="uf-quiet">{kept}</span> {save}</p>'
        '<div class="uf-wide"><table>'
        "<thead><tr><th>When (UTC)</th><th>Picture</th><th>Verdict</th><th>What you did</th><th>Checked by</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div></div>"
    )


def show(services: Services, visitor: str) -> str:
    """The visitor's history as HTML."""
    try:
        return table(services.history(visitor), services.store.keep_days)
    except UnfakeError as error:
        return message("The history cannot be read", str(error), error=True)


def forget(services: Services, visitor: str) -> str:
    """Clear the visitor's history, and show that it is empty."""
    try:
        services.forget(visitor)
    except UnfakeError as error:
        return message("The history was not cleared", str(error), error=True)
    return show(services, visitor)
