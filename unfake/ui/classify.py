"""The Classify tab: a picture in by drop, paste, webcam or address; the verdict out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.errors import UnfakeError
from unfake.services import Examination, Services
from unfake.ui import cards, html

Answer = tuple[str, dict[str, Any] | None, Examination | None]

# On a phone the verdict lies below the input: bring it into sight.
SHOW_VERDICT = """
() => {
  const verdict = document.querySelector('#verdict');
  if (verdict && window.innerWidth < 760) verdict.scrollIntoView({behavior: 'smooth', block: 'start'});
}
"""

EMPTY = html.message("No picture yet", "Drop, paste or photograph one, or give its address. The verdict appears here.")
NOTHING: tuple[str, None] = (EMPTY, None)


def read(services: Services, payload: dict[str, Any], visitor: str) -> Examination:
    """Classify what the image input holds, from the very bytes that were sent.

    Gradio's own preprocessing would decode the file and may write it anew; so the events skip it
    (``preprocess=False``). Gradio has then still checked that the path is one that this visitor uploaded.
    """
    name = payload.get("orig_name") or "picture"
    url = payload.get("url") or ""
    if url.startswith("data:"):
        return services.classify_bytes(base64.b64decode(url.partition(",")[2]), name, visitor)
    return services.classify_file(Path(payload["path"]), name, visitor)


def answer(services: Services, examine: Callable[[], Examination], photo: Photo | None = None) -> Answer:
    """The verdict as HTML, the report as JSON and the examination, or the sentence that says why there is none."""
    try:
        found = examine()
    except UnfakeError as error:
        return html.message("Not classified", str(error), error=True), None, None
    thresholds = services.checkpoint.config.thresholds
    return cards.verdict(found, thresholds, services.catalog, photo), found.report.to_json(), found


def build(services: Services, visitor: gr.BrowserState) -> None:
    """Lay the tab out and connect it."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            picture = gr.Image(
                sources=["upload", "clipboard", "webcam"],
                label="Your picture",
                height=340,
                buttons=[],
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
            gr.HTML(
                '<p class="uf uf-quiet">Your picture is deleted from this server within about an hour and is never '
                "used for training. The verdict is kept under the picture’s fingerprint, and in your own History.</p>"
            )
        with gr.Column(scale=6, min_width=320):
            verdict = gr.HTML(EMPTY, elem_id="verdict", min_height=200)
            with gr.Accordion("The report as JSON", open=False):
                report = gr.JSON(show_label=False, elem_id="report")

    def from_picture(
        payload: dict[str, Any] | None,
        key: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        if not payload:
            return NOTHING
        progress(0.3, desc="Looking at the picture")
        return answer(services, lambda: read(services, payload, key))[:2]

    def from_address(given: str, key: str, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        if not given.strip():
            return html.message("No address given", "Paste the http(s) address of a picture."), None
        progress(0.2, desc="Fetching the picture")
        whole = f"https://{given.strip()}" if given.strip().lower().startswith("www.") else given
        return answer(services, lambda: services.classify_url(whole, key))[:2]

    results = [verdict, report]
    given = gr.on(
        [picture.input, picture.clear],
        from_picture,
        [picture, visitor],
        results,
        preprocess=False,
        api_visibility="private",
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    typed = gr.on(
        [check.click, address.submit],
        from_address,
        [address, visitor],
        results,
        api_visibility="private",
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    for event in (given, typed):
        event.then(None, js=SHOW_VERDICT, api_visibility="private")
