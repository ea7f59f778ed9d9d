"""Unsplash as a catalog: search, one photo, random photos, pictures to classify, and the count of downloads.

After Unsplash's API documentation, its OpenAPI description and its guidelines: a page shows only the addresses in
``photo.urls``; a download by a user is reported (`UnsplashCatalog.track_download`); photographer and Unsplash are
credited with links that say who sends the visitor.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self, get_args
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from unfake.catalog.photo import Colour, OrderBy, Orientation, Photo, ResultPage, check_search
from unfake.catalog.unsplash_http import Transport, failed
from unfake.catalog.unsplash_json import SITE, JsonReader, Malformed, referral
from unfake.errors import (
    CatalogError,
    Forbidden,
    InvalidKey,
    PhotoNotFound,
    QueryRejected,
    RateLimited,
    Unavailable,
)
from unfake.intake import DEFAULT_LIMITS, Limits

ContentFilter = Literal["low", "high"]

API = "https://api.unsplash.com"
LONGEST_QUERY = 500  # characters; more is never a search, and would not fit into an address
REMEMBER = 600.0  # seconds; looking at a photo, classifying and downloading it should cost one request, not three
REMEMBERED = 256  # photos

_NAME = re.compile(r"[\w-]{1,300}")  # an id or a slug; slugs exist in Japanese and Korean
_RESERVED = "random"  # /photos/random is another call
_DOWNLOAD_PATH = re.compile(r"/photos/[\w%-]+/download$")
_UNREADABLE = "Unsplash's answer could not be read; try again in a moment."
_GONE = "There is no photo by that id on Unsplash, or it was taken down."


class UnsplashCatalog:
    """The Unsplash API behind the `unfake.catalog.photo.Catalog` protocol; for several threads at once.

    Answers are kept in ``cache`` for as long as Unsplash's own ``Cache-Control`` says; random photos and downloads
    never. Nothing shows the key: no address, log, exception, repr or file.

    Args:
        key: access key of the application.
        base: where the API is; https, or http on this machine.
        app: name in the ``utm_source`` of links.
        cache: folder for answers; None keeps none.
        timeout: seconds for one answer of the API.
        retries: how often a request is sent again after a 5xx status or a broken connection.
        backoff: seconds before the first retry; doubles with each.
        limits: bytes of a picture and seconds to fetch it, for `read` and `download`.

    Raises:
        InvalidKey: the key cannot be one.
        SettingsError: ``base`` cannot be used.
    """

    name: Literal["unsplash"] = "unsplash"

    def __init__(
        self,
        key: str,
        base: str = API,
        *,
        app: str = "unfake",
        cache: Path | None = None,
        timeout: float = 10.0,
        retries: int = 2,
        backoff: float = 0.5,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        key, base = key.strip(), base.strip().rstrip("/")
        if not key or not all("!" <= mark <= "~" for mark in key):
            raise InvalidKey("The Unsplash access key is empty, or has characters that no key has.")
        self._app = app
        self._read = JsonReader(app, base)
        self._transport = Transport(
            key, base, cache=cache, timeout=timeout, retries=retries, backoff=backoff, limits=limits
        )
        self._recent: dict[str, tuple[float, Photo]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"UnsplashCatalog(base={self._transport.base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the cache."""
        self._transport.close()

    @property
    def remaining(self) -> int | None:
        """Requests left in this hour by the latest fresh answer; a hint, None before the first one."""
        return self._transport.remaining

    @property
    def limit(self) -> int | None:
        """Requests allowed in an hour by the latest fresh answer: 50 for a demo key; None before the first one."""
        return self._transport.limit

    @property
    def home_url(self) -> str:
        """The link to Unsplash that belongs into every credit, beside the photographer's ``profile_url``."""
        return referral(f"{SITE}/", self._app)

    def search(
        self,
        query: str,
        page: int = 1,
        per_page: int = 12,
        *,
        orientation: Orientation | None = None,
        colour: Colour | None = None,
        order_by: OrderBy | None = None,
        content_filter: ContentFilter = "high",
    ) -> ResultPage:
        """One page of the photos that fit the words. ``content_filter``: "high" leaves out more than "low".

        Raises:
            QueryRejected: no words, too many, or words that Unsplash does not search for.
            InvalidKey, Forbidden, RateLimited, Unavailable: there is no answer to be had.
            CatalogError: page, size or filter outside what `check_search` allows.
        """
        check_search(page, per_page, orientation=orientation, colour=colour, order_by=order_by)
        _check_content_filter(content_filter)
        params: dict[str, str | int | None] = {
            "query": _words(query),
            "page": page,
            "per_page": per_page,
            "orientation": orientation,
            "color": colour,
            "order_by": order_by,
            "content_filter": content_filter,
        }
        data = self._get("/search/photos", params, _rejections(), cached=True)
        try:
            return self._read.page(data, page, query)
        except Malformed:
            raise Unavailable(_UNREADABLE) from None

    def photo(self, photo_id: str) -> Photo:
        """The photo by its id or slug, in full: with camera, place, tags and downloads.

        Asked again within ten minutes, it comes from memory: a demo key has 50 requests an hour.

        Raises:
            PhotoNotFound: Unsplash has no such photo.
            InvalidKey, Forbidden, RateLimited, Unavailable: there is no answer to be had.
        """
        if not _NAME.fullmatch(photo_id) or photo_id == _RESERVED:
            raise PhotoNotFound(_GONE)
        known = self._recall(photo_id)
        if known:
            return known
        missing = {HTTPStatus.NOT_FOUND: PhotoNotFound(_GONE)}
        data = self._get(f"/photos/{quote(photo_id, safe='')}", {}, missing, cached=True)
        try:
            photo = self._read.photo(data)
        except Malformed:
            raise Unavailable(_UNREADABLE) from None
        self._remember(photo, photo_id)
        return photo

    def random(
        self,
        count: int = 1,
        query: str | None = None,
        *,
        orientation: Orientation | None = None,
        content_filter: ContentFilter = "high",
    ) -> tuple[Photo, ...]:
        """Up to ``count`` (1 to 30) photos by chance, of those that fit the words if there are any.

        Raises:
            PhotoNotFound: no photo fits.
            QueryRejected, InvalidKey, Forbidden, RateLimited, Unavailable, CatalogError: as `search`.
        """
        check_search(1, count, orientation=orientation)
        _check_content_filter(content_filter)
        params: dict[str, str | int | None] = {
            "count": count,
            "query": None if query is None else _words(query),
            "orientation": orientation,
            "content_filter": content_filter,
        }
        none = PhotoNotFound("Unsplash has no photo that fits; try other words.")
        data = self._get("/photos/random", params, {**_rejections(), HTTPStatus.NOT_FOUND: none})
        try:
            return self._read.photos(data)
        except Malformed:
            raise Unavailable(_UNREADABLE) from None

    def read(self, photo: Photo) -> bytes:
        """The bytes of the ``regular`` rendition, at most 1080 px wide, from the address that the API gave.

        Not counted as a request to the API. What comes may still be no picture: `unfake.intake` finds out.

        Raises:
            PhotoNotFound: the picture is gone, or the photo is none of Unsplash.
            Unavailable: the picture server does not answer with it.
            PictureTooLarge: more bytes than the limits allow.
        """
        if not self._read.trusts(photo.urls.regular):
            raise PhotoNotFound("That photo has no picture on Unsplash.")
        return self._picture(photo.urls.regular)

    def download(self, photo: Photo) -> bytes:
        """The bytes of the file that Unsplash names for a download, which counts as one (`track_download`).

        Raises as `track_download`, then as `read`: Unsplash has counted a download whose file did not come.
        """
        return self._picture(self.track_download(photo))

    def track_download(self, photo: Photo) -> str:
        """Tell Unsplash that a user downloads the photo; gives the address of the file in answer.

        Unsplash's guidelines require it, once a download. A request that may have arrived is not sent twice.

        Raises:
            PhotoNotFound: Unsplash no longer has the photo, or it is none of Unsplash.
            InvalidKey, Forbidden, RateLimited, Unavailable: the download was not counted, or that is unknown.
        """
        location = urlsplit(photo.download_location or "")
        path = _DOWNLOAD_PATH.search(location.path)
        if not path:
            raise PhotoNotFound("That photo cannot be downloaded from Unsplash.")
        # Only path and query are taken, so that the key goes nowhere but to the configured API.
        params = dict(parse_qsl(location.query, keep_blank_values=True))
        missing = {HTTPStatus.NOT_FOUND: PhotoNotFound(_GONE)}
        data = self._get(path.group(), params, missing, counts=True)
        address = data.get("url") if isinstance(data, dict) else None
        if not isinstance(address, str) or not self._read.trusts(address):
            raise Unavailable(_UNREADABLE)
        return address

    def _picture(self, address: str) -> bytes:
        response = self._transport.picture(address)
        status = response.status_code
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise PhotoNotFound("The picture of that photo is no longer on Unsplash.")
        if status != HTTPStatus.OK:
            raise Unavailable(f"Unsplash's picture server answered with status {status} instead of the picture.")
        return response.content

    def _get(
        self,
        path: str,
        params: Mapping[str, str | int | None],
        refusals: Mapping[HTTPStatus, CatalogError],
        *,
        cached: bool = False,
        counts: bool = False,
    ) -> Any:
        """The JSON of a successful answer. ``refusals``: what a status means for this call."""
        given = {name: value for name, value in params.items() if value is not None}
        response = self._transport.get(path, given, cached=cached, counts=counts)
        if response.status_code != HTTPStatus.OK:
            raise self._refusal(response, refusals)
        try:
            return response.json()
        except (ValueError, RecursionError):
            pass  # raised below: the parser's error holds the whole answer
        raise Unavailable(_UNREADABLE)

    def _refusal(self, response: requests.Response, refusals: Mapping[HTTPStatus, CatalogError]) -> CatalogError:
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            return InvalidKey(
                "Unsplash does not accept this app's access key; whoever runs it has to check UNSPLASH_ACCESS_KEY."
            )
        # 403 with this text and no JSON is what the API sends; its maintainers have also spoken of 429.
        spent = status == HTTPStatus.FORBIDDEN and "rate limit" in response.text[:200].lower()
        if spent or status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._rate_limited()
        if status == HTTPStatus.FORBIDDEN:
            return Forbidden("Unsplash does not permit that to this app's access key.")
        meant = next((error for code, error in refusals.items() if code == status), None)
        return meant or failed("Unsplash", status)

    def _rate_limited(self) -> RateLimited:
        self._transport.remaining = 0
        limit = self.limit
        allowed = f"The {limit:,} requests" if limit else "The requests"
        return RateLimited(
            f"{allowed} that Unsplash allows in an hour are used up. Searches made before still work; "
            "for others try again within the hour, or check a picture of your own.",
            remaining=0,
            limit=limit,
        )

    def _recall(self, name: str) -> Photo | None:
        with self._lock:
            until, photo = self._recent.get(name, (0.0, None))
        return photo if time.monotonic() < until else None

    def _remember(self, photo: Photo, *names: str) -> None:
        until = time.monotonic() + REMEMBER
        with self._lock:
            for name in {photo.id, *names}:
                self._recent.pop(name, None)
                self._recent[name] = (until, photo)
            while len(self._recent) > REMEMBERED:
                self._recent.pop(next(iter(self._recent)))


def _rejections() -> dict[HTTPStatus, CatalogError]:
    """What a refused search means: 410 is "query flagged as spam" in the OpenAPI description."""
    words = QueryRejected("Unsplash cannot search for that; try other words.")
    return {
        HTTPStatus.BAD_REQUEST: words,
        HTTPStatus.REQUEST_URI_TOO_LONG: words,
        HTTPStatus.UNPROCESSABLE_ENTITY: words,
        HTTPStatus.GONE: QueryRejected("Unsplash does not search for those words; try others."),
    }


def _words(query: str) -> str:
    """The query without idle space, so that the same words are the same request."""
    words = " ".join(query.split())
    if not words:
        raise QueryRejected("Type what to look for: Unsplash searches by words.")
    if len(words) > LONGEST_QUERY:
        raise QueryRejected(f"A search on Unsplash has at most {LONGEST_QUERY} characters.")
    return words


def _check_content_filter(value: str) -> None:
    if value not in get_args(ContentFilter):
        raise CatalogError("The content filter of a search is one of low, high.")
