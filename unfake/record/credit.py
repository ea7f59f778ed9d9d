"""Who made a photo of a catalog and where it stands."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from unfake.catalog.photo import Photo

_REFERRAL = {"utm_source": "unfake", "utm_medium": "referral"}


def credit(photo: Photo) -> dict[str, Any]:
    """The credit as plain data, with the sentence that Unsplash asks for: Photo by … on Unsplash.

    Source: Unsplash API guidelines, "Attribution": links to the photographer and to Unsplash, with a referral. An
    address that is not http(s) is None.
    """
    kind = "Picture" if photo.catalog == "samples" else "Illustration" if photo.kind == "illustration" else "Photo"
    of_unsplash = photo.catalog == "unsplash"
    maker = photo.photographer.name
    return {
        "text": f"{kind} by {maker} on Unsplash" if of_unsplash else f"{kind} by {maker}",
        "kind": kind,
        "photo": photo.id,
        "title": photo.title,
        "page": referred(photo.page_url),
        "photographer": maker,
        "photographer_page": referred(photo.photographer.profile_url),
        "catalog": "Unsplash" if of_unsplash else f"UnFake, {photo.catalog}",
        "catalog_page": referred("https://unsplash.com/") if of_unsplash else None,
        "licence": photo.licence,
        "licence_page": referred(photo.licence_url),
    }


def referred(address: str | None) -> str | None:
    """The http(s) address, with the referral that Unsplash asks for where it leads there and has none; else None.

    >>> referred("https://unsplash.com/@ana"), referred("javascript:alert(1)")
    ('https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral', None)
    """
    address = (address or "").encode(errors="replace").decode()  # what no UTF-8 can hold, no address can
    parts = _web(address)
    if parts is None or parts.hostname is None:
        return None
    if parts.hostname != "unsplash.com" and not parts.hostname.endswith(".unsplash.com"):
        return address
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode(_REFERRAL | query)))


def _web(address: str) -> SplitResult | None:
    """The parts of an http(s) address, or None for anything else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.netloc else None
