"""Bring one file over http(s): politely, whole or not at all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError
from urllib3.util import Retry

from train.corpus.fetch.journal import Item

USER_AGENT = "UnFake/1.0 (gathers photos to train a detector of AI-generated pictures)"
GONE = (requests.codes.not_found, requests.codes.gone)
BUSY = (requests.codes.too_many_requests, requests.codes.service_unavailable)
MOST_BYTES = 64 * 2**20  # of one picture
MOST_SECONDS = 300.0  # for one picture, however slowly its bytes drip
LONGEST_PAUSE = 600.0  # seconds; who asks for more is asked again in another run
_CHUNK = 64 * 1024


class Stopped(Exception):
    """The run ends; this picture was not decided on."""


class _Again(Exception):
    """This try went wrong, and another may not. ``lost``: there is no connection. ``busy``: it asks for patience."""

    def __init__(self, reason: str, *, lost: bool = False, busy: bool = False, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.lost, self.busy, self.pause = lost, busy, pause


@dataclass(frozen=True)
class Result:
    """What became of one picture: its size in bytes, or why it is not there. ``stop``: no use going on."""

    item: Item
    bytes: int = 0
    reason: str = ""
    gone: bool = False
    stop: str = ""


@dataclass
class Pace:
    """When the next request may start: ``per_second`` over all threads, and none before a pause is over."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    _next: float = 0.0
    _resume: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self) -> float:
        """Take the next place; gives the seconds to wait for it."""
        with self._lock:
            now = self.clock()
            at = max(now, self._next, self._resume)
            self._next = at + 1 / self.per_second
            return at - now

    def pause(self, seconds: float) -> None:
        """Nobody starts for so long, not even who has a place already."""
        with self._lock:
            self._resume = max(self._resume, self.clock() + seconds)

    @property
    def paused(self) -> bool:
        """Whether a pause goes on."""
        return self.clock() < self._resume


class Fetcher:
    """Brings one picture at a time, for as many threads as like to ask.

    ``retries``: tries after the first that went wrong, of one picture in one run. ``backoff``: seconds before the
    first of them, doubled for each further one, give or take a half. ``timeout``: seconds to connect, and to wait for
    further bytes.
    """

    def __init__(
        self, folder: Path, pace: Pace, *, retries: int, backoff: float = 1.0, timeout: tuple[float, float] = (10, 30)
    ) -> None:
        self._folder, self._pace = folder, pace
        self._retries, self._backoff, self._timeout = retries, backoff, timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self.stopped = threading.Event()

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def bring(self, item: Item) -> Result:
        """Bring one picture, with retries. Raises OSError where it cannot be written, Stopped when the run ends."""
        address, path = str(item.plan["address"]), self._folder / item.plan["file"]
        host = urlsplit(address).hostname or address
        for attempt in range(self._retries + 1):
            self._take_turn()
            try:
                return self._once(item, address, path)
            except _Again as error:
                last = error
            if last.pause > LONGEST_PAUSE:
                return Result(item, stop=f"{host} asks to be left alone for {last.pause / 60:.0f} minutes")
            spread = random.uniform(0.5, 1.5)  # noqa: S311 - so that waiting threads do not come back at once
            seconds = last.pause or self._backoff * 2**attempt * spread
            if last.busy:
                self._pace.pause(seconds)
            elif attempt < self._retries:
                self._sleep(seconds)
        if last.busy:
            return Result(item, stop=f"{host} keeps asking for fewer requests ({last})")
        if last.lost:
            return Result(item, reason=str(last), stop=f"the connection to {host} was lost")
        return Result(item, reason=str(last))

    def _once(self, item: Item, address: str, path: Path) -> Result:
        try:
            with self._session().get(address, stream=True, timeout=self._timeout) as response:
                status = response.status_code
                if status in BUSY:
                    raise _Again(f"status {status}", busy=True, pause=_retry_after(response))
                if status >= requests.codes.server_error:
                    raise _Again(f"status {status}")
                kind = response.headers.get("Content-Type", "")
                if status != requests.codes.ok:
                    return Result(item, reason=f"status {status}", gone=status in GONE)
                if not kind.startswith("image/"):
                    return Result(item, reason=f"not a picture but {kind.partition(';')[0] or 'of no known type'}")
                return self._save(item, response, path)
        except (requests.Timeout, requests.ConnectionError) as error:
            raise _Again(_name(error), lost=True) from None
        except requests.RequestException as error:  # an address or a redirect that makes no sense
            return Result(item, reason=_name(error))

    def _save(self, item: Item, response: requests.Response, path: Path) -> Result:
        """Write the body to a file of another name, and give it its own when it is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        started, size = time.monotonic(), 0
        try:
            with part.open("wb") as file:
                for chunk in _chunks(response):
                    size += len(chunk)
                    if size > MOST_BYTES:
                        return Result(item, reason=f"larger than {MOST_BYTES // 2**20} MB")
                    if time.monotonic() - started > MOST_SECONDS:
                        raise _Again(f"not whole after {MOST_SECONDS:g} seconds")
                    if self.stopped.is_set():
                        raise Stopped
                    file.write(chunk)
            if not size:
                raise _Again("empty")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return Result(item, bytes=size)

    def _session(self) -> requests.Session:
        """This thread's own: requests does not promise that several may share one."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # A server that is told about WebP or AVIF may send a conversion instead of what the others see.
            accepted = {"Accept": "image/jpeg, image/*;q=0.5", "Accept-Encoding": "identity"}
            session.headers.update({"User-Agent": USER_AGENT, **accepted})
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            session.auth = _unchanged  # with no auth at all, requests would look for a login in ~/.netrc
            self._sessions.append(session)
        return session

    def _take_turn(self) -> None:
        self._sleep(self._pace.reserve())
        while self._pace.paused:
            self._sleep(self._pace.reserve())

    def _sleep(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Stopped


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives. Not `iter_content`, which waits for full chunks while a slow server drips.

    urllib3 compares what has come with the Content-Length, and raises IncompleteRead where some is missing.
    """
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            yield chunk
    except ReadTimeoutError:
        raise _Again("no further bytes", lost=True) from None
    except (HTTPError, OSError, ValueError) as error:
        raise _Again(f"broke off ({_name(error)})") from None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the answer asks to wait, 0 where it says nothing that can be read (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    try:
        return float(Retry().parse_retry_after(text)) if text else 0.0
    except InvalidHeader:
        return 0.0


def _name(error: Exception) -> str:
    """The kind of error only: its text may hold the whole address."""
    return type(error).__name__


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
