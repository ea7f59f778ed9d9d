"""The file that a program hands to an endpoint: uploaded, or at an address that is fetched within the app's limits."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import gradio as gr
from anyio.to_thread import run_sync
from gradio.processing_utils import save_bytes_to_cache
from gradio_client.utils import is_http_url_like

from unfake.errors import UnfakeError
from unfake.fetch import fetch
from unfake.intake import Limits


def bounded(file: gr.File, limits: Limits) -> gr.File:
    """The same component; where it is handed an http(s) address, that is fetched as everywhere else in the app.

    Gradio takes a file that this client uploaded or an address, which it would fetch without a limit on its bytes and
    seconds. A refusal is a gradio.Error with one sentence.
    """
    taken = file.async_move_resource_to_block_cache

    async def take(url_or_file_path: str | Path | None) -> str | None:
        if not is_http_url_like(url_or_file_path):
            return await taken(url_or_file_path)
        within = partial(fetch, str(url_or_file_path), max_bytes=limits.bytes, seconds=limits.seconds)
        try:
            got = await run_sync(within)
        except UnfakeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        path = str(save_bytes_to_cache(got.data, "picture", file.GRADIO_CACHE))
        file.temp_files.add(path)
        return path

    # A class of its own would make Gradio write a stub file beside this one.
    file.async_move_resource_to_block_cache = take  # type: ignore[method-assign]
    return file
