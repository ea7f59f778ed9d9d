"""What visitors send and never fetch does not stay in memory."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
import requests
from gradio.events import api as add_endpoint

from unfake.ui.mistakes import Blocks

MEGABYTE = 10**6


@pytest.mark.filterwarnings("default")  # Gradio's own, of what it is built on
def test_unread_answers_do_not_hold_what_was_sent() -> None:
    def length(text: str) -> int:
        return len(text)

    def broken(text: str) -> int:
        raise ValueError(text)

    with Blocks(analytics_enabled=False) as blocks:
        add_endpoint(length, api_name="length")
        add_endpoint(broken, api_name="broken")
    blocks.queue(default_concurrency_limit=1).launch(
        prevent_thread_lock=True, quiet=True, _frontend=False, ssr_mode=False, server_name="127.0.0.1"
    )
    try:

        def call(name: str, text: str) -> str:
            answer = requests.post(f"{blocks.local_url}gradio_api/call/{name}", json={"data": [text]}, timeout=60)
            return f"{blocks.local_url}gradio_api/call/{name}/{answer.json()['event_id']}"

        def finished() -> None:
            for name in ("length", "broken"):  # in turn: what came before is done
                requests.get(call(name, "a"), timeout=60)
            gc.collect()

        finished()
        tracemalloc.start()
        for number in range(20):
            call(("length", "broken")[number % 2], "a" * MEGABYTE)
        finished()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        blocks.close()
    assert kept < 3 * MEGABYTE
