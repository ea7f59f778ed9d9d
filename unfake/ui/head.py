"""What stands in the head of the page as it is served: name, description, preview picture, first rules and script.

Gradio puts its own name and picture there, and adds what an app gives it only by a script, which neither search engines
nor chats that preview an address run.
"""

from __future__ import annotations

import re
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.requests import Request
from starlette.responses import Response

from unfake.ui.template import render
from unfake.web.limits import UPLOAD_FILES, UPLOAD_TIMES, App, Message, Receive, Scope, Send

SCRIPT = Path(__file__).with_name("page.js")
FIRST_STYLE = Path(__file__).with_name("first.css")
PREVIEW = Path(__file__).with_name("preview.png")  # drawn by benchmarks/preview.py
PREVIEW_ROUTE = "/preview.png"
DESCRIPTION = "Find out whether a photo is AI-generated before you use it: search Unsplash, or bring your own picture."
_GRADIOS = re.compile(rb"""<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*""")
_LENGTH = b"content-length"


def head(root: str, most_bytes: int) -> str:
    """HTML for the head. ``root``: the app's own address, without a slash at its end. ``most_bytes``: of a file."""
    return render(
        "head",
        root=root,
        description=DESCRIPTION,
        preview=PREVIEW_ROUTE,
        style=FIRST_STYLE.read_text(encoding="utf-8"),
        script=SCRIPT.read_text(encoding="utf-8"),
        most_bytes=most_bytes,
        most_together=UPLOAD_TIMES * most_bytes,
        most_files=UPLOAD_FILES,
    )


class Head:
    """ASGI middleware: puts `head` into the first page in place of Gradio's own, and serves the preview picture.

    ``most_bytes``: of a file that may be uploaded.
    """

    def __init__(self, app: App, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else None
        if path == PREVIEW_ROUTE:
            # Chats and search engines keep it as long as they like; browsers need not ask for it again for a day.
            picture = Response(PREVIEW.read_bytes(), 200, {"Cache-Control": "public, max-age=86400"}, "image/png")
            await picture(scope, receive, send)
        elif path in ("", "/"):
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        parts: list[bytes] = []

        async def with_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            root = get_root_url(Request(scope), scope["path"], scope.get("root_path", ""))
            ours = head(root, self.most_bytes).encode()
            # Of Gradio's, those before its first script: what comes after may be anything's text.
            before, script, after = b"".join(parts).partition(b"<script")
            body = _GRADIOS.sub(b"", before).replace(b"<head>", b"<head>" + ours, 1) + script + after
            others = [each for each in start["headers"] if each[0].lower() != _LENGTH]
            start["headers"] = [*others, (_LENGTH, str(len(body)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, with_head)
