"""What stands before the MCP server: one transport, and a bound on the calls that run at once."""

from __future__ import annotations

import asyncio
import re

from starlette.responses import JSONResponse

from unfake.web.limits import App, Receive, Scope, Send

# Gradio keeps a thread for each call until its answer is there, out of 40 that everything else needs as well.
CALLS_AT_ONCE = 8

_SERVER = re.compile(r"/gradio_api/mcp(/http)?/?")
_ELSEWHERE = re.compile(r"/gradio_api/mcp/(sse|messages)\b")  # the transport before streamable HTTP: it holds sessions


class Tools:
    """ASGI middleware: streamable HTTP without streams that stay open, and `CALLS_AT_ONCE`; the others wait."""

    def __init__(self, app: App, at_once: int = CALLS_AT_ONCE) -> None:
        self.app = app
        self.turns = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, when it is its turn."""
        path = scope.get("path", "")
        if scope["type"] == "http" and _ELSEWHERE.match(path):
            await JSONResponse({"detail": "There is no such page."}, 404)(scope, receive, send)
        elif scope["type"] == "http" and _SERVER.fullmatch(path):
            if scope["method"] == "GET" and b"text/event-stream" in dict(scope["headers"]).get(b"accept", b""):
                # MCP specification 2025-06-18, Streamable HTTP: a server without such a stream answers 405.
                refusal = JSONResponse({"detail": "This server sends no messages of its own."}, 405)
                await refusal(scope, receive, send)
                return
            async with self.turns:
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)
