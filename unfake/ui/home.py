"""The first screen: what this is, the two ways in, and three pictures to try oneself on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unfake.catalog.photo import Photo
from unfake.catalog.samples import SAMPLES_FOLDER, SampleCatalog
from unfake.errors import UnfakeError
from unfake.services import Check, Services
from unfake.ui import clicks
from unfake.ui.template import message, render

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class HomeTab:
    """Components that others reach."""

    trust: gr.HTML


def three(turn: int) -> list[Photo]:
    """Two real samples and a generated one, in the order of that turn; each turn has others until they begin anew.

    >>> [photo.truth for photo in three(0)].count("ai_generated")
    1
    """
    catalog = SampleCatalog()
    photos = catalog.search("", per_page=30).photos
    generated = [photo for photo in photos if photo.truth == "ai_generated"]
    real = [photo for photo in photos if photo.truth == "real"]
    chosen = [generated[turn % len(generated)], *(real[(2 * turn + i) % len(real)] for i in range(2))]
    random.Random(turn).shuffle(chosen)  # noqa: S311
    return chosen


def reveal(services: Services, turn: int, picked: str) -> str:
    """What the three are, and what the network says of each."""
    photos = three(turn)
    answers = {}
    for photo in photos:
        try:
            found = services.classify_file(SAMPLES_FOLDER / photo.urls.regular)
            answers[photo.id] = Check(photo, found.report, None)
        except UnfakeError as error:
            answers[photo.id] = Check(photo, None, str(error))
    right = any(photo.id == picked and photo.truth == "ai_generated" for photo in photos)
    return render("game", photos=photos, revealed=True, picked=picked, right=right, answers=answers)


def _ask(turn: int) -> str:
    return render("game", photos=three(turn), revealed=False)


def build(services: Services) -> HomeTab:
    """Lay the tab out and connect it."""
    gr.HTML(render("home", samples=services.catalog.name == "samples"), elem_id="home")
    turn = gr.State(0)
    picked = gr.Textbox(visible=False)  # stands for what was clicked
    try:
        asked = _ask(0)
    except UnfakeError as error:
        asked = message("No samples", str(error), error=True)
    game = gr.HTML(asked, js_on_load=clicks.keep("pick", "unfakePick"), elem_id="game")
    trust = gr.HTML("", elem_id="trust")

    def play(number: int, choice: str) -> tuple[str, int]:
        if choice:
            return reveal(services, number, choice), number
        return _ask(number + 1), number + 1

    game.click(
        play, [turn, picked], [game, turn], js="(turn, _) => [turn, window.unfakePick]", trigger_mode="once", **PRIVATE
    )
    return HomeTab(trust)
