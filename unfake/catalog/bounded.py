"""A requests adapter that bounds an answer in bytes and seconds, and that alone knows the access key.

The key is put on a request below the session and its cache. Neither of them, nor an exception or a log, ever
holds it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from unfake.catalog.photo import MAX_PER_PAGE

CHUNK = 64 * 1024  # bytes


class TooManyBytes(requests.RequestException):
    """The body is larger than the adapter accepts."""


class BoundedAdapter(HTTPAdapter):
    """Reads the whole body at once, of at most ``max_bytes``, within ``seconds``; adds ``authorization``.

    ``seconds`` also bounds each wait for a connection and for the headers.
    """

    def __init__(self, seconds: float, max_bytes: int, authorization: str | None = None) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._authorization = authorization
        super().__init__(pool_maxsize=MAX_PER_PAGE)  # a page is fetched at once when it is scanned

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send, read, and hand back the answer as one to ``request``, which does not have the key."""
        sent = request.copy()
        if self._authorization:
            sent.headers["Authorization"] = self._authorization
        end = time.monotonic() + self._seconds
        try:
            response = super().send(sent, True, self._seconds, verify, cert, proxies)
            response._content = self._body(response.raw, end)
        except requests.RequestException as problem:
            problem.request = request
            raise
        response._content_consumed = True  # type: ignore[attr-defined]
        response.request = request
        return response

    def _body(self, raw: urllib3.BaseHTTPResponse, end: float) -> bytes:
        body = bytearray()
        with _as_requests(end), _hang_up_at(end, raw):
            while chunk := raw.read1(CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    raw.close()
                    raise TooManyBytes
        return bytes(body)


@contextmanager
def _as_requests(end: float) -> Iterator[None]:
    """Turn what urllib3 raises while a body is read into what requests raises for it."""
    try:
        yield
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.ReadTimeout from None
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
        if isinstance(problem, requests.RequestException):
            raise
        late = time.monotonic() >= end
        raise (requests.ReadTimeout if late else requests.exceptions.ChunkedEncodingError) from None
    if time.monotonic() >= end:  # a body without a length just ends when the connection is shut
        raise requests.ReadTimeout


@contextmanager
def _hang_up_at(end: float, raw: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """Shut the connection at the deadline: its own timeout starts again with every byte that drips in."""

    def hang_up() -> None:
        with suppress(OSError, ValueError, RuntimeError):
            raw.shutdown()

    timer = threading.Timer(max(0.0, end - time.monotonic()), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
