"""The Classify tab: pictures in by drop, paste, camera or address; the verdict out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from unfake.errors import InputError, UnfakeError
from unfake.fetch import fetch
from unfake.intake import Limits, read_file
from unfake.services import Examination, Services
from unfake.ui import batch, cards, closer
from unfake.ui.known import Answer, Known
from unfake.ui.template import message

EMPTY = message(
    "No picture yet", "Drop, paste or photograph one, or give its address. The verdict appears here.", batch.CHOOSE
)
SETTLE = "() => window.unfake.answered()"
# What was brought is handed on and the field is empty again at once, ready for the next; an answer that took it out of
# the field later would take the next one along.
TAKE = "(given) => { window.unfake.own(); return [given, null]; }"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
FOLD = "(report) => ({__type__: 'update', visible: Boolean(report)})"
RUNNING, RESTED = gr.update(visible=True), gr.update(visible=False)  # "Stop", with a batch and without
GO = "(address) => window.unfake.address(address)"


@dataclass(frozen=True)
class ClassifyTab:
    """Components that others reach."""

    picture: gr.File
    camera: gr.Image
    address: gr.Textbox
    verdict: gr.HTML
    report: gr.JSON


def read(services: Services, payload: dict[str, Any], visitor: str) -> Examination:
    """Classify what an input holds, from the very bytes that were sent.

    Gradio's own preprocessing would decode the file and may write it anew; so the events skip it
    (``preprocess=False``). Gradio has then still checked that the path is one that this visitor uploaded.
    """
    name = payload.get("orig_name") or "picture"
    url = payload.get("url") or ""
    if url.startswith("data:"):
        return services.classify_bytes(base64.b64decode(url.partition(",")[2]), name, visitor)
    return services.classify_file(Path(payload["path"]), name, visitor)


def offered(report: Any, _: str | None) -> bool:
    """Whether the report that is shown is one by the pixels, which a closer look says more of."""
    match report:
        case {"verdict": {"ground": "pixels", "probability": float() | int()}}:
            return True
    return False


def again(limits: Limits, report: Any, path: str | None) -> bytes:
    """The bytes of the picture that a report is about: of the upload at ``path``, or at its address.

    Raises InputError where they are gone or others by now, AddressError, PictureError.
    """
    match report:
        case {"picture": {"sha256": str(digest), "source": {"kind": "url", "name": str(address)}}}:
            data = fetch(address, max_bytes=limits.bytes, seconds=limits.seconds).data
        case {"picture": {"sha256": str(digest)}} if path:
            data = read_file(Path(path), limits)
        case _:
            raise InputError("There is no picture here to look at.")
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError("The picture is another one by now: check it again.")
    return data


def answer(services: Services, examine: Callable[[], Examination]) -> Answer:
    """The verdict as HTML and the report as JSON, or the sentence that says why there is none."""
    try:
        found = examine()
        record = services.record(found)
    except UnfakeError as error:
        return message("Not classified", str(error), batch.CHOOSE, error=True), None
    shown = cards.verdict(found.report, services.catalog, pixels=found.picture.pixels, record=record)
    return shown, found.report.to_json()


def of_address(services: Services, given: str, visitor: str) -> Answer:
    """The verdict on the picture at an address that a visitor gave."""
    given = given.strip()
    if not given:
        text = "Paste the http(s) address of a picture, or bring the picture itself."
        return message("No address given", text, batch.CHOOSE), None
    whole = f"https://{given}" if given.lower().startswith("www.") else given
    return answer(services, lambda: services.classify_url(whole, visitor))


def _many(payloads: Sequence[dict[str, Any]]) -> bool:
    return len(payloads) > 1 or str(payloads[0].get("orig_name") or payloads[0]["path"]).lower().endswith(".zip")


def folded_report() -> gr.JSON:
    """The report as JSON, under a fold that is there only with a report to open."""
    with gr.Accordion("The report as JSON", open=False, visible=False) as fold:
        report = gr.JSON(show_label=False, elem_id="report")
    report.change(None, report, fold, js=FOLD, **PRIVATE)
    return report


def build(services: Services, visitor: gr.State, known: gr.State) -> ClassifyTab:
    """Lay the tab out and connect it."""
    gr.HTML('<h2 class="uf uf-title" tabindex="-1">Check my own picture</h2>')
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            picture = gr.File(
                file_count="multiple",
                label="Your picture; several, or a ZIP file, make a table",
                height=230,
                elem_id="picture",
            )
            with gr.Row(equal_height=True):
                address = gr.Textbox(
                    label="or its address",
                    placeholder="https://…",
                    scale=4,
                    min_width=150,
                    max_lines=1,
                    elem_id="address",
                )
                check = gr.Button("Classify", variant="primary", scale=1, min_width=100, elem_id="check-address")
            with gr.Accordion("or take a photo", open=False, elem_id="camera-fold"):
                camera = gr.Image(sources=["webcam"], label="Camera", height=300, buttons=[], elem_id="camera")
            gr.HTML(
                '<p class="uf uf-quiet">Ctrl+V pastes a picture. Yours are deleted from this server within about an '
                "hour and are never used for training. The verdict is kept under the picture’s fingerprint, and in "
                "your own History.</p>"
            )
        with gr.Column(scale=6, min_width=320):
            stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop-batch")
            verdict = gr.HTML(EMPTY, elem_id="verdict", min_height=200)
            look = closer.build("own")
            report = folded_report()

    uploaded = gr.State(None)  # path of the last single upload, which Gradio deletes within the hour
    brought = gr.File(file_count="multiple", visible=False)
    outputs = [verdict, report, stop, uploaded]

    def from_files(
        payloads: list[dict[str, Any]] | None,
        key: str,
        page: Known,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[tuple[Any, ...]]:
        if not payloads:
            yield tuple(gr.skip() for _ in outputs)
        elif _many(payloads):
            paths, names = zip(*((Path(p["path"]), p.get("orig_name") or "picture") for p in payloads), strict=True)
            yield message("Looking at the pictures", "The answers appear here one by one."), None, RUNNING, None
            try:
                for shown in batch.answers(services, paths, names, key):
                    yield *page.brought((shown, None)), RUNNING, None
            except UnfakeError as error:
                failed = message("Not classified", str(error), batch.CHOOSE, error=True)
                yield *page.brought((failed, None)), RUNNING, None
            yield gr.skip(), None, RESTED, None
        else:
            progress(0.3, desc="Looking at the picture")
            found = answer(services, lambda: read(services, payloads[0], key))
            yield *page.brought(found), RESTED, payloads[0]["path"]

    def from_camera(payload: dict[str, Any] | None, key: str, page: Known) -> tuple[Any, ...]:
        if not payload:
            return EMPTY, None, None
        return *page.brought(answer(services, lambda: read(services, payload, key))), payload.get("path")

    handed = picture.upload(None, picture, [brought, picture], js=TAKE, **PRIVATE)
    given = handed.then(
        from_files,
        [brought, visitor, known],
        outputs,
        preprocess=False,
        **PRIVATE,
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    handed.then(None, js="() => window.unfake.taken()", **PRIVATE)
    given.then(None, js=SETTLE, **PRIVATE)
    stop.click(lambda: RESTED, None, stop, cancels=[given], show_progress="hidden", **PRIVATE)
    camera.input(None, js="() => window.unfake.own()", **PRIVATE)
    photographed = camera.input(
        from_camera,
        [camera, visitor, known],
        [verdict, report, uploaded],
        preprocess=False,
        **PRIVATE,
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    photographed.then(None, js=SETTLE, **PRIVATE)
    asked = [check.click, address.submit]
    gr.on(asked, lambda: RESTED, None, stop, cancels=[given, photographed], show_progress="hidden", **PRIVATE)
    gr.on(asked, None, address, js=GO, **PRIVATE)
    closer.connect(look, services, report, uploaded, offered, partial(again, services.settings.limits))
    return ClassifyTab(picture, camera, address, verdict, report)
