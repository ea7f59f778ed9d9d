"""What an endpoint takes in place of an uploaded file."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import gradio as gr
import pytest

from tests.servers.pictures import PictureServer
from unfake import fetch
from unfake.intake import Limits
from unfake.ui import upload
from unfake.ui.upload import bounded


def taken(address: str, limits: Limits) -> str | None:
    """Where the file at an address lies afterwards."""
    with ThreadPoolExecutor(1) as own:  # the browser of other tests has a loop in this thread
        return own.submit(asyncio.run, bounded(gr.File(), limits).async_move_resource_to_block_cache(address)).result()


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> PictureServer:
    monkeypatch.setattr(upload, "fetch", partial(fetch.fetch, public_only=False))
    return PictureServer()


def test_a_file_at_an_address_is_fetched(pictures: PictureServer) -> None:
    with pictures:
        path = taken(pictures.url("/photo.jpg"), Limits())
    assert path is not None
    assert Path(path).read_bytes() == pictures.photo


@pytest.mark.parametrize("path", ["/endless", "/huge"])
def test_no_more_is_fetched_than_the_limit(pictures: PictureServer, path: str) -> None:
    with pictures, pytest.raises(gr.Error, match="too large"):
        taken(pictures.url(path), Limits(bytes=10_000))


@pytest.mark.parametrize("address", ["http://127.0.0.1/a.jpg", "http://169.254.169.254/", "http://[::1]/"])
def test_only_public_addresses_are_fetched(address: str) -> None:
    with pytest.raises(gr.Error, match="does not lead to the public internet"):
        taken(address, Limits())
