"""The bytes behind a web address that a stranger typed, without letting that stranger into the local network.

The rules follow the OWASP *Server-Side Request Forgery Prevention Cheat Sheet*: only http and https, on their own
ports; every address that a name resolves to has to be public (`unfake.addresses`); the connection goes to exactly the
address that was checked, so that a second DNS answer cannot change it; each redirect starts over; no proxy of the
environment is used.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urljoin

import certifi
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from unfake.addresses import is_public
from unfake.errors import AddressRefused, AddressUnreachable, PictureTooLarge

MAX_REDIRECTS = 5
MAX_ADDRESS_LENGTH = 8192  # characters; signed storage links run to two or three thousand
CHUNK = 64 * 1024  # bytes
PORTS = {"http": 80, "https": 443}
HEADERS = {
    "User-Agent": "UnFake/1.0 (checks whether a picture is real)",
    # A server that is told about WebP or AVIF may send a conversion, which erases what the original shows.
    "Accept": "image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KILO, _MEGA = 2**10, 2**20


@dataclass(frozen=True)
class Download:
    """What came: the address in normal form without credentials and fragment, the body, its claimed type."""

    address: str
    data: bytes
    media_type: str


class _Deadline:
    """The end of the whole transfer, in seconds from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; raises AddressUnreachable when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.missed()
        return left

    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def missed(self) -> AddressUnreachable:
        return AddressUnreachable(f"The server did not send the picture within {self.seconds:g} seconds.")


def fetch(address: str, *, max_bytes: int, seconds: float, public_only: bool = True) -> Download:
    """Download what an http or https address leads to.

    Args:
        address: as typed; white space around it, spaces and international names in it are put right.
        max_bytes: the largest body that is accepted, in bytes.
        seconds: the most that all of it may take, name look-up and redirects included.
        public_only: False also opens private addresses and other ports: only for tests, that they reach loopback.

    Raises:
        AddressRefused: not http(s), malformed, of another port, or leading to an address that is not public.
        AddressUnreachable: no answer in time, or an answer other than success.
        PictureTooLarge: more than ``max_bytes``, announced or sent.
    """
    deadline = _Deadline(seconds)
    first = url = _parse(address)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _get(url, max_bytes, deadline, public_only)
        if isinstance(answer, str):
            url = _parse(answer, url.url)
        else:
            data, media_type = answer
            return Download(first.url, data, media_type)
    raise AddressUnreachable(f"That address redirects more than {MAX_REDIRECTS} times.")


def too_many_bytes(limit: int) -> PictureTooLarge:
    """The error for a file over ``limit`` bytes."""
    if limit >= _MEGA:
        text = f"{limit / _MEGA:.4g} MB"
    elif limit >= _KILO:
        text = f"{limit / _KILO:.4g} KB"
    else:
        text = f"{limit} bytes"
    return PictureTooLarge(f"The file is too large: the limit is {text}.")


def _parse(address: str, base: str = "") -> Url:
    """The address in normal form, without the credentials (they are never sent) and the fragment."""
    try:
        address = urljoin(base, address.strip())
    except ValueError as problem:
        raise AddressRefused("That is not a valid web address.") from problem
    if len(address) > MAX_ADDRESS_LENGTH or _CONTROL.search(address):
        raise AddressRefused("That is not a valid web address.")
    scheme = address.partition(":")[0].lower()
    if scheme not in PORTS or not address[len(scheme) :].startswith("://"):
        raise AddressRefused("The address of a picture has to begin with http:// or https://.")
    try:
        url = parse_url(address)._replace(auth=None, fragment=None)
    except (LocationParseError, ValueError) as problem:
        raise AddressRefused("That is not a valid web address.") from problem
    if not url.host:
        raise AddressRefused("That web address has no server name in it.")
    return url


def _get(url: Url, max_bytes: int, deadline: _Deadline, public_only: bool) -> tuple[bytes, str] | str:
    """One request: the body and its claimed media type, or the place that it redirects to."""
    with _plain_words(deadline), _connect(url, deadline, public_only) as sock, _hang_up_at(deadline, sock):
        connection = HTTPConnection(_host(url), _port(url))
        connection.sock = sock  # an open socket: http.client neither resolves nor connects
        connection.request("GET", url.request_uri, headers={"Host": url.netloc or "", **HEADERS})
        with connection.getresponse() as response:
            location = response.getheader("Location")
            if response.status in (301, 302, 303, 307, 308) and location:
                return _unicode(location)
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                raise AddressUnreachable(f"The server answered {_status(response.status)} instead of a picture.")
            return _body(response, max_bytes, deadline), response.headers.get_content_type()


def _body(response: HTTPResponse, max_bytes: int, deadline: _Deadline) -> bytes:
    """The whole body; stops at the first byte too many."""
    announced = response.length  # None where the server gives no usable length
    if announced is not None and announced > max_bytes:
        raise too_many_bytes(max_bytes)
    body = bytearray()
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise too_many_bytes(max_bytes)
        deadline.left()
    deadline.left()
    if announced is not None and len(body) < announced:
        raise AddressUnreachable("The connection broke off before the whole picture had arrived.")
    return bytes(body)


@contextmanager
def _plain_words(deadline: _Deadline) -> Iterator[None]:
    """Turn what sockets, TLS and HTTP raise into AddressUnreachable with a sentence."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as problem:
        if deadline.passed() or isinstance(problem, TimeoutError):
            raise deadline.missed() from problem
        if isinstance(problem, ssl.SSLCertVerificationError):
            text = "The security certificate of that server is not valid for its name, or not trusted."
        else:
            text = "The connection to that server could not be made, or broke off."
        raise AddressUnreachable(text) from problem


@contextmanager
def _hang_up_at(deadline: _Deadline, sock: socket.socket) -> Iterator[None]:
    """Shut the socket down at the deadline: its own timeout starts again with every byte that drips in."""

    def hang_up() -> None:
        with suppress(OSError):
            # Past SSLSocket.shutdown, which would let the reading thread go on without decryption.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(deadline.left(), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _connect(url: Url, deadline: _Deadline, public_only: bool) -> socket.socket:
    """A connected socket, with TLS for https, to an address that was checked."""
    if public_only and _port(url) not in PORTS.values():
        raise AddressRefused("Only the usual ports of web servers are opened, 80 and 443.")
    sock = _dial(_resolve(_host(url), _port(url), deadline, public_only), _port(url), deadline)
    if url.scheme != "https":
        return sock
    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())  # some images have no certificates of their own
    try:
        return trust.wrap_socket(sock, server_hostname=_host(url))
    except BaseException:
        sock.close()
        raise


def _dial(addresses: list[str], port: int, deadline: _Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets an equal share of the time left."""
    problem: OSError | None = None
    for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = socket.create_connection((address, port), timeout=deadline.left() / waiting)
        except OSError as failure:
            problem = failure
        else:
            sock.settimeout(deadline.left())
            return sock
    raise problem or OSError("no address")


def _resolve(host: str, port: int, deadline: _Deadline, public_only: bool) -> list[str]:
    """The numeric addresses of a host, in the system's order; refused when any one of them is not public."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as problem:
            answers.put(problem)
        else:
            families = (socket.AF_INET, socket.AF_INET6)
            answers.put([str(address[0]) for family, *_, address in found if family in families])

    # getaddrinfo knows no timeout; a thread that still waits for it is left behind.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise deadline.missed() from None
    if isinstance(answer, Exception) or not answer:
        raise AddressUnreachable("There is no server by the name in that address.")
    if public_only and not all(is_public(ipaddress.ip_address(one)) for one in answer):
        raise AddressRefused("That address does not lead to the public internet, so it is not opened.")
    return list(dict.fromkeys(answer))


def _host(url: Url) -> str:
    return (url.host or "").strip("[]")


def _port(url: Url) -> int:
    return PORTS[url.scheme or "http"] if url.port is None else url.port


def _status(code: int) -> str:
    """The code with its standard name: the server's own words are not shown."""
    try:
        return f"{code} ({HTTPStatus(code).phrase})"
    except ValueError:
        return str(code)


def _unicode(header: str) -> str:
    """A header that http.client read as Latin-1 while the server meant UTF-8, as browsers take it."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
