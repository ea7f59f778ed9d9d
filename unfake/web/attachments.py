"""Files that people take are sent to be saved.

Gradio serves a picture to be shown in the window (``Content-Disposition: inline``). A browser that does not heed the
``download`` of a link, or a link that is opened by itself, would then show it instead of saving it.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote

from unfake.web.limits import App, Message, Receive, Scope, Send

_SERVED = (200, 206, 304)
_DISPOSITION = b"content-disposition"


class Attachments:
    """ASGI middleware: what Gradio's file route serves from ``folder`` is an attachment under its own name.

    See RFC 6266 (Content-Disposition) and RFC 8187 (names in headers).
    """

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.route = f"/file={folder.as_posix()}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""
        if scope["type"] != "http" or self.route not in scope["path"]:
            await self.app(scope, receive, send)
            return
        name = quote(PurePosixPath(scope["path"]).name, safe="")

        async def as_attachment(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _SERVED:
                others = [each for each in message.get("headers", ()) if each[0].lower() != _DISPOSITION]
                message["headers"] = [*others, (_DISPOSITION, f"attachment; filename*=utf-8''{name}".encode())]
            await send(message)

        await self.app(scope, receive, as_attachment)
