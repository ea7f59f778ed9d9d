"""Bounds on what one request may hold and one visitor may send, kept before anything is read into memory.

The numbers leave room for a class of thirty behind one address: thirty pages opened at once make about 200 requests,
and thirty people with a picture every ten seconds make 12 in a second, of which most come in the bursts that a bucket
of 900 allows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from unfake.web.visitors import Allowance, visitor

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON_BYTES = 2**20  # far over the longest that the page or a program sends
UPLOAD_FILES = 200  # as many as a batch on the page takes; they are written to disk as they come
UPLOAD_TIMES = 10  # as large as so many of the largest files, all together
UPLOAD_OVERHEAD = 200 * 1024  # names and boundaries around the files
REQUESTS = 900  # at once, of one address
REQUESTS_PER_SECOND = 15.0
UPLOADED_BYTES = 2 * 2**30  # at once, of one address, and again in an hour
SECONDS_OF_HOUR = 3600
LOG_IN_COST = 30.0  # a guessed password counts as that many requests: thirty people may mistype theirs once

# Routes that Gradio opens in every app and this one has no use for. They write files, or reach further.
CLOSED = re.compile(
    r"/(gradio_api/)?(process_recording|deep_link|vibe-|undo-vibe|component_server|run-history|runs\b|dev/|proxy=|stream/|"
    r"custom_component|profiling)|/monitoring"
)
_BOUNDARY = re.compile(rb"""boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))""", re.IGNORECASE)


class Refused(HTTPException):
    """A request over a bound: the status and the sentence that the sender gets."""


class Limits:
    """ASGI middleware: closed routes, size of bodies, files in an upload, requests and bytes of a visitor.

    ``file_bytes``: the largest file that may be uploaded, which Gradio keeps to for each of them.
    """

    def __init__(self, app: App, file_bytes: int) -> None:
        self.app = app
        self.upload_bytes = UPLOAD_TIMES * file_bytes + UPLOAD_OVERHEAD
        self.requests = Allowance(REQUESTS, REQUESTS_PER_SECOND)
        self.uploaded = Allowance(UPLOADED_BYTES, UPLOADED_BYTES / SECONDS_OF_HOUR)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with the reason why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            read = self._bounded(scope, receive)
        except Refused as refused:
            await _answer(send, refused)
            return
        await self.app(scope, read, send)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        path: str = scope["path"]
        if CLOSED.match(path):
            raise Refused(404, "There is no such page.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return _counted(receive, 0, self._no_charge, None)
        who = visitor(scope)
        wait = self.requests.take(who, LOG_IN_COST if path.rstrip("/").endswith("/login") else 1.0)
        if wait:
            raise _too_many(wait)
        headers = dict(scope["headers"])
        upload = path.rstrip("/").endswith("/upload")
        most = self.upload_bytes if upload else JSON_BYTES
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > most:
            raise _too_large(most)
        if not upload:
            return _counted(receive, most, self._no_charge, None)
        found = _BOUNDARY.search(headers.get(b"content-type", b""))
        mark = b"--" + (found[1] or found[2]) if found else None
        return _counted(receive, most, lambda size: self._charge(who, size), mark)

    def _charge(self, who: str, size: int) -> None:
        wait = self.uploaded.take(who, size)
        if wait:
            raise _too_many(wait)

    @staticmethod
    def _no_charge(size: int) -> None:
        pass


def _counted(receive: Receive, most: int, charge: Callable[[int], None], mark: bytes | None) -> Receive:
    """``receive`` that raises Refused where the body goes over ``most`` bytes, or holds ``mark`` too often."""
    total = parts = 0
    tail = b""

    async def read() -> Message:
        nonlocal total, parts, tail
        message = await receive()
        body: bytes = message.get("body", b"")
        total += len(body)
        if total > most:
            raise _too_large(most)
        charge(len(body))
        if mark:
            seen = tail + body
            parts += seen.count(mark)
            tail = seen[-(len(mark) - 1) :]
            if parts > UPLOAD_FILES + 1:  # the last one ends the form
                raise Refused(413, f"Too many files at once: at most {UPLOAD_FILES}.")
        return message

    return read


def _too_large(most: int) -> Refused:
    size = f"{most // 2**20} MB" if most >= 2**20 else f"{most // 2**10} KB"
    return Refused(413, f"The request is too large: the limit here is {size}.")


def _too_many(wait: float) -> Refused:
    seconds = max(1, math.ceil(wait))
    text = f"Too much came from your network address at once; try again in {seconds} seconds."
    return Refused(429, text, headers={"Retry-After": str(seconds)})


async def _answer(send: Send, refused: Refused) -> None:
    body = json.dumps({"detail": refused.detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in (refused.headers or {}).items()]
    await send({"type": "http.response.start", "status": refused.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
