"""An Unsplash on this machine: the API and its picture server, as documented and recorded, and their ways to fail.

::

    with Unsplash() as unsplash:
        UnsplashCatalog(KEY, unsplash.url) ...
        assert unsplash.downloads["..."] == 1

``python -m tests.servers.unsplash --port 8099`` serves it to the whole app, without a key and without a network.

The photos are the bundled samples, each several times under ids of their own, some generated and some not. The
words of a query are looked for in them; ``photo`` finds all and ``odd`` finds the odd ones. Other words are magic,
in a query or as an id:

============= =========================================================================================
``failNNN``   the status NNN, with the body that Unsplash sends with it
``spam``      410, a query that was flagged
``ratelimit`` 403 in plain text, whatever is left
``flaky``     503 twice, then the answer
``slow``      nothing until the server stops
``cut``       half of the answer; ``hangup`` none at all
``drip``      the answer, a byte at a time
``garbage``   200 and HTML; ``moved`` 302 to elsewhere
``popular``   an answer that a CDN has kept for an hour, with the counts of then
``unkept``    an answer that may not be kept; ``stale`` one that has to be asked for again each time
============= =========================================================================================
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Lock, Thread
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tests.servers.imgix import claiming, render
from unfake.catalog.photo import Colour, Orientation, Photo
from unfake.catalog.samples import SAMPLES_FOLDER, SampleCatalog

KEY = "local-unsplash-access-key-0123456789abcdefg"
DEMO_LIMIT = 50  # requests an hour
HOUR = 3600.0  # seconds
COPIES = 4
MAX_PER_PAGE = 30
DRIP = 0.02  # seconds between two bytes
ENDLESS = b"\xff" * 2**20
CDN = "max-age=86400,stale-if-error=3600,stale-while-revalidate=60"
KEPT_BY_NOBODY = "no-cache, no-store, must-revalidate"
VARY = "Accept-Encoding,Authorization,Accept-Language,client-geo-region,Accept"
SPENT = b"Rate Limit Exceeded"
PAGE = b"<!DOCTYPE html><title>Not a picture</title><p>Nothing to see."
ERRORS = {
    400: "query is empty",
    401: "OAuth error: The access token is invalid",
    403: "The application does not have the permission that this needs",
    404: "Couldn't find Photo",
    410: "Query flagged as spam",
    422: "Username is missing",
}
MAGIC = (
    "spam",
    "ratelimit",
    "flaky",
    "slow",
    "cut",
    "hangup",
    "drip",
    "garbage",
    "moved",
    "popular",
    "unkept",
    "stale",
)
PEOPLE = ("Ana Example", "Ben Muster", "Chloé Modèle", "Dai Enghraifft", "Ewa Przykład", "Femi Apẹẹrẹ")
INVISIBLE = "\u200b\u200c\u200d\ufeff"

Kind = Literal["api", "picture", "site"]


@dataclass(frozen=True)
class Request:
    """One request as it arrived: path and query without their escapes, header names in lower case."""

    kind: Kind
    path: str
    query: Mapping[str, str]
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Item:
    """A photo in stock. ``picture``: its path on the picture server. ``changes``: fields that are otherwise."""

    id: str
    sample: Photo
    number: int
    picture: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return re.sub(r"\W+", "-", self.sample.title.lower()) + f"-{self.id}"


class Unsplash:
    """The server, a context manager. ``url``: of API and pictures. ``log`` grows as requests come.

    ``downloads``: reported downloads by photo id. ``full``: by photo id, the bytes of the file where no width is asked
    for, or None for a 503; a rendering of the sample otherwise. Whatever ``dl`` asks for, no picture is sent as an
    attachment, as some image hosts do. ``remaining``: requests left, to be set at will.
    """

    def __init__(self, port: int = 0, limit: int = DEMO_LIMIT) -> None:
        self.limit = self.remaining = limit
        self.log: list[Request] = []
        self.downloads: Counter[str] = Counter()
        self.full: dict[str, bytes | None] = {}
        self.counts: Counter[str] = Counter()
        self.lock = Lock()
        self.came = Condition(self.lock)
        self.stopping = Event()
        self.samples = SampleCatalog()
        self.stock = [*_stock(self.samples), *_odd(self.samples)]
        self.hour = time.monotonic()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.unsplash = self
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on connections are refused. Stopping twice is fine."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def asked(self, path: str = "", kind: Kind = "api") -> list[Request]:
        """The requests of that kind so far, in order; of that path only if one is given."""
        return [each for each in self.log if each.kind == kind and path in ("", each.path)]

    def wait(self, count: int, seconds: float = 10.0) -> None:
        """Until that many requests have come; raises TimeoutError after ``seconds``."""
        with self.came:
            if not self.came.wait_for(lambda: len(self.log) >= count, seconds):
                raise TimeoutError(f"{len(self.log)} requests came, not {count}")

    def find(self, name: str) -> Item | None:
        """The photo by id or slug."""
        return next((item for item in self.stock if name in (item.id, item.slug)), None)

    def spend(self) -> bool:
        """Take one request off the hour's; False when there is none left."""
        with self.lock:
            if time.monotonic() - self.hour > HOUR:
                self.hour, self.remaining = time.monotonic(), self.limit
            if self.remaining <= 0:
                return False
            self.remaining -= 1
            return True

    def search(self, query: str, filters: Mapping[str, str]) -> list[Item]:
        """What fits, in the order asked for; the copies of one picture are far apart."""
        words = [word for word in query.lower().split() if not _is_magic(word)]
        if "odd" in words:
            return [item for item in self.stock if item.id.startswith("odd-")]
        found = {
            photo.id
            for photo in self.samples.search(
                " ".join(word for word in words if word not in ("photo", "photos", "picture", "pictures")),
                per_page=MAX_PER_PAGE,
                orientation=cast("Orientation | None", filters.get("orientation")),
                colour=cast("Colour | None", filters.get("color")),
            ).photos
        }
        items = [item for item in self.stock if item.sample.id in found and not item.id.startswith("odd-")]
        if filters.get("order_by") == "latest":
            items.reverse()
        elif filters.get("order_by") == "editorial":
            items.sort(key=lambda item: item.id)
        return items


def _stock(samples: SampleCatalog) -> Iterator[Item]:
    photos = samples.search("", per_page=MAX_PER_PAGE).photos
    for number in range(COPIES * len(photos)):
        sample = photos[number % len(photos)]
        digest = hashlib.sha256(f"{sample.id} {number}".encode())
        name = base64.urlsafe_b64encode(digest.digest()).decode()[:10].replace("-", "x").replace("_", "y")
        picture = f"/photo-{1_500_000_000_000 + number}-{digest.hexdigest()[:12]}"
        yield Item(f"{name}{number % 10}", sample, number, picture)


def _odd(samples: SampleCatalog) -> Iterator[Item]:
    nothing = {"description": None, "alt_description": None, "color": None, "blur_hash": None, "likes": None}
    nowhere = {"name": None, "city": None, "country": None, "position": {"latitude": None, "longitude": None}}
    no_exif = dict.fromkeys(("name", "make", "model", "exposure_time", "aperture", "focal_length", "iso"))
    user = {"last_name": None, "bio": None, "location": None}
    changes: dict[str, Mapping[str, Any]] = {
        "nothing": nothing | {"exif": no_exif, "location": nowhere, "tags": [], "user": user},
        "missing": {"exif": None, "location": None, "tags": None, "asset_type": None, "likes": None},
        "plus": {"plus": True, "premium": True, "description": "A photo of Unsplash+"},
        "drawing": {"asset_type": "illustration", "description": "A drawing"},
        "quotes": {"description": "\"><img src=x onerror=alert(1)> & 'so'", "user": {"name": "Ann \"<b>O'Hara</b>"}},
        "rtl": {"description": "\u202eصورة קטנה", "user": {"name": "נועה \u202eכהן", "first_name": "נועה"}},
        "emoji": {"description": "👩🏽‍🚀🏳️‍🌈", "user": {"name": "🌸 Ume 梅"}},
        "huge": {"width": 12000, "height": 12000, "description": "144 megapixels"},
        "endless": {"description": "A file without an end"},
        "empty": {"description": "A file without a byte"},
        "page": {"description": "A web page instead of a picture"},
        "redirect": {"description": "A redirect to this machine"},
        "gone": {"description": "A picture that was taken down"},
        "broken": {"description": "A picture server that fails"},
        "cut": {"description": "A picture that breaks off"},
        "slow": {"description": "A picture that takes for ever"},
    }
    sample = samples.photo("ginger-cat")
    for number, (name, change) in enumerate(changes.items(), 900):
        kind = "premium_photo" if name == "plus" else "photo"
        yield Item(f"odd-{name}", sample, number, f"/{kind}-odd-{name}", change)


class Describer:
    """Writes the API's JSON. ``ixid``: the mark that addresses carry so that views are counted."""

    def __init__(self, url: str, ixid: str) -> None:
        self.url, self.ixid = url, ixid

    def brief(self, item: Item) -> dict[str, Any]:
        """As in lists: OpenAPI ``Asset.Basic`` and what recorded answers have besides."""
        sample, site = item.sample, f"{self.url}/site/photos"
        day = f"2023-{1 + item.number % 12:02}-{1 + item.number % 28:02}T09:30:00Z"
        whole: dict[str, Any] = {
            "id": item.id,
            "slug": item.slug,
            "alternative_slugs": {"en": item.slug, "ja": f"猫-{item.id}"},
            "created_at": day,
            "updated_at": day,
            "promoted_at": None,
            "width": sample.width,
            "height": sample.height,
            "color": sample.colour,
            "blur_hash": "L7E.;E5jk:}?m-%49uS%4m%GxVE0",
            "description": sample.description if item.number % 3 else None,
            "alt_description": sample.alt,
            "breadcrumbs": [],
            "urls": self.urls(item),
            "links": {
                "self": f"{self.url}/photos/{quote(item.slug)}",
                "html": f"{site}/{quote(item.slug)}",
                "download": f"{site}/{item.id}/download?ixid={self.ixid}",
                "download_location": f"{self.url}/photos/{item.id}/download?ixid={self.ixid}",
            },
            "likes": 7 * item.number,
            "liked_by_user": False,
            "bookmarked": False,
            "current_user_collections": [],
            "sponsorship": None,
            "topic_submissions": {},
            "asset_type": "photo",
            "premium": False,
            "plus": False,
            "user": self.user(item),
        }
        extra = {"exif", "location", "tags"}
        return _changed(whole, {name: value for name, value in item.changes.items() if name not in extra})

    def full(self, item: Item) -> dict[str, Any]:
        """As for one photo: OpenAPI ``Asset.Full``."""
        more: dict[str, Any] = {
            "exif": {
                "name": "Canon, EOS REBEL T3i",
                "make": "Canon",
                "model": " EOS REBEL T3i",
                "exposure_time": "1/250",
                "aperture": "3.5",
                "focal_length": "30.0",
                "iso": 100,
            },
            "location": {
                "name": "Porto, Portugal",
                "city": "Porto",
                "country": "Portugal",
                "position": {"latitude": 41.15, "longitude": -8.61},
            },
            "tags": [{"type": "search", "title": tag} for tag in item.sample.tags],
            "tags_preview": [],
            "topics": [],
            "meta": {"index": True},
            "public_domain": False,
            "views": 1000 + item.number,
            "downloads": 100 + item.number,
        }
        return _changed(self.brief(item) | more, item.changes)

    def urls(self, item: Item) -> dict[str, str]:
        base = f"{self.url}{item.picture}"
        cut, marks = "crop=entropy&cs=tinysrgb&fit=max&fm=jpg", f"ixid={self.ixid}&ixlib=rb-4.1.0"
        sizes = {"regular": 1080, "small": 400, "thumb": 200}
        return {
            "raw": f"{base}?{marks}",
            "full": f"{base}?crop=entropy&cs=srgb&fm=jpg&{marks}&q=85",
            **{name: f"{base}?{cut}&{marks}&q=80&w={width}" for name, width in sizes.items()},
            "small_s3": f"{self.url}/s3{item.picture}",
        }

    def user(self, item: Item) -> dict[str, Any]:
        name = PEOPLE[item.number % len(PEOPLE)]
        username = name.split()[0].lower().encode("ascii", "ignore").decode() + "_example"
        first, last = name.split()
        face = f"{self.url}{item.picture}?fit=crop&crop=faces"
        return {
            "id": f"user{item.number % len(PEOPLE)}",
            "updated_at": "2026-01-01T00:00:00Z",
            "username": username,
            "name": name,
            "first_name": first,
            "last_name": last,
            "bio": None,
            "location": "Nowhere",
            "links": {
                "self": f"{self.url}/users/{username}",
                "html": f"{self.url}/site/@{username}",
                "photos": f"{self.url}/users/{username}/photos",
            },
            "profile_image": {
                size: f"{face}&w={px}&h={px}" for size, px in (("small", 32), ("medium", 64), ("large", 128))
            },
            "total_collections": 0,
            "social": {"instagram_username": None, "portfolio_url": None, "twitter_username": None},
        }


def _changed(whole: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """With the changes in it; those of an object change only the fields that they name."""
    for name, value in changes.items():
        old = whole.get(name)
        whole[name] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    return whole


def _is_magic(word: str) -> bool:
    return word in MAGIC or re.fullmatch(r"fail\d{3}", word) is not None


class _Server(ThreadingHTTPServer):
    # Stopping waits for running answers, so that nothing of a test outlives it.
    daemon_threads = False
    block_on_close = True
    unsplash: Unsplash

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away during an answer are part of the tests; anything else is a bug here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, one request a connection: a stopped server is gone for pooled connections as well."""

    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The log is ``Unsplash.log``."""

    @property
    def unsplash(self) -> Unsplash:
        return self.server.unsplash

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.route, self.query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
        self.extra: dict[str, str] = {}
        kind = self._kind()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.unsplash.came:
            self.unsplash.log.append(Request(kind, self.route, self.query, self.path, headers))
            self.unsplash.came.notify_all()
        with suppress(ConnectionError):
            {"api": self._api, "picture": self._picture, "site": self._site}[kind]()

    def _kind(self) -> Kind:
        if self.route.startswith(("/photo-", "/premium_photo-", "/s3/", "/elsewhere")):
            return "picture"
        return "site" if self.route == "/" or self.route.startswith("/site/") else "api"

    # The API

    def _api(self) -> None:
        if not self._has_key():
            self._refuse(HTTPStatus.UNAUTHORIZED)
        elif not self.unsplash.spend():
            self._plain(HTTPStatus.FORBIDDEN, SPENT)
        elif not self._misbehave():
            self._answer()

    def _has_key(self) -> bool:
        given = self.headers.get("Authorization", "")
        return f"Client-ID {KEY}" == given or self.query.get("client_id") == KEY

    def _answer(self) -> None:
        one = re.fullmatch(r"/photos/([^/]+)", self.route)
        download = re.fullmatch(r"/photos/([^/]+)/download", self.route)
        if self.route == "/search/photos":
            self._search()
        elif self.route == "/photos":
            self._list(self.unsplash.search("", {}), body=False)
        elif self.route == "/photos/random":
            self._random()
        elif download:
            self._download(download[1])
        elif one:
            self._one(one[1])
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _search(self) -> None:
        query = self.query.get("query", "").strip(INVISIBLE + " ")
        if not query:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            self._list(self.unsplash.search(query, self.query), body=True)

    def _list(self, items: Sequence[Item], *, body: bool) -> None:
        page = max(1, self._whole("page", 1))
        per_page = min(MAX_PER_PAGE, max(1, self._whole("per_page", 10)))
        pages = -(-len(items) // per_page)
        shown = [self._describer().brief(item) for item in items[(page - 1) * per_page : page * per_page]]
        self.extra |= {"X-Total": str(len(items)), "X-Per-Page": str(per_page)}
        places = {"first": 1 if page > 1 else 0, "prev": page - 1, "last": pages if page < pages else 0}
        places["next"] = page + 1 if page < pages else 0
        links = [f'<{self._page_url(number)}>; rel="{rel}"' for rel, number in places.items() if number]
        if links:
            self.extra["Link"] = ", ".join(links)
        if body:
            self._json({"total": len(items), "total_pages": pages, "results": shown}, CDN)
        else:
            self._json(shown, CDN)

    def _page_url(self, page: int) -> str:
        query = {name: value for name, value in self.query.items() if name != "client_id"} | {"page": str(page)}
        return f"{self.unsplash.url}{self.route}?{urlencode(query)}"

    def _random(self) -> None:
        items = self.unsplash.search(self.query.get("query", ""), self.query)
        if not items:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        start = self.unsplash.counts["random"] = self.unsplash.counts["random"] + 1
        count = min(MAX_PER_PAGE, max(1, self._whole("count", 1)))
        found = [self._describer().full(items[(start + n) % len(items)]) for n in range(count)]
        keep = "private,max-age=0,stale-if-error=3600,stale-while-revalidate=0"
        self._json(found if "count" in self.query else found[0], keep)

    def _one(self, name: str) -> None:
        item = self.unsplash.find(name)
        if item or _is_magic(name):
            self._json(self._describer().full(item or self.unsplash.stock[0]), KEPT_BY_NOBODY)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _download(self, name: str) -> None:
        item = self.unsplash.find(name)
        if item is None and not _is_magic(name):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        item = item or self.unsplash.stock[0]
        with self.unsplash.lock:
            self.unsplash.downloads[item.id] += 1
        options = "ixlib=rb-4.1.0&q=85&fm=jpg&crop=entropy&cs=srgb"
        self._json({"url": f"{self.unsplash.url}{item.picture}?{options}"}, KEPT_BY_NOBODY)

    def _describer(self) -> Describer:
        words = f"M3|{self.route}|{self.query.get('page', 1)}|{self.query.get('query', '')}|en"
        return Describer(self.unsplash.url, base64.urlsafe_b64encode(words.encode()).decode().rstrip("="))

    def _whole(self, name: str, otherwise: int) -> int:
        text = self.query.get(name, "")
        return int(text) if re.fullmatch(r"\d{1,9}", text) else otherwise

    # Its failures

    def _misbehave(self) -> bool:
        """Do what a magic word says; True when that was the answer."""
        words = [*self.query.get("query", "").split(), *self.route.split("/")[2:]]
        word = next((word for word in words if _is_magic(word)), "")
        if word == "popular":
            self.extra |= {"Age": "3600", "X-Cache": "MISS, HIT", "X-Ratelimit-Remaining": "49"}
        elif word in ("unkept", "stale"):
            self.extra["Cache-Control"] = KEPT_BY_NOBODY if word == "unkept" else "max-age=0"
        elif word == "flaky":
            return self._flaky()
        elif word in ("cut", "drip"):
            self._partly(json.dumps({"results": []}).encode() * 20, "application/json", drip=word == "drip")
        elif word == "slow":
            self.unsplash.stopping.wait()
        elif word == "garbage":
            self._send(HTTPStatus.OK, PAGE, "text/html", {"Cache-Control": CDN})
        elif word == "moved":
            self._send(HTTPStatus.FOUND, b"", "text/html", {"Location": f"{self.unsplash.url}/elsewhere"})
        elif word == "ratelimit":
            self._plain(HTTPStatus.FORBIDDEN, SPENT)
        elif word == "spam":
            self._refuse(HTTPStatus.GONE)
        elif word.startswith("fail"):
            self._fail(int(word[4:]))
        return word not in ("", "popular", "unkept", "stale")

    def _flaky(self) -> bool:
        with self.unsplash.lock:
            self.unsplash.counts[self.path] += 1
            failing = self.unsplash.counts[self.path] % 3 != 0
        if failing:
            self._fail(HTTPStatus.SERVICE_UNAVAILABLE)
        return failing

    def _fail(self, status: int) -> None:
        if status in ERRORS:
            self._refuse(status)
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            self._plain(status, SPENT)
        else:
            self._send(status, b"<h1>Application error</h1>", "text/html", {"Cache-Control": "no-cache"})

    # The picture server and the site

    def _picture(self) -> None:
        item = next((item for item in self.unsplash.stock if self.route == item.picture), None)
        name = item.id if item else ""
        whole = self.unsplash.full.get(name, b"") if "w" not in self.query else b""
        if item is None or name == "odd-gone":
            self._send(HTTPStatus.NOT_FOUND, b"", "text/html")
        elif whole:
            self._send(HTTPStatus.OK, whole, "application/octet-stream")
        elif name == "odd-broken" or whole is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"", "text/html")
        elif name == "odd-redirect":
            there = {"Location": f"{self.unsplash.url}/elsewhere"}
            self._send(HTTPStatus.FOUND, b"", "text/html", there)
        elif name == "odd-endless":
            self._endless()
        else:
            self._rendered(item)

    def _rendered(self, item: Item) -> None:
        accept = self.headers.get("Accept", "")
        body, media_type = render(SAMPLES_FOLDER / item.sample.urls.full, self.query, accept)
        if item.id == "odd-huge":
            body = claiming(body, 12000, 12000)
        body = {"odd-empty": b"", "odd-page": PAGE}.get(item.id, body)
        if item.id in ("odd-cut", "odd-slow"):
            self._partly(body, media_type, drip=item.id == "odd-slow")
        else:
            self._send(HTTPStatus.OK, body, media_type, {"Cache-Control": "public, max-age=31536000"})

    def _endless(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        while not self.unsplash.stopping.is_set():
            self.wfile.write(ENDLESS)

    def _site(self) -> None:
        text = f"<!DOCTYPE html><title>Local Unsplash</title><p>Here would be {html.escape(self.route)}."
        self._send(HTTPStatus.OK, text.encode(), "text/html; charset=utf-8")

    # How answers are sent

    def _json(self, value: object, keep: str) -> None:
        body = json.dumps(value).encode()
        mark = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"Cache-Control": keep, "ETag": mark}
        if self.headers.get("If-None-Match") == mark:
            self._send(HTTPStatus.NOT_MODIFIED, b"", "application/json", headers)
        else:
            self._send(HTTPStatus.OK, body, "application/json", headers)

    def _refuse(self, status: int) -> None:
        body = json.dumps({"errors": [ERRORS[status]]}).encode()
        self._send(status, body, "application/json", {"Cache-Control": "no-cache"})

    def _plain(self, status: int, body: bytes) -> None:
        self._send(status, body, "text/plain; charset=utf-8", {"Cache-Control": "no-cache"})

    def _send(self, status: int, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._head(status, len(body), media_type, headers)
        self.wfile.write(body)

    def _head(self, status: int, length: int, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        given = {"Access-Control-Allow-Origin": "*"}
        if status != HTTPStatus.NOT_MODIFIED:
            given |= {"Content-Type": media_type, "Content-Length": str(length)}
        if self._kind() == "api":
            counts = {"Limit": self.unsplash.limit, "Remaining": self.unsplash.remaining}
            given |= {"X-Unsplash-Version": "v1", "Vary": VARY, "Age": "0", "X-Cache": "MISS, MISS"}
            given |= {f"X-Ratelimit-{name}": str(count) for name, count in counts.items()}
        self.send_response(status)
        for name, value in (given | dict(headers or {}) | self.extra).items():
            self.send_header(name, value)
        self.end_headers()

    def _partly(self, body: bytes, media_type: str, *, drip: bool = False) -> None:
        """Half of what was announced; or all of it, very slowly."""
        self._head(HTTPStatus.OK, len(body), media_type)
        if not drip:
            self.wfile.write(body[: len(body) // 2])
            return
        for byte in body:
            if self.unsplash.stopping.wait(DRIP):
                return
            self.wfile.write(bytes([byte]))


def main() -> None:
    """Serve until Ctrl+C."""
    parser = argparse.ArgumentParser(description="A local Unsplash, to try the whole app without a key.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--limit", type=int, default=DEMO_LIMIT, help="requests an hour (50, as for a demo key)")
    options = parser.parse_args()
    with Unsplash(options.port, options.limit) as unsplash, suppress(KeyboardInterrupt):
        sys.stdout.write(
            f"A local Unsplash with {len(unsplash.stock)} photos at {unsplash.url}. "
            'Search for "photo" to see all, "odd" for the odd ones.\n'
            f"Start the app with:\nUNFAKE_UNSPLASH_URL={unsplash.url}\nUNSPLASH_ACCESS_KEY={KEY}\n"
        )
        sys.stdout.flush()
        unsplash.stopping.wait()


if __name__ == "__main__":
    main()
