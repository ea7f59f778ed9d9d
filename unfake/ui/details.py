"""The Details tab: one photo of the catalog, and its download with the verdict in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from unfake.detector.calibration import Label
from unfake.errors import UnfakeError
from unfake.services import Examination, Services
from unfake.ui import cards, html

# Brings the answer into sight and starts the download that it offers, once.
START_DOWNLOAD = """
() => {
  document.querySelector('#download article')?.scrollIntoView({behavior: 'smooth', block: 'nearest'});
  const link = document.querySelector('#download a.uf-start:not([data-started])');
  if (!link) return;
  link.dataset.started = 'yes';
  link.click();
}
"""


@dataclass(frozen=True)
class DetailsTab:
    """Components that other tabs reach."""

    card: gr.HTML
    classify: gr.Button
    download: gr.Button
    panel: gr.HTML
    anyway: gr.Button
    another: gr.Button
    opened: gr.State
    examined: gr.State


def build() -> DetailsTab:
    """Lay the tab out."""
    opened = gr.State(None)  # id of the photo
    examined = gr.State(None)  # its examination, once there is one
    card = gr.HTML(html.message("No picture open", "Choose one in the gallery."), elem_id="details")
    with gr.Row():
        classify = gr.Button("Classify", variant="primary", visible=False, elem_id="classify-photo")
        download = gr.Button("Download", visible=False, elem_id="download-photo")
    panel = gr.HTML("", elem_id="download")
    with gr.Row():
        another = gr.Button("Find another", variant="primary", visible=False, elem_id="another")
        anyway = gr.Button("Download anyway", visible=False, elem_id="anyway")
    return DetailsTab(card, classify, download, panel, anyway, another, opened, examined)


def questions(visible: bool) -> tuple[gr.Button, gr.Button]:
    """The two answers to the question before a doubtful download."""
    return gr.Button(visible=visible), gr.Button(visible=visible)


def open_photo(services: Services, photo_id: str) -> tuple[Any, ...]:
    """Card, classify, download, panel, anyway, another, opened, examined for a photo that was chosen."""
    try:
        photo = services.photo(photo_id)
    except UnfakeError as error:
        shown = html.message("This picture cannot be opened", str(error), error=True)
        return shown, gr.Button(visible=False), gr.Button(visible=False), "", *questions(False), None, None
    shown = cards.details(photo, services.catalog)
    return shown, gr.Button(visible=True), gr.Button(visible=True), "", *questions(False), photo.id, None


def begin_download(
    services: Services, photo_id: str | None, examined: Examination | None, visitor: str
) -> tuple[Any, ...]:
    """Panel, anyway, another, examined: the download itself if the photo is likely real, else what is at stake."""
    if photo_id is None:
        return "", *questions(False), None
    try:
        photo = services.photo(photo_id)
        found = examined or services.classify_photo(photo_id, visitor)
        thresholds = services.checkpoint.config.thresholds
    except UnfakeError as error:
        return html.message("Not downloaded", str(error), error=True), *questions(False), None
    if found.report.label in (Label.LIKELY_REAL, Label.DECLARED_CAMERA):
        return take(services, photo_id, found, visitor), *questions(False), found
    return cards.question(found, thresholds, services.catalog, photo), *questions(True), found


def take(services: Services, photo_id: str | None, found: Examination | None, visitor: str) -> str:
    """Download a photo that was examined; the panel with the file and the proof of the check."""
    if photo_id is None or found is None:
        return ""
    try:
        download = services.download(photo_id, found, visitor)
        return cards.download(download, services.record(download))
    except UnfakeError as error:
        return html.message("Not downloaded", str(error), error=True)
