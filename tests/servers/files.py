"""A picture server on loopback that can be told, path by path, how to fail first.

::

    with FileServer() as server:
        server.script["/a.jpg"] = [Answer(status=503, headers={"Retry-After": "1"}), Answer(cut=True)]
        ...                                    # GET server.url + "/a.jpg": 503, then half a picture, then a picture
        assert server.asked["/a.jpg"] == 3
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

Draw = Callable[[str, dict[str, str]], bytes]


def jpeg(path: str, query: dict[str, str]) -> bytes:
    """A JPEG whose colour depends on the path; ``w`` px wide."""
    file = io.BytesIO()
    width = int(query.get("w", "32"))
    Image.new("RGB", (width, width * 3 // 4), tuple(path.encode().ljust(3)[-3:])).save(file, "JPEG")
    return file.getvalue()


@dataclass(frozen=True)
class Answer:
    """``cut``: half of the body that the length promises. ``drop``: hang up without a word. ``hold``: never answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: bool = False
    drop: bool = False
    hold: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: FileServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away during an answer are part of the tests."""


class FileServer:
    """The server, a context manager; every path is a picture unless ``script`` or ``always`` says otherwise.

    ``script``: answers by path, each given once. ``always``: one for every path. ``busy_for``: seconds after the first
    request in which everything is 429 with a Retry-After. ``held``: set once an answer is held back.
    """

    def __init__(self, draw: Draw = jpeg) -> None:
        self.draw = draw
        self.script: dict[str, list[Answer]] = {}
        self.always: Answer | None = None
        self.busy_for = 0.0
        self.asked: Counter[str] = Counter()
        self.queries: dict[str, dict[str, str]] = {}
        self.headers: dict[str, str] = {}
        self.most_at_once = 0
        self.held = Event()
        self.lock = Lock()
        self._now, self._first, self._stopping = 0, 0.0, Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.files = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on connections are refused. Stopping twice is fine."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Block until the server stops."""
        self.held.set()
        self._stopping.wait()

    def begin(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        """Note a request, and choose its answer."""
        with self.lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.asked[path] += 1
            self.queries[path], self.headers = query, headers
            self._first = self._first or time.monotonic()
            left = self._first + self.busy_for - time.monotonic()
            if left > 0:
                return Answer(429, {"Retry-After": str(int(left) + 1)}, b"Slow down")
            script = self.script.get(path)
            return script.pop(0) if script else self.always or Answer()

    def end(self) -> None:
        """Note that a request has been answered."""
        with self.lock:
            self._now -= 1


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        files, parts = self.server.files, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        answer = files.begin(parts.path, query, dict(self.headers))
        try:
            with suppress(OSError):
                self._answer(answer, parts.path, query)
        finally:
            files.end()

    def _answer(self, answer: Answer, path: str, query: dict[str, str]) -> None:
        if answer.hold:
            self.server.files.wait()
        if answer.hold or answer.drop:
            return
        body = answer.body
        if body is None:
            body = self.server.files.draw(path, query) if answer.status == 200 else b""
        headers = {"Content-Type": "image/jpeg", "Content-Length": str(len(body)), **answer.headers}
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        """Nothing on the screen."""
