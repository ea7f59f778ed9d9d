"""A closer look at a picture that has its verdict: two buttons, and below them what was asked for. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unfake.detector.calibration import Label
from unfake.errors import UnfakeError
from unfake.evidence.faces import LEAST_FACE, Faces
from unfake.evidence.stability import Stability
from unfake.services import Services
from unfake.ui import overlay
from unfake.ui.template import BADGES, message, render

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class CloserLook:
    """The bar with its two buttons, hidden until there is a verdict by the pixels, and the place for the answers."""

    bar: gr.Row
    stability: gr.Button
    faces: gr.Button
    panel: gr.HTML


def build(name: str) -> CloserLook:
    """Lay it out; ``name`` begins the ids of its elements."""
    with gr.Row(visible=False, equal_height=True, elem_id=f"{name}-closer-bar") as bar:
        stability = gr.Button("How stable is this answer?", size="md", min_width=200, elem_id=f"{name}-stability")
        faces = gr.Button("Look at the faces", size="md", min_width=200, elem_id=f"{name}-faces")
    spoken = "element.setAttribute('aria-live', 'polite');"
    return CloserLook(bar, stability, faces, gr.HTML("", js_on_load=spoken, elem_id=f"{name}-closer"))


def connect(
    look: CloserLook,
    services: Services,
    report: gr.State | gr.JSON,
    picture: gr.State,
    offered: Callable[..., bool],
    read: Callable[..., bytes],
) -> None:
    """Make it follow what ``report`` holds, of which it shows nothing older.

    The HTML of a verdict changes with each picture of a batch, its report only where there is something to follow.
    ``offered`` and ``read`` take what ``report`` and ``picture`` hold: whether there is something to look at, and the
    bytes of the picture, of which ``read`` may raise UnfakeError.
    """
    inputs = [report, picture]

    def follow(*given: Any) -> tuple[Any, str]:
        return gr.update(visible=offered(*given)), ""

    show = f"() => document.getElementById('{look.panel.elem_id}')?.scrollIntoView({{block: 'nearest'}})"
    asked: list[Any] = []
    for button, look_at in ((look.stability, stability_card), (look.faces, faces_card)):

        def answer(*given: Any, look_at: Callable[[Services, bytes], str] = look_at) -> str:
            try:
                return look_at(services, read(*given))
            except UnfakeError as error:
                return message("Not looked at", str(error), error=True)

        asked.append(button.click(answer, inputs, look.panel, trigger_mode="once", **PRIVATE))
        asked[-1].then(None, js=show, **PRIVATE)
    shown = [look.bar, look.panel]
    report.change(follow, inputs, shown, cancels=asked, show_progress="hidden", **PRIVATE)


def stability_card(services: Services, data: bytes) -> str:
    """The four verdicts of a picture file in one strip; raises PictureError, CheckpointError."""
    found = services.stability(data)
    return render("stability", verdicts=found.verdicts, summary=_summary(found), checkpoint=found.checkpoint)


def _summary(found: Stability) -> str:
    first, *copies = found.verdicts
    if found.stable:
        if first.label is Label.NOT_APPLICABLE:
            return "Neither the picture nor its copies can be judged."
        return f"All {len(found.verdicts)} get the same answer: {BADGES[first.label]}."
    others = sum(copy.label is not first.label for copy in copies)
    return (
        f"{others} of the {len(copies)} copies {'gets' if others == 1 else 'get'} another answer than the picture as "
        "it came, so the answer deserves less trust."
    )


def faces_card(services: Services, data: bytes) -> str:
    """The picture with numbered boxes, and what is read off each; raises PictureError, FacesFailed, CheckpointError."""
    found = services.faces(data)
    source = overlay.numbered(found.pixels, [face.box for face in found.found])
    return render("faces", faces=found.found, summary=_faces(found), source=source, checkpoint=found.checkpoint)


def _faces(found: Faces) -> str:
    count = len(found.found)
    if not count:
        return "No face was found in this picture."
    small = sum(face.pixels < LEAST_FACE for face in found.found)
    said = f"{count} {'face was' if count == 1 else 'faces were'} found"
    if small:
        said += f", {small} of them too small to judge" if count > 1 else ", too small to judge"
    return said + "."
