from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import gradio as gr
import pytest

from tests.conftest import SAMPLES
from tests.servers.pictures import PictureServer
from unfake import intake
from unfake.services import Services
from unfake.settings import Settings
from unfake.ui import about, classify, details, history, search
from unfake.ui.arrival import Tabs, Updates, arriving
from unfake.ui.gallery import Shown
from unfake.ui.known import Known


async def laid_out(services: Services) -> tuple[Tabs, Callable[..., Updates]]:
    with gr.Blocks(analytics_enabled=False):
        visitor, kept = gr.State(""), gr.State(True)
        asked = classify.build(services, visitor, gr.State(Known()))
        own = history.build(services, visitor, kept)
        tabs = Tabs(gr.Tabs(), search.build(services), details.build(services), asked, own, about.build())
        return tabs, arriving(tabs, services, gr.Textbox())


def built(services: Services) -> tuple[Tabs, Callable[..., Updates]]:
    """The tabs and the handler that shows a place; Gradio wants a loop, and leaves open one that it makes itself."""
    with ThreadPoolExecutor(1) as own:  # the browser of other tests has a loop in this thread
        return own.submit(asyncio.run, laid_out(services)).result()


def test_back_to_an_address_shows_its_verdict_and_fetches_nothing(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "from_url", partial(intake.from_url, public_only=False))  # reach loopback
    services = Services(Settings(model=str(toy), device="cpu", cache=tmp_path))
    tabs, arrive = built(services)
    known = Known()

    def verdict(address: str) -> str:
        return str(arrive(f"?address={address}", Shown(), known, False, None, "v" * 32, True)[tabs.classify.verdict])

    with PictureServer() as server:
        server.photo = (SAMPLES / "espresso.jpg").read_bytes()
        first = verdict(server.url("/photo.jpg"))
        assert "uf-verdict" in first
        other = verdict(server.url("/status/404"))
        assert "uf-error" in other
        # back to the first: the same answer, and the picture's host is not asked again
        assert verdict(server.url("/photo.jpg")) == first
        assert server.paths == ["/photo.jpg", "/status/404"]
        # where nothing was had, it is asked for again
        assert verdict(server.url("/status/404")) == other
        assert server.paths == ["/photo.jpg", "/status/404", "/status/404"]
    assert len(services.history("v" * 32)) == 1
