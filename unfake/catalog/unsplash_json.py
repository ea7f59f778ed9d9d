"""Unsplash's JSON, read into what every catalog answers.

The fields are those of Unsplash's OpenAPI description (schemas ``Asset.Basic``, ``Asset.Full``, ``User.Basic``) and
of recorded answers. Nearly every one of them can be null; only what a page cannot do without is required.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from unfake.catalog.photo import Camera, Photo, Photographer, ResultPage, Urls

SITE = "https://unsplash.com"
LICENCE = ("Unsplash License", f"{SITE}/license")
PLUS_LICENCE = ("Unsplash+ License", f"{SITE}/plus/license")

_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Malformed(ValueError):
    """An answer without what cannot be done without."""


def origin(address: str) -> str:
    """Scheme, host and port of a web address; empty when it is none.

    >>> origin("http://127.0.0.1:8099/photo-1?w=400"), origin("javascript:alert(1)")
    ('http://127.0.0.1:8099', '')
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def referral(address: str, app: str) -> str:
    """The address with the marks that Unsplash's attribution guideline asks for on every link to it.

    >>> referral("https://unsplash.com/@ana", "unfake")
    'https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral'
    """
    parts = urlsplit(address)
    marks = {"utm_source": app, "utm_medium": "referral"}
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in marks]
    return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(query + list(marks.items()))))


class JsonReader:
    """Reads the answers. ``app``: the name in the links; ``base``: where the API is, also trusted with pictures.

    No address gets through that leads elsewhere than to Unsplash or ``base``.
    """

    def __init__(self, app: str, base: str) -> None:
        self._app = app
        self._home = origin(base)

    def trusts(self, address: str) -> bool:
        """Whether an address is of Unsplash (over https) or of the configured API."""
        place = origin(address)
        host = urlsplit(place).hostname or ""
        of_unsplash = host == "unsplash.com" or host.endswith(".unsplash.com")
        return bool(place) and (place == self._home or (of_unsplash and place.startswith("https:")))

    def page(self, data: Any, page: int, query: str) -> ResultPage:
        """A page of results; one that is malformed is left out. Raises Malformed when it is no page at all."""
        if not isinstance(data, dict) or not isinstance(data.get("results"), list):
            raise Malformed("no results")
        return ResultPage(
            photos=self.photos(data["results"]),
            total=_count(data.get("total")) or 0,
            page=page,
            total_pages=_count(data.get("total_pages")) or 0,
            query=query,
        )

    def photos(self, data: Any) -> tuple[Photo, ...]:
        """The photos of a list; one that is malformed is left out. Raises Malformed when it is no list."""
        if not isinstance(data, list):
            raise Malformed("not a list")
        found = []
        for entry in data:
            try:
                found.append(self.photo(entry))
            except Malformed:
                continue
        return tuple(found)

    def photo(self, data: Any) -> Photo:
        """One photo, abbreviated or in full. Raises Malformed without id, size and the four renditions."""
        if not isinstance(data, dict):
            raise Malformed("not a photo")
        photo_id, width, height = _text(data.get("id")), _count(data.get("width")), _count(data.get("height"))
        if not photo_id or not width or not height:
            raise Malformed("no id or size")
        links = _object(data, "links")
        urls = self._urls(_object(data, "urls"))
        plus = data.get("plus") is True or data.get("premium") is True or _is_premium(urls.regular)
        licence, licence_url = PLUS_LICENCE if plus else LICENCE
        return Photo(
            id=photo_id,
            width=width,
            height=height,
            photographer=self._photographer(_object(data, "user")),
            urls=urls,
            catalog="unsplash",
            licence=licence,
            licence_url=referral(licence_url, self._app),
            description=_text(data.get("description")),
            alt=_text(data.get("alt_description")),
            colour=_colour(data.get("color")),
            created_at=_text(data.get("created_at")),
            page_url=self._link(links.get("html"), f"{SITE}/photos/{quote(photo_id, safe='')}"),
            tags=_tags(data.get("tags")),
            camera=_camera(_object(data, "exif")),
            place=_place(_object(data, "location")),
            likes=_count(data.get("likes")),
            downloads=_count(data.get("downloads")),
            download_location=_text(links.get("download_location")),
            plus=plus,
            kind=_kind(data.get("asset_type")),
        )

    def _urls(self, urls: Mapping[str, Any]) -> Urls:
        found = [urls.get(name) for name in ("full", "regular", "small", "thumb")]
        addresses = [address for address in found if isinstance(address, str) and self.trusts(address)]
        if len(addresses) < len(found):
            raise Malformed("a rendition has no address, or one elsewhere")
        return Urls(*addresses)

    def _photographer(self, user: Mapping[str, Any]) -> Photographer:
        username = _text(user.get("username"))
        profile = f"{SITE}/@{quote(username, safe='')}" if username else None
        return Photographer(
            name=_text(user.get("name")) or username or "an unnamed photographer",
            username=username,
            profile_url=self._link(_object(user, "links").get("html"), profile),
        )

    def _link(self, address: Any, otherwise: str | None) -> str | None:
        """A link to show: the given address where it can be trusted, else the one that Unsplash would give."""
        good = address if isinstance(address, str) and self.trusts(address) else otherwise
        return referral(good, self._app) if good else None


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    """A whole number of zero or more; the OpenAPI says "number" for some that are always whole."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return int(value)


def _colour(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and _HEX_COLOUR.fullmatch(value) else None


def _kind(value: Any) -> Literal["photo", "illustration"]:
    """Whatever Unsplash calls something other than a photo is none."""
    return "photo" if value in (None, "photo") else "illustration"


def _is_premium(address: str) -> bool:
    parts = urlsplit(address)
    return parts.hostname == "plus.unsplash.com" or parts.path.startswith("/premium_photo-")


def _tags(value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    titles = [_text(entry.get("title")) for entry in entries if isinstance(entry, dict)]
    return tuple(dict.fromkeys(title for title in titles if title))


def _camera(exif: Mapping[str, Any]) -> Camera | None:
    camera = Camera(
        make=_text(exif.get("make")),
        model=_text(exif.get("model")),
        exposure=_text(exif.get("exposure_time")),
        aperture=_text(exif.get("aperture")),
        focal_length=_text(exif.get("focal_length")),
        iso=_count(exif.get("iso")) or None,
    )
    return None if camera == Camera() else camera


def _place(location: Mapping[str, Any]) -> str | None:
    """The name that Unsplash composes, else city and country. Positions are not used: unknown ones are 0, 0."""
    parts = [_text(location.get("city")), _text(location.get("country"))]
    return _text(location.get("name")) or ", ".join(part for part in parts if part) or None
