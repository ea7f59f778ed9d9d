"""The Details tab: one photo of the catalog, its verdict, and its download with the verdict in hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.detector.calibration import Label
from unfake.errors import UnfakeError
from unfake.services import Check, Examination, Services
from unfake.ui import cards, closer
from unfake.ui.closer import CloserLook
from unfake.ui.known import Known
from unfake.ui.template import message

Updates = dict[Any, Any]
Found = Check | Examination


@dataclass(frozen=True)
class DetailsTab:
    """Components that others reach."""

    card: gr.HTML
    classify: gr.Button
    download: gr.Button
    question: gr.HTML
    anyway: gr.Button
    another: gr.Button
    panel: gr.HTML
    opened: gr.State
    examined: gr.State
    look: CloserLook

    @property
    def all(self) -> list[Any]:
        """Every component that an event changes; the closer look follows by itself."""
        return [each for each in vars(self).values() if each is not self.look]

    def asking(self, question: str) -> Updates:
        """Show what is asked before a doubtful download, with its two answers; nothing asked hides them."""
        seen = bool(question)
        return {
            self.question: question,
            self.anyway: gr.Button(visible=seen),
            self.another: gr.Button(visible=seen),
        }


def build(services: Services) -> DetailsTab:
    """Lay the tab out, and let the closer look follow its verdict."""
    opened = gr.State(None)  # id of the photo
    examined = gr.State(None)  # what was found of it, once there is a verdict
    empty = message("No picture open", "Choose one among the results of a search.", ("?tab=search", "Search"))
    card = gr.HTML(empty, elem_id="details")
    with gr.Row(elem_id="details-bar"):
        classify = gr.Button("Classify", variant="primary", visible=False, elem_id="classify-photo")
        download = gr.Button("Download", visible=False, elem_id="download-photo")
    question = gr.HTML("", elem_id="question")
    with gr.Row(equal_height=True):
        another = gr.Button("Find another", variant="primary", visible=False, elem_id="another")
        anyway = gr.Button("Download anyway", visible=False, elem_id="anyway")
    panel = gr.HTML("", elem_id="download")
    look = closer.build("photo")
    closer.connect(look, services, examined, opened, _offered, lambda _, photo: services.photo_bytes(photo))
    return DetailsTab(card, classify, download, question, anyway, another, panel, opened, examined, look)


def _offered(examined: Found | None, photo_id: str | None) -> bool:
    """Whether the open photo has a verdict by the pixels, which a closer look says more of."""
    report = examined.report if examined else None
    return report is not None and report.picture.source_name == photo_id and report.probability is not None


def open_photo(tab: DetailsTab, services: Services, photo_id: str, known: Known) -> Updates:
    """Updates for a photo that was chosen, with the verdict on it where one is known."""
    try:
        photo = services.photo(photo_id)
        check = known.get(photo_id)
        found = check if check and check.report else None
        shown = _card(services, found, photo, known) if found else ""
    except UnfakeError as error:
        failed = message("This picture cannot be opened", str(error), ("?tab=search", "Search"), error=True)
        hidden = gr.Button(visible=False)
        cleared = {tab.classify: hidden, tab.download: hidden, tab.panel: "", tab.opened: None, tab.examined: None}
        return {tab.card: failed} | cleared | tab.asking("")
    visible = gr.Button(visible=True)
    return {
        tab.card: cards.details(photo, services.catalog),
        tab.classify: visible,
        tab.download: visible,
        tab.panel: shown,
        tab.opened: photo.id,
        tab.examined: found,
    } | tab.asking("")


def recall(tab: DetailsTab, services: Services, photo_id: str | None, visitor: str, known: Known) -> Updates:
    """Updates with the verdict that this visitor got on the open photo before this page was loaded, if any."""
    unchanged = {tab.panel: gr.skip(), tab.examined: gr.skip()}
    check = known.get(photo_id) if photo_id else None
    if photo_id is None or (check and check.report):
        return unchanged
    try:
        photo, found = services.photo(photo_id), services.seen_photo(photo_id, visitor)
        return {tab.panel: _card(services, found, photo, known), tab.examined: found} if found else unchanged
    except UnfakeError:  # the photo stands there as one that nobody has asked about
        return unchanged


def _card(services: Services, found: Found, photo: Photo, known: Known) -> str:
    """The card on a photo, which stays known; a scan keeps no picture, and so gives no page to print."""
    if found.report is None:
        return ""
    catalog = services.catalog
    if isinstance(found, Check):
        return known.card(photo.id) or cards.verdict(found.report, catalog, photo)
    record = services.record(found, photo)
    card = cards.verdict(found.report, catalog, photo, record=record)
    known.add(Check(photo, found.report, None), card)
    return card


def classify(tab: DetailsTab, services: Services, photo_id: str | None, visitor: str, known: Known) -> Updates:
    """Updates with the verdict on the photo that is open."""
    if photo_id is None:
        return {tab.panel: ""} | tab.asking("")

    def show(photo: Photo, found: Found) -> Updates:
        shown = _card(services, found, photo, known)
        return {tab.panel: shown, tab.examined: found} | tab.asking("")

    return _examined(tab, services, photo_id, None, visitor, "Not classified", show)


def download(
    tab: DetailsTab,
    services: Services,
    photo_id: str | None,
    examined: Found | None,
    visitor: str,
    known: Known,
    *,
    anyway: bool = False,
) -> Updates:
    """Updates with the download itself if the photo is likely real or was asked for ``anyway``, else the question.

    Its card comes before the verdict that it rests on, under which one goes on.
    """
    if photo_id is None:
        return {tab.panel: ""} | tab.asking("")
    if examined is not None and examined.report and examined.report.picture.source_name != photo_id:
        examined = None  # the verdict that came in late belongs to the photo that was open before

    def show(photo: Photo, found: Found) -> Updates:
        report = found.report
        shown = _card(services, found, photo, known)
        if report and not anyway and report.label not in (Label.LIKELY_REAL, Label.DECLARED_CAMERA):
            return {tab.panel: shown, tab.examined: found} | tab.asking(cards.question(report))
        taken = services.download(photo.id, found, visitor)
        proof = cards.download(taken, services.record(taken))
        return {tab.panel: proof + shown, tab.examined: found} | tab.asking("")

    return _examined(tab, services, photo_id, examined, visitor, "Not downloaded", show)


def _examined(
    tab: DetailsTab,
    services: Services,
    photo_id: str,
    examined: Found | None,
    visitor: str,
    failed: str,
    show: Callable[[Photo, Found], Updates],
) -> Updates:
    """What ``show`` makes of what was found of the open photo, which is examined where nothing was found yet."""
    try:
        photo = services.photo(photo_id)
        return show(photo, examined or services.classify_photo(photo_id, visitor))
    except UnfakeError as error:
        return {tab.panel: message(failed, str(error), ("?tab=search", "Search"), error=True)} | tab.asking("")
