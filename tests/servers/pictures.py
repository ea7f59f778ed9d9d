"""A small HTTP server on loopback that sends pictures, and everything else that a web address can lead to."""

from __future__ import annotations

import io
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from PIL import Image

PAGE = b"<!DOCTYPE html>\n<html><head><title>A photo</title></head><body><img src=photo.jpg></body></html>"
DRIP = 0.02  # seconds between two bytes of a slow answer


def jpeg(width: int = 48, height: int = 32, colour: str = "teal") -> bytes:
    """A JPEG file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


class PictureServer:
    """Serves on a free port of 127.0.0.1 while the ``with`` block lasts; keeps what was asked.

    ========================  ==============================================================
    ``/photo.jpg``            a JPEG; so does any path that is not below
    ``/hop/N``                N redirects, then the JPEG
    ``/to/URL``               a redirect to URL, percent-encoded
    ``/nowhere``              a redirect without a Location
    ``/page``                 a web page
    ``/page.jpg``             a web page that claims to be image/jpeg
    ``/jpeg.html``            the JPEG that claims to be text/html
    ``/status/N``             an error answer
    ``/chunked``              the JPEG in chunks, without a length
    ``/endless``              a body without end or length
    ``/huge``                 a length of a terabyte, and no body
    ``/cut``                  half of the body that the length promises
    ``/drip`` ``/drip-head``  a byte now and then: of the body, or of the headers
    ``/silent``               nothing
    ========================  ==============================================================
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.photo = jpeg()
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.pictures = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """The address of a path of this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pictures: PictureServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what several tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        pictures = self.server.pictures
        pictures.paths.append(self.path)
        pictures.headers.append(dict(self.headers))
        self.close_connection = True
        route, _, argument = self.path[1:].partition("/")
        answers: dict[str, Callable[[], None]] = {
            "hop": lambda: self._hop(int(argument)),
            "to": lambda: self._redirect(unquote(argument)),
            "nowhere": lambda: self._send(b"", status=HTTPStatus.FOUND),
            "page": lambda: self._send(PAGE, "text/html; charset=utf-8"),
            "page.jpg": lambda: self._send(PAGE),
            "jpeg.html": lambda: self._send(pictures.photo, "text/html"),
            "status": lambda: self._send(PAGE, "text/html", HTTPStatus(int(argument))),
            "chunked": self._chunked,
            "endless": self._endless,
            "huge": lambda: self._send(b"", length=10**12),
            "cut": lambda: self._send(pictures.photo[:100], length=len(pictures.photo)),
            "drip": lambda: self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"\xff" * 1000),
            "drip-head": lambda: self._drip(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000),
            "silent": lambda: self._drip(b"", b""),
        }
        with suppress(OSError):
            answers.get(route, lambda: self._send(pictures.photo))()

    def _send(
        self,
        body: bytes,
        media_type: str = "image/jpeg",
        status: HTTPStatus = HTTPStatus.OK,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _hop(self, count: int) -> None:
        if count:
            self._redirect(f"/hop/{count - 1}")
        else:
            self._send(self.server.pictures.photo)

    def _redirect(self, address: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", address.encode().decode("latin-1"))  # goes out as UTF-8
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _chunked(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        photo = self.server.pictures.photo
        for start in range(0, len(photo), 100):
            part = photo[start : start + 100]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _endless(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        while not self.server.pictures.stopped.is_set():
            self.wfile.write(self.server.pictures.photo)

    def _drip(self, start: bytes, rest: bytes) -> None:
        """Send the start at once, the rest byte by byte, then nothing until the test is over."""
        self.wfile.write(start)
        for byte in rest:
            if self.server.pictures.stopped.wait(DRIP):
                return
            self.wfile.write(bytes([byte]))
        self.server.pictures.stopped.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        """Nothing on the screen."""
