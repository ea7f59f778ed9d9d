"""Headers that tell a browser what the page never does, as far as Gradio's own page can live with them.

No ``frame-ancestors`` and no ``X-Frame-Options``: a Space is shown in a frame of another site. No ``script-src``:
Gradio's page has inline scripts. See OWASP, *HTTP Security Response Headers Cheat Sheet*.
"""

from __future__ import annotations

from unfake.web.limits import App, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "object-src 'none'; base-uri 'self'; form-action 'self'",
}
_ENCODED = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Headers:
    """ASGI middleware: adds `HEADERS` to each answer that does not set them itself."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [*message.get("headers", ())]
                there = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in _ENCODED if each[0] not in there)]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
