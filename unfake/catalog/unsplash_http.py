"""How answers come from Unsplash: retried, counted, and kept on disk for as long as Unsplash says.

The cache lies above the adapter that adds the key. It never sees the key, and it works because of that: Unsplash's
search answers say ``Vary: Authorization``, and a cache that strips the key from what it stores (as it must) can
then never tell that a later request matches. It would miss every time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests_cache import EXPIRE_IMMEDIATELY, CachedSession
from requests_cache.backends.filesystem import FileCache

from unfake.catalog.bounded import BoundedAdapter, TooManyBytes
from unfake.catalog.unsplash_json import origin
from unfake.errors import SettingsError, Unavailable, UnfakeError
from unfake.fetch import too_many_bytes
from unfake.intake import Limits

API_VERSION = "v1"
MAX_JSON = 8 * 2**20  # bytes of one answer; 30 results in full are well under one MB
MAX_CACHE = 64 * 2**20  # bytes of all answers on disk; the least recently used go first
USER_AGENT = "UnFake/1.0 (checks whether a picture is real)"

log = logging.getLogger(__name__)


class Transport:
    """Gets from the API at ``base`` and from the picture server. Several threads may use one.

    ``key``: sent to ``base`` and to nobody else. ``cache``: folder for answers, None for no cache. ``timeout``:
    seconds for one answer of the API. ``retries``: after a 5xx status or a connection that could not be made or
    broke; never after a timeout, when the user has waited long enough. ``backoff``: seconds before the first
    retry, doubled for each further one, give or take a quarter. ``limits``: of one picture.
    """

    def __init__(
        self,
        key: str,
        base: str,
        *,
        cache: Path | None,
        timeout: float,
        retries: int,
        backoff: float,
        limits: Limits,
    ) -> None:
        _check_base(base)
        self.base = base
        self.remaining: int | None = None
        self.limit: int | None = None
        self._timeout, self._retries, self._backoff, self._limits = timeout, retries, backoff, limits
        self._api = requests.Session()
        # Answers belong to the key that got them (Vary: Authorization), so each key has a folder of its own.
        mark = hashlib.sha256(key.encode()).hexdigest()[:8]
        self._cached = _cached_session(cache / f"unsplash-{mark}") if cache else None
        for session in (self._api, self._cached):
            if session:
                _prepare(session)
                session.headers["Accept-Version"] = API_VERSION
                session.mount(f"{base}/", BoundedAdapter(timeout, MAX_JSON, f"Client-ID {key}"))
        self._pictures = requests.Session()
        _prepare(self._pictures)
        # A server that is told about WebP or AVIF may send a conversion instead of what the others see.
        self._pictures.headers.update({"Accept": "image/jpeg, image/*;q=0.5", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self._pictures.mount(scheme, BoundedAdapter(limits.seconds, limits.bytes))

    def get(
        self, path: str, params: Mapping[str, str | int], *, cached: bool = False, counts: bool = False
    ) -> requests.Response:
        """The API's answer to a GET of ``path``, whatever its status below 500.

        ``counts``: Unsplash counts the request, so one that may have arrived is not sent a second time.

        Raises:
            Unavailable: no answer, a broken one, or a status of 500 or more, also after the retries.
        """
        address = f"{self.base}{path}"

        def send() -> requests.Response:
            answer = _kept_or_new(self._cached, address, params) if cached and self._cached else None
            if answer is None:  # an answer with a bad status is false as well
                answer = self._api.get(address, params=params, allow_redirects=False)
            return answer

        too_large = Unavailable("Unsplash's answer is too large to be one.")
        response = self._persist(send, "Unsplash", self._timeout, too_large, again_when_lost=not counts)
        self._note(response)
        return response

    def picture(self, address: str) -> requests.Response:
        """The picture server's answer, whatever its status below 500; redirects are not followed.

        Raises:
            PictureTooLarge: more bytes than the limits allow.
            Unavailable: no answer, a broken one, or a status of 500 or more, also after the retries.
        """

        def send() -> requests.Response:
            return self._pictures.get(address, allow_redirects=False)

        too_large = too_many_bytes(self._limits.bytes)
        return self._persist(send, "Unsplash's picture server", self._limits.seconds, too_large)

    def close(self) -> None:
        """Close the connections and the cache."""
        for session in (self._api, self._cached, self._pictures):
            if session:
                session.close()

    def _persist(
        self,
        send: Callable[[], requests.Response],
        who: str,
        seconds: float,
        too_large: UnfakeError,
        *,
        again_when_lost: bool = True,
    ) -> requests.Response:
        """The answer, after retries if need be. Errors are raised from here: none of requests' own is chained."""
        for retry in range(self._retries + 1):
            if retry:
                spread = random.uniform(0.75, 1.25)  # noqa: S311 - so that waiting threads do not come back at once
                time.sleep(self._backoff * 2 ** (retry - 1) * spread)
            again = False
            error: UnfakeError
            try:
                response = send()
            except requests.Timeout:
                error = Unavailable(f"{who} did not answer within {seconds:g} seconds; try again in a moment.")
            except requests.ConnectionError:
                error = Unavailable(f"{who} cannot be reached, or broke off; try again in a moment.")
                again = again_when_lost
            except requests.exceptions.ChunkedEncodingError:
                error = Unavailable(f"{who} broke off in the middle of its answer; try again in a moment.")
                again = again_when_lost
            except TooManyBytes:
                error = too_large
            except requests.RequestException:
                error = Unavailable(f"{who} cannot be asked for that.")
            else:
                if response.status_code < requests.codes.server_error:
                    return response
                error, again = failed(who, response.status_code), True
            if not again:
                break
        raise error

    def _note(self, response: requests.Response) -> None:
        """Remember what is left of the hour; an answer from a cache, here or at Unsplash, tells of the past."""
        from_disk = getattr(response, "from_cache", False) and not getattr(response, "revalidated", False)
        if from_disk or response.headers.get("Age", "0") != "0":
            return
        left, limit = (response.headers.get(f"X-Ratelimit-{name}", "") for name in ("Remaining", "Limit"))
        if left.isascii() and left.isdigit():
            self.remaining = int(left)
        if limit.isascii() and limit.isdigit():
            self.limit = int(limit)


def failed(who: str, status: int) -> Unavailable:
    """The error for a status that only the other side can do something about."""
    return Unavailable(f"{who} has a problem of its own (status {status}); try again in a moment.")


def _prepare(session: requests.Session) -> None:
    session.headers["User-Agent"] = USER_AGENT
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.auth = _unchanged  # with no auth at all, requests would look for a login in ~/.netrc


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _cached_session(folder: Path) -> CachedSession | None:
    """A session that keeps answers by their Cache-Control; None where nothing can be written.

    JSON, because a pickle in a folder that others may write to would run their code.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # the cache would wait without end for a database that it may not write to
        if not all(os.access(path, os.W_OK) for path in folder.iterdir()):
            raise PermissionError
        store = FileCache(folder, max_cache_bytes=MAX_CACHE, serializer="json")
    except (OSError, sqlite3.Error):
        log.warning("Unsplash's answers cannot be kept in %s: every search will cost a request.", folder)
        return None
    return CachedSession(
        backend=store,
        cache_control=True,
        expire_after=EXPIRE_IMMEDIATELY,  # of an answer that does not say how long it is good
        allowable_methods=("GET",),
        filter_fn=_is_whole,
    )


def _kept_or_new(session: CachedSession, address: str, params: Mapping[str, str | int]) -> requests.Response | None:
    """The answer from disk or from Unsplash; None when the cache fails before Unsplash was asked.

    What is damaged on disk is replaced. An answer that came but could not be written is given all the same: asking
    again would cost another request.
    """
    came: list[requests.Response] = []

    def note(response: requests.Response, **_: object) -> None:
        came.append(response)

    for refresh in (False, True):
        try:
            response = session.get(
                address, params=params, allow_redirects=False, force_refresh=refresh, hooks={"response": note}
            )
        except requests.RequestException:
            raise
        except Exception as problem:  # a file that is not as it was written makes the cache raise nearly anything
            log.warning("The cache of Unsplash's answers fails with %s.", type(problem).__name__)
            if came:
                return came[-1]
        else:
            if not response.from_cache or (response.status_code == requests.codes.ok and _is_whole(response)):
                return response
    return None


def _is_whole(response: requests.Response) -> bool:
    """Whether an answer may stay in the cache: JSON that can be read."""
    if not response.ok:
        return True
    try:
        response.json()
    except (ValueError, RecursionError):
        return False
    return True


def _check_base(base: str) -> None:
    """Raise SettingsError unless the key can be sent there: encrypted, or without leaving this machine."""
    place = urlsplit(origin(base))
    parts = urlsplit(base) if place.hostname else place
    if not place.hostname or parts.query or parts.fragment:
        raise SettingsError("The address of the Unsplash API has to be https://… without a query.")
    if place.scheme == "http" and not _is_here(place.hostname):
        raise SettingsError("The address of the Unsplash API has to be https, so that the key stays secret.")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
