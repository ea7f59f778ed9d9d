"""The MCP tools, called by an MCP client over the app's own server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import SAMPLES, running_app

pytest.importorskip("mcp")

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

TOOLS = {"classify", "classify_url", "search", "photo", "classify_photo", "download", "stability", "faces", "status"}


def with_session(address: str, work: Callable[[ClientSession], Awaitable[Any]], query: str = "") -> Any:
    """What ``work`` gives with a session on the app's MCP server."""

    async def run() -> Any:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/{query}") as (reads, writes, _),
            ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            return await work(session)

    with ThreadPoolExecutor(1) as own:  # the browser of other tests has a loop in this thread
        return own.submit(asyncio.run, run()).result()


def call(address: str, tool: str, arguments: dict[str, Any], query: str = "") -> CallToolResult:
    """One call of a tool."""
    answer: CallToolResult = with_session(address, lambda session: session.call_tool(tool, arguments), query)
    return answer


def said(answer: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in answer.content)


def data_uri(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


def test_each_public_endpoint_is_a_tool_whose_parameters_are_explained(app_url: str) -> None:
    listed = with_session(app_url, lambda session: session.list_tools()).tools
    assert {tool.name for tool in listed} == TOOLS
    for tool in listed:
        assert len(tool.description or "") > 30
        for name, parameter in tool.inputSchema["properties"].items():
            assert parameter.get("description"), (tool.name, name)


def test_a_picture_gets_its_report(app_url: str) -> None:
    path = SAMPLES / "espresso.jpg"
    answer = call(app_url, "classify", {"picture": data_uri(path)})
    assert not answer.isError
    assert "unfake.report/2" in said(answer)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said(answer)


def test_a_photo_of_the_catalog_gets_its_report(app_url: str) -> None:
    answer = call(app_url, "classify_photo", {"photo_id": "pagoda"})
    assert not answer.isError
    assert "unfake.report/2" in said(answer)


def test_an_error_is_one_sentence(app_url: str) -> None:
    answer = call(app_url, "photo", {"photo_id": "nobody"})
    assert answer.isError
    assert "no sample picture" in said(answer)
    assert "Traceback" not in said(answer)


@pytest.mark.parametrize("tool", ["classify", "stability", "faces"])
@pytest.mark.parametrize(
    "picture",
    [
        str(SAMPLES / "pagoda.jpg"),
        f"file://{SAMPLES / 'pagoda.jpg'}",
        {"path": str(SAMPLES / "pagoda.jpg"), "meta": {"_type": "gradio.FileData"}},
        "http://127.0.0.1/pagoda.jpg",
        "http://169.254.169.254/latest",
    ],
)
def test_nothing_of_the_server_or_its_network_is_read(app_url: str, tool: str, picture: Any) -> None:
    for query in ("", f"?tools={tool}", "?tools=status"):
        answer = call(app_url, tool, {"picture": picture}, query)
        assert answer.isError
        assert "unfake." not in said(answer)


def test_what_the_page_uses_for_itself_is_no_tool(app_url: str) -> None:
    for name in ("from_picture", "classify_opened", "begin", "identify", "forget", "lambda"):
        answer = call(app_url, name, {})
        assert answer.isError
        assert "Unknown tool" in said(answer)


@pytest.mark.slow
def test_many_calls_at_once_are_all_answered(app_url: str) -> None:
    async def many(session: ClientSession) -> list[CallToolResult]:
        calls = [session.call_tool("classify_photo", {"photo_id": "pagoda"}) for _ in range(60)]
        return list(await asyncio.gather(*calls))

    answers = with_session(app_url, many)
    assert not any(answer.isError for answer in answers)
    assert requests.get(f"{app_url}/config", timeout=30).ok


def test_a_call_over_the_bound_is_refused(app_url: str) -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": "' + b"a" * 2**21 + b'"}'
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    answer = requests.post(f"{app_url}/gradio_api/mcp/", data=body, headers=headers, timeout=30)
    assert answer.status_code == 413


def test_no_stream_stays_open(app_url: str) -> None:
    stream = {"Accept": "text/event-stream"}
    assert requests.get(f"{app_url}/gradio_api/mcp/", headers=stream, timeout=30).status_code == 405
    assert requests.get(f"{app_url}/gradio_api/mcp/sse", headers=stream, timeout=30).status_code == 404
    assert requests.post(f"{app_url}/gradio_api/mcp/messages/", json={}, timeout=30).status_code == 404


@pytest.mark.slow
def test_behind_a_log_in_there_are_no_tools(tmp_path: Path) -> None:
    with running_app(tmp_path, UNFAKE_AUTH="ana:long-enough-secret") as address:
        for path in ("", "schema", "http"):
            answer = requests.post(f"{address}/gradio_api/mcp/{path}", json={}, timeout=30)
            assert answer.status_code in (401, 404, 405)
            assert "classify" not in answer.text
        assert "classify" not in requests.get(f"{address}/gradio_api/mcp/schema", timeout=30).text
