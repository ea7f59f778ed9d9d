"""The Unsplash client against a local Unsplash: what it asks, what it makes of the answers, what it never shows."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.servers.unsplash import KEY, Describer, Unsplash
from unfake import intake
from unfake.catalog.photo import Camera, Catalog, Photo
from unfake.catalog.samples import SampleCatalog
from unfake.catalog.unsplash import UnsplashCatalog
from unfake.catalog.unsplash_json import JsonReader, Malformed
from unfake.errors import (
    CatalogError,
    EmptyPicture,
    Forbidden,
    InvalidKey,
    PhotoNotFound,
    PictureTooLarge,
    QueryRejected,
    RateLimited,
    SettingsError,
    Unavailable,
    UnfakeError,
    UnsupportedPicture,
)
from unfake.intake import Limits, Source

SHORT = 0.3  # seconds, for what never answers

TROUBLE = "Unsplash has a problem of its own (status {}); try again in a moment."
UNREADABLE = "Unsplash's answer could not be read; try again in a moment."
GONE = "There is no photo by that id on Unsplash, or it was taken down."
USED_UP = (
    "The 50 requests that Unsplash allows in an hour are used up. Searches made before still work; "
    "for others try again within the hour, or check a picture of your own."
)
BAD_KEY = "Unsplash does not accept this app's access key; whoever runs it has to check UNSPLASH_ACCESS_KEY."
CUT = "Unsplash broke off in the middle of its answer; try again in a moment."
AWAY = "Unsplash cannot be reached, or broke off; try again in a moment."
LATE = f"Unsplash did not answer within {SHORT:g} seconds; try again in a moment."


@pytest.fixture
def server() -> Iterator[Unsplash]:
    with Unsplash() as unsplash:
        yield unsplash


Open = Callable[..., UnsplashCatalog]


@pytest.fixture
def connect(server: Unsplash) -> Iterator[Open]:
    """Opens catalogs on the local server; retries do not wait."""
    opened = []

    def open_catalog(key: str = KEY, **options: Any) -> UnsplashCatalog:
        opened.append(UnsplashCatalog(key, options.pop("base", server.url), **{"backoff": 0.0, **options}))
        return opened[-1]

    yield open_catalog
    for each in opened:
        each.close()


@pytest.fixture
def catalog(connect: Open) -> UnsplashCatalog:
    return connect()


def odd(catalog: UnsplashCatalog) -> dict[str, Photo]:
    """The odd photos of a search, by the part of the id after ``odd-``."""
    return {photo.id.removeprefix("odd-"): photo for photo in catalog.search("odd", per_page=30).photos}


# Searching


def test_follows_the_protocol(catalog: UnsplashCatalog) -> None:
    as_protocol: Catalog = catalog
    assert as_protocol.name == "unsplash"


def test_search_finds_photos_in_full_form(catalog: UnsplashCatalog, server: Unsplash) -> None:
    page = catalog.search("cat", per_page=3)
    assert (page.total, page.page, page.total_pages, page.query) == (8, 1, 3, "cat")
    photo = page.photos[0]
    item = server.find(photo.id)
    assert item is not None
    assert (photo.width, photo.height, photo.alt) == (item.sample.width, item.sample.height, item.sample.alt)
    assert (photo.catalog, photo.kind, photo.plus, photo.truth) == ("unsplash", "photo", False, None)
    assert photo.licence == "Unsplash License"
    assert photo.urls.regular == Describer(server.url, _ixid(photo)).urls(item)["regular"]


def _ixid(photo: Photo) -> str:
    return (photo.download_location or "").partition("ixid=")[2]


def test_pages_hold_every_photo_once(catalog: UnsplashCatalog) -> None:
    first = catalog.search("photo", 1, 30)
    pages = [first, *(catalog.search("photo", number, 30) for number in range(2, first.total_pages + 1))]
    found = [photo.id for page in pages for photo in page.photos]
    assert first.total >= 60
    assert len(found) == len(set(found)) == first.total
    assert catalog.search("photo", first.total_pages + 1, 30).photos == ()


def test_nothing_found_is_an_empty_page(catalog: UnsplashCatalog) -> None:
    page = catalog.search("zeppelin")
    assert (page.photos, page.total, page.total_pages) == ((), 0, 0)


def test_filters_are_spelt_as_unsplash_spells_them(catalog: UnsplashCatalog, server: Unsplash) -> None:
    catalog.search(
        "  two   dogs ",
        2,
        5,
        orientation="portrait",
        colour="black_and_white",
        order_by="latest",
        content_filter="low",
    )
    assert server.asked("/search/photos")[-1].query == {
        "query": "two dogs",
        "page": "2",
        "per_page": "5",
        "orientation": "portrait",
        "color": "black_and_white",
        "order_by": "latest",
        "content_filter": "low",
    }


def test_filters_not_given_are_not_sent_and_content_is_filtered(catalog: UnsplashCatalog, server: Unsplash) -> None:
    catalog.search("cat")
    assert server.log[-1].query == {"query": "cat", "page": "1", "per_page": "12", "content_filter": "high"}


def test_orientation_filters(catalog: UnsplashCatalog) -> None:
    assert {photo.orientation for photo in catalog.search("photo", orientation="portrait").photos} == {"portrait"}


def test_asks_for_version_1_with_the_key_in_the_header(catalog: UnsplashCatalog, server: Unsplash) -> None:
    catalog.search("cat")
    headers = server.log[-1].headers
    assert (headers["accept-version"], headers["authorization"]) == ("v1", f"Client-ID {KEY}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"page": 0}, "The first page of a search is page 1."),
        ({"per_page": 31}, "A page of results holds 1 to 30 photos."),
        ({"orientation": "round"}, "The orientation of a search is one of landscape, portrait, squarish."),
        ({"content_filter": "none"}, "The content filter of a search is one of low, high."),
    ],
)
def test_what_does_not_exist_costs_no_request(
    catalog: UnsplashCatalog, server: Unsplash, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CatalogError) as caught:
        catalog.search("cat", **arguments)
    assert str(caught.value) == sentence
    assert server.log == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("  ", "Type what to look for: Unsplash searches by words."),
        ("x" * 501, "A search on Unsplash has at most 500 characters."),
    ],
)
def test_queries_that_cannot_be_asked_cost_no_request(
    catalog: UnsplashCatalog, server: Unsplash, query: str, sentence: str
) -> None:
    with pytest.raises(QueryRejected) as caught:
        catalog.search(query)
    assert str(caught.value) == sentence
    assert server.log == []


# What goes wrong


@pytest.mark.parametrize(
    ("query", "error", "sentence", "requests_made"),
    [
        ("\u200b", QueryRejected, "Unsplash cannot search for that; try other words.", 1),
        ("fail401", InvalidKey, BAD_KEY, 1),
        ("fail403", Forbidden, "Unsplash does not permit that to this app's access key.", 1),
        ("fail404", Unavailable, TROUBLE.format(404), 1),
        ("spam", QueryRejected, "Unsplash does not search for those words; try others.", 1),
        ("fail422", QueryRejected, "Unsplash cannot search for that; try other words.", 1),
        ("ratelimit", RateLimited, USED_UP, 1),
        ("fail429", RateLimited, USED_UP, 1),
        ("fail500", Unavailable, TROUBLE.format(500), 3),
        ("fail503", Unavailable, TROUBLE.format(503), 3),
        ("moved", Unavailable, TROUBLE.format(302), 1),
        ("garbage", Unavailable, UNREADABLE, 1),
        ("cut", Unavailable, CUT, 3),
        ("hangup", Unavailable, AWAY, 3),
    ],
)
@pytest.mark.parametrize("kept", [False, True], ids=["no cache", "cache"])
def test_each_failure_of_a_search(
    connect: Open,
    server: Unsplash,
    tmp_path: Path,
    query: str,
    error: type[CatalogError],
    sentence: str,
    requests_made: int,
    kept: bool,
) -> None:
    catalog = connect(cache=tmp_path if kept else None)
    for _ in (1, 2):  # the second time, to see that no failure was kept
        server.log.clear()
        with pytest.raises(error) as caught:
            catalog.search(query)
        assert str(caught.value) == sentence
        assert len(server.log) == requests_made


@pytest.mark.parametrize("word", ["slow", "drip"])
def test_too_slow_is_not_tried_again(connect: Open, server: Unsplash, word: str) -> None:
    with pytest.raises(Unavailable) as caught:
        connect(timeout=SHORT).search(word)
    assert str(caught.value) == LATE
    assert len(server.log) == 1


def test_nobody_there(connect: Open, server: Unsplash) -> None:
    catalog = connect()
    server.stop()
    with pytest.raises(Unavailable) as caught:
        catalog.search("cat")
    assert str(caught.value) == AWAY


def test_an_answer_that_is_too_large(connect: Open, server: Unsplash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unfake.catalog.unsplash_http.MAX_JSON", 1000)
    with pytest.raises(Unavailable) as caught:
        connect().search("cat")
    assert str(caught.value) == "Unsplash's answer is too large to be one."
    assert len(server.log) == 1


def test_flaky_answers_come_after_retries(connect: Open, server: Unsplash) -> None:
    assert connect().search("flaky").total >= 60
    assert len(server.log) == 3
    server.log.clear()
    with pytest.raises(Unavailable):
        connect(retries=1).search("flaky cat")
    assert len(server.log) == 2


def test_retries_wait_longer_each_time(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("unfake.catalog.unsplash_http.time.sleep", waits.append)
    with pytest.raises(Unavailable):
        connect(backoff=1.0, retries=3).search("fail500")
    assert [round(wait / nominal) for wait, nominal in zip(waits, (1, 2, 4), strict=True)] == [1, 1, 1]
    assert waits == sorted(waits)


def test_the_51st_request_of_an_hour(connect: Open, server: Unsplash) -> None:
    catalog = connect()
    assert (catalog.remaining, catalog.limit) == (None, None)
    catalog.search("cat")
    assert (catalog.remaining, catalog.limit) == (49, 50)
    server.remaining = 1
    catalog.search("dog")
    assert catalog.remaining == 0
    with pytest.raises(RateLimited) as caught:
        catalog.photo(server.stock[0].id)
    assert str(caught.value) == USED_UP
    assert (caught.value.remaining, caught.value.limit) == (0, 50)


def test_limit_unknown_is_not_invented(connect: Open, server: Unsplash, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = connect()
    monkeypatch.setattr(catalog._transport, "_note", lambda _: None)
    with pytest.raises(RateLimited, match=r"^The requests that Unsplash allows in an hour are used up\."):
        catalog.search("ratelimit")


def test_counts_of_an_answer_from_a_cdn_are_of_the_past(catalog: UnsplashCatalog) -> None:
    for _ in range(3):
        catalog.search("cat")
    catalog.search("popular")
    assert catalog.remaining == 47


# The cache


def test_the_same_search_costs_one_request(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    """Given answers that vary by Authorization, when the same is asked again, also by a new client, it is kept."""
    catalog = connect(cache=tmp_path)
    first = catalog.search("cat", 1, 4)
    assert catalog.search(" cat ", 1, 4).photos == first.photos
    assert connect(cache=tmp_path).search("cat", 1, 4) == first
    assert len(server.log) == 1
    assert catalog.remaining == 49


def test_another_page_or_filter_is_another_search(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    pages = [catalog.search("cat", number, 4) for number in (1, 2)]
    assert not {photo.id for photo in pages[0].photos} & {photo.id for photo in pages[1].photos}
    catalog.search("cat", 1, 4, orientation="portrait")
    assert len(server.log) == 3


def test_a_kept_answer_is_there_when_unsplash_is_not(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    first = catalog.search("cat")
    server.stop()
    assert catalog.search("cat") == first


def test_what_may_not_be_kept_is_not_kept(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    for _ in (1, 2):
        catalog.search("unkept")
    assert len(server.log) == 2


def test_without_a_folder_nothing_is_kept(catalog: UnsplashCatalog, server: Unsplash) -> None:
    for _ in (1, 2):
        catalog.search("cat")
    assert len(server.log) == 2


def test_another_key_has_its_own_answers(connect: Open, tmp_path: Path) -> None:
    connect(cache=tmp_path).search("cat")
    with pytest.raises(InvalidKey):
        connect("another-key", cache=tmp_path).search("cat")


def test_a_cache_that_cannot_be_written_costs_requests_only(
    connect: Open, server: Unsplash, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file where the folder should be")
    catalog = connect(cache=occupied)
    assert "every search will cost a request" in caplog.text
    assert catalog.search("cat").total == catalog.search("cat").total == 8
    assert len(server.log) == 2


def test_a_cache_that_breaks_does_not_break_the_search(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    first = catalog.search("cat")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            file.write_bytes(b"no longer what it was" * 100)
    assert catalog.search("cat") == first


@pytest.mark.parametrize(
    "content", ["{}", "[]", "null", '{"headers": 5, "status_code": "x"}', '{"_content": [], "request": []}']
)
def test_kept_answers_of_another_form_are_asked_for_again(
    connect: Open, server: Unsplash, tmp_path: Path, content: str
) -> None:
    catalog = connect(cache=tmp_path)
    first = catalog.search("cat")
    (kept,) = tmp_path.rglob("*.json")
    kept.write_text(content)
    assert catalog.search("cat") == first
    assert len(server.log) == 2
    assert catalog.search("cat") == first
    assert len(server.log) == 2


def test_an_answer_that_cannot_be_written_costs_one_request(
    connect: Open, server: Unsplash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = connect(cache=tmp_path)

    def full(*_: object, **__: object) -> None:
        raise KeyError("no space left on device")

    monkeypatch.setattr("requests_cache.backends.filesystem.LRUFileDict.__setitem__", full)
    assert catalog.search("cat").total == 8
    assert len(server.log) == 1


def test_a_stale_answer_is_confirmed(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    """Given an answer that is no longer fresh, when Unsplash says that nothing changed (304), then it is used."""
    catalog = connect(cache=tmp_path)
    first = catalog.search("stale")
    assert catalog.search("stale") == first
    assert [("if-none-match" in request.headers) for request in server.log] == [False, True]
    assert catalog.remaining == 48


# The key


def test_key_is_in_the_header_and_nowhere_else(
    connect: Open, server: Unsplash, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    catalog = connect(cache=tmp_path, timeout=SHORT)
    photo = catalog.search("cat").photos[0]
    catalog.photo(photo.id)
    catalog.random()
    catalog.track_download(photo)
    catalog.read(photo)
    errors = []
    for word in ("fail401", "fail403", "fail500", "ratelimit", "slow", "cut", "hangup", "garbage"):
        with pytest.raises(CatalogError) as caught:
            catalog.search(word)
        errors.append(caught.value)

    for request in server.log:
        assert KEY not in request.target
        assert (KEY in request.headers.get("authorization", "")) == (request.kind == "api")
        assert not [name for name, value in request.headers.items() if KEY in value and name != "authorization"]
    assert KEY not in caplog.text
    assert KEY not in repr(catalog) + str(catalog) + repr(photo)
    assert not [error for error in errors if KEY in _all_of(error)]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if KEY.encode() in file.read_bytes() or KEY in file.name]


def _all_of(error: BaseException | None, depth: int = 5) -> str:
    """Everything that a report on an error could print: texts, attributes and what it was raised from."""
    if error is None or not depth:
        return ""
    request = getattr(error, "request", None)
    headers = str(getattr(request, "headers", ""))
    chained = _all_of(error.__cause__, depth - 1) + _all_of(error.__context__, depth - 1)
    return repr(error) + str(error) + repr(vars(error)) + headers + chained


def test_errors_are_not_chained_to_requests(connect: Open) -> None:
    for word in ("cut", "hangup", "garbage", "fail500"):
        with pytest.raises(Unavailable) as caught:
            connect().search(word)
        assert caught.value.__context__ is None


@pytest.mark.parametrize("key", ["", "  ", "two words", "new\nline", "naïve"])
def test_a_key_that_cannot_be_one(key: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        UnsplashCatalog(key)
    assert str(caught.value) == "The Unsplash access key is empty, or has characters that no key has."


@pytest.mark.parametrize(
    "base", ["http://api.unsplash.com", "ftp://127.0.0.1", "", "https://", "https://api.unsplash.com/?client_id=1"]
)
def test_the_key_goes_to_no_address_that_could_be_overheard(base: str) -> None:
    with pytest.raises(SettingsError, match=r"^The address of the Unsplash API has to be https"):
        UnsplashCatalog(KEY, base)


def test_a_login_in_netrc_does_not_replace_the_key(
    connect: Open, server: Unsplash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    connect().search("cat")
    assert server.log[-1].headers["authorization"] == f"Client-ID {KEY}"


# One photo


def test_photo_by_id_and_by_slug_has_all_that_is_known(catalog: UnsplashCatalog, server: Unsplash) -> None:
    item = server.stock[4]
    photo = catalog.photo(item.id)
    assert photo.camera == Camera("Canon", "EOS REBEL T3i", "1/250", "3.5", "30.0", 100)
    assert photo.place == "Porto, Portugal"
    assert photo.tags == item.sample.tags
    assert (photo.likes, photo.downloads) == (28, 104)
    assert photo.created_at == "2023-05-05T09:30:00Z"
    assert catalog.photo(item.slug).id == item.id


def test_a_photo_looked_at_twice_costs_one_request(catalog: UnsplashCatalog, server: Unsplash) -> None:
    slug = server.stock[0].slug
    photo = catalog.photo(slug)
    assert catalog.photo(slug) is catalog.photo(photo.id) is photo
    assert len(server.log) == 1


def test_a_photo_is_asked_for_again_after_a_while(
    catalog: UnsplashCatalog, server: Unsplash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unfake.catalog.unsplash.REMEMBER", 0.0)
    for _ in (1, 2):
        catalog.photo(server.stock[0].id)
    assert len(server.log) == 2


def test_photos_in_memory_are_bounded(
    catalog: UnsplashCatalog, server: Unsplash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unfake.catalog.unsplash.REMEMBERED", 2)
    for number in (0, 1, 2, 0):
        catalog.photo(server.stock[number].id)
    assert len(server.log) == 4


@pytest.mark.parametrize(
    ("photo_id", "asked"),
    [("nobody", 1), ("", 0), ("random", 0), ("../search/photos", 0), ("a/download", 0), ("x?client_id=1", 0)],
)
def test_no_such_photo(catalog: UnsplashCatalog, server: Unsplash, photo_id: str, asked: int) -> None:
    with pytest.raises(PhotoNotFound) as caught:
        catalog.photo(photo_id)
    assert str(caught.value) == GONE
    assert len(server.log) == asked


@pytest.mark.parametrize(
    ("photo_id", "error", "sentence"),
    [
        ("fail401", InvalidKey, BAD_KEY),
        ("fail500", Unavailable, TROUBLE.format(500)),
        ("garbage", Unavailable, UNREADABLE),
        ("ratelimit", RateLimited, USED_UP),
    ],
)
def test_failures_of_one_photo(
    catalog: UnsplashCatalog, photo_id: str, error: type[CatalogError], sentence: str
) -> None:
    with pytest.raises(error) as caught:
        catalog.photo(photo_id)
    assert str(caught.value) == sentence


def test_random_photos_are_never_kept(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    first, second = (catalog.random(3, "cat", orientation="landscape") for _ in (1, 2))
    assert len(first) == 3
    assert first != second
    assert len(server.log) == 2
    assert server.log[0].query == {
        "count": "3",
        "query": "cat",
        "orientation": "landscape",
        "content_filter": "high",
    }
    with pytest.raises(PhotoNotFound, match=r"^Unsplash has no photo that fits; try other words\.$"):
        catalog.random(query="zeppelin")


# Credit and odd photos


def test_credit_links_say_who_sends_the_visitor(connect: Open, server: Unsplash) -> None:
    catalog = connect(app="my app")
    photo = catalog.search("cat").photos[0]
    marks = "?utm_source=my+app&utm_medium=referral"
    assert photo.photographer.profile_url == f"{server.url}/site/@{photo.photographer.username}{marks}"
    assert (photo.page_url or "").startswith(f"{server.url}/site/photos/")
    assert (photo.page_url or "").endswith(marks)
    assert catalog.home_url == f"https://unsplash.com/{marks}"


def test_photos_that_say_nothing(catalog: UnsplashCatalog) -> None:
    for photo_id in ("odd-nothing", "odd-missing"):
        photo = catalog.photo(photo_id)
        assert (photo.camera, photo.place, photo.tags, photo.likes) == (None, None, (), None)
        assert photo.kind == "photo"
    nothing = odd(catalog)["nothing"]
    assert (nothing.description, nothing.alt, nothing.colour, nothing.title) == (None, None, None, "Untitled photo")


def test_plus_and_illustrations_are_flagged(catalog: UnsplashCatalog) -> None:
    found = odd(catalog)
    assert {name for name, photo in found.items() if photo.plus} == {"plus"}
    assert {name for name, photo in found.items() if photo.kind == "illustration"} == {"drawing"}
    assert found["plus"].licence == "Unsplash+ License"


def test_names_arrive_as_they_are(catalog: UnsplashCatalog) -> None:
    found = odd(catalog)
    assert found["quotes"].photographer.name == "Ann \"<b>O'Hara</b>"
    assert found["rtl"].photographer.name == "נועה \u202eכהן"
    assert found["emoji"].photographer.name == "🌸 Ume 梅"
    assert json.loads(json.dumps(found["emoji"].to_json()))["description"] == "👩🏽‍🚀🏳️‍🌈"


def raw(**changes: Any) -> dict[str, Any]:
    """The JSON of one good photo of Unsplash's own servers, with changes."""
    urls = {
        name: f"https://images.unsplash.com/photo-1?ixid=a&w={name}" for name in ("full", "regular", "small", "thumb")
    }
    links = {"html": "https://unsplash.com/photos/x", "download_location": "https://api.unsplash.com/photos/x/download"}
    user = {"username": "ana", "name": "Ana", "links": {"html": "https://unsplash.com/@ana"}}
    return {"id": "x", "width": 30, "height": 20, "urls": urls, "links": links, "user": user} | changes


READER = JsonReader("unfake", "https://api.unsplash.com")


def test_links_of_the_real_unsplash() -> None:
    photo = READER.photo(raw())
    assert photo.photographer.profile_url == "https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral"
    assert photo.page_url == "https://unsplash.com/photos/x?utm_source=unfake&utm_medium=referral"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://unsplash.com.evil.example/@ana", None, 7])
def test_links_elsewhere_are_replaced(address: object) -> None:
    photo = READER.photo(raw(user={"username": "a b", "links": {"html": address}}, links={"html": address}))
    assert photo.photographer.profile_url == "https://unsplash.com/@a%20b?utm_source=unfake&utm_medium=referral"
    assert photo.photographer.name == "a b"
    assert photo.page_url == "https://unsplash.com/photos/x?utm_source=unfake&utm_medium=referral"
    assert photo.download_location is None


@pytest.mark.parametrize("user", [None, {}, {"name": None, "username": None, "links": None}])
def test_a_photographer_without_a_name(user: object) -> None:
    photographer = READER.photo(raw(user=user)).photographer
    assert (photographer.name, photographer.username, photographer.profile_url) == (
        "an unnamed photographer",
        None,
        None,
    )


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "http://images.unsplash.com/photo-1",
        "https://images.unsplash.com.evil.example/photo-1",
        "https://images.unsplash.com@evil.example/photo-1",
        "https://evil.example/images.unsplash.com",
        "https://[::1/photo",
        "//images.unsplash.com/photo-1",
        None,
    ],
)
def test_a_picture_elsewhere_is_no_photo(address: object) -> None:
    urls = raw()["urls"] | {"small": address}
    with pytest.raises(Malformed):
        READER.photo(raw(urls=urls))


@pytest.mark.parametrize(
    "entry", [None, [], {}, {"id": "x"}, raw(width=0), raw(height="20"), raw(id=5), raw(urls=None)]
)
def test_malformed_results_are_left_out(entry: object) -> None:
    page = READER.page({"total": 2, "total_pages": 1, "results": [entry, raw()]}, 1, "cat")
    assert [photo.id for photo in page.photos] == ["x"]
    assert page.total == 2


@pytest.mark.parametrize("data", [None, [], {}, {"results": None}, "text"])
def test_what_is_no_page_at_all(data: object) -> None:
    with pytest.raises(Malformed):
        READER.page(data, 1, "cat")


# Pictures


def test_read_gives_the_regular_rendition_and_keeps_ixid(catalog: UnsplashCatalog, server: Unsplash) -> None:
    photo = catalog.search("cat").photos[0]
    with Image.open(io.BytesIO(catalog.read(photo))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (photo.width, photo.height))  # samples are under 1080 px
    asked = server.asked(kind="picture")[0]
    assert server.url + asked.target == photo.urls.regular
    assert asked.query["ixid"] == _ixid(photo)
    assert "webp" not in asked.headers["accept"]


def test_reading_costs_none_of_the_hour(catalog: UnsplashCatalog) -> None:
    photo = catalog.search("cat").photos[0]
    catalog.read(photo)
    assert catalog.remaining == 49


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("gone", PhotoNotFound, "The picture of that photo is no longer on Unsplash."),
        (
            "broken",
            Unavailable,
            "Unsplash's picture server has a problem of its own (status 503); try again in a moment.",
        ),
        (
            "redirect",
            Unavailable,
            "Unsplash's picture server answered with status 302 instead of the picture.",
        ),
        (
            "cut",
            Unavailable,
            "Unsplash's picture server broke off in the middle of its answer; try again in a moment.",
        ),
        ("endless", PictureTooLarge, "The file is too large: the limit is 2 MB."),
        ("empty", EmptyPicture, "The file is empty."),
    ],
)
def test_pictures_that_do_not_come(
    connect: Open, server: Unsplash, name: str, error: type[UnfakeError], sentence: str
) -> None:
    limits = Limits(bytes=2 * 2**20)
    catalog = connect(limits=limits)
    photo = odd(catalog)[name]
    with pytest.raises(error) as caught:
        intake.from_bytes(catalog.read(photo), Source("unsplash", photo.id), limits)
    assert str(caught.value) == sentence
    assert not server.asked("/elsewhere", "picture")


@pytest.mark.parametrize(("name", "error"), [("huge", PictureTooLarge), ("page", UnsupportedPicture)])
def test_pictures_that_intake_refuses(catalog: UnsplashCatalog, name: str, error: type[UnfakeError]) -> None:
    data = catalog.read(odd(catalog)[name])
    with pytest.raises(error):
        intake.from_bytes(data, Source("unsplash", name))


def test_a_picture_that_drips_ends_at_the_deadline(connect: Open, server: Unsplash) -> None:
    catalog = connect(limits=Limits(seconds=SHORT))
    with pytest.raises(Unavailable) as caught:
        catalog.read(odd(catalog)["slow"])
    assert (
        str(caught.value)
        == f"Unsplash's picture server did not answer within {SHORT:g} seconds; try again in a moment."
    )
    assert len(server.asked(kind="picture")) == 1


def test_no_picture_is_fetched_from_elsewhere(catalog: UnsplashCatalog, server: Unsplash) -> None:
    photo = catalog.search("cat").photos[0]
    for address in ("http://127.0.0.1:1/photo-1", "https://evil.example/photo-1", "file:///etc/passwd"):
        moved = dataclasses.replace(photo, urls=dataclasses.replace(photo.urls, regular=address))
        with pytest.raises(PhotoNotFound, match=r"^That photo has no picture on Unsplash\.$"):
            catalog.read(moved)
    with pytest.raises(PhotoNotFound):
        catalog.read(SampleCatalog().photo("hiker"))
    assert not server.asked(kind="picture")


# Downloads


def test_a_download_is_the_file_that_unsplash_names_and_counts(catalog: UnsplashCatalog, server: Unsplash) -> None:
    photo = catalog.search("cat").photos[0]
    server.full[photo.id] = b"the very file"
    assert catalog.download(photo) == b"the very file"
    assert server.downloads == {photo.id: 1}
    assert catalog.read(photo) != b"the very file"
    assert server.downloads == {photo.id: 1}


def test_a_file_that_is_too_large_or_fails_is_not_read_to_its_end(connect: Open, server: Unsplash) -> None:
    catalog = connect(limits=Limits(bytes=2**20))
    photo = catalog.search("cat").photos[0]
    server.full[photo.id] = bytes(2**20 + 1)
    with pytest.raises(PictureTooLarge):
        catalog.download(photo)
    server.full[photo.id] = None
    with pytest.raises(Unavailable, match="status 503"):
        catalog.download(photo)


def test_a_download_is_reported_once_with_its_ixid(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    photo = catalog.search("cat").photos[0]
    address = catalog.track_download(photo)
    item = server.find(photo.id)
    assert item is not None
    assert address.startswith(f"{server.url}{item.picture}?")
    assert server.downloads == {photo.id: 1}
    asked = server.asked(f"/photos/{photo.id}/download")
    assert [request.query for request in asked] == [{"ixid": _ixid(photo)}]
    catalog.track_download(photo)
    assert server.downloads[photo.id] == 2


@pytest.mark.parametrize(
    ("place", "error", "sentence", "requests_made"),
    [
        ("/photos/nobody/download?ixid=1", PhotoNotFound, GONE, 1),
        ("/photos/fail503/download", Unavailable, TROUBLE.format(503), 3),
        ("/photos/cut/download", Unavailable, CUT, 1),
        ("/photos/hangup/download", Unavailable, AWAY, 1),
        ("/photos/garbage/download", Unavailable, UNREADABLE, 1),
        ("/photos/ratelimit/download", RateLimited, USED_UP, 1),
        ("/search/photos?query=cat", PhotoNotFound, "That photo cannot be downloaded from Unsplash.", 0),
        (None, PhotoNotFound, "That photo cannot be downloaded from Unsplash.", 0),
    ],
)
def test_downloads_that_are_not_reported(
    catalog: UnsplashCatalog,
    server: Unsplash,
    place: str | None,
    error: type[CatalogError],
    sentence: str,
    requests_made: int,
) -> None:
    photo = dataclasses.replace(READER.photo(raw()), download_location=place and server.url + place)
    with pytest.raises(error) as caught:
        catalog.track_download(photo)
    assert str(caught.value) == sentence
    assert len(server.log) == requests_made


def test_the_key_goes_to_no_other_host_with_a_download(catalog: UnsplashCatalog, server: Unsplash) -> None:
    photo = catalog.search("cat").photos[0]
    location = f"https://evil.example/photos/{photo.id}/download?ixid=abc"
    catalog.track_download(dataclasses.replace(photo, download_location=location))
    assert server.asked(f"/photos/{photo.id}/download")[0].query == {"ixid": "abc"}


# Several at once


def test_several_threads(connect: Open, server: Unsplash, tmp_path: Path) -> None:
    catalog = connect(cache=tmp_path)
    together = threading.Barrier(6)

    def walk(number: int) -> tuple[str, int]:
        together.wait(10)
        photo = catalog.search("photo", 1 + number % 3, 10).photos[number]
        return catalog.photo(photo.id).id, len(catalog.read(photo))

    with ThreadPoolExecutor(6) as pool:
        walks = list(pool.map(walk, range(6)))
    assert len({photo_id for photo_id, _ in walks}) == 6
    assert all(size > 1000 for _, size in walks)
    assert catalog.remaining is not None


# The local server keeps its word


def ask(server: Unsplash, path: str, **params: int) -> requests.Response:
    headers = {"Authorization": f"Client-ID {KEY}"}
    return requests.get(server.url + path, params=params, headers=headers, timeout=10)


def test_server_pages_with_headers_and_never_repeats_a_key(server: Unsplash) -> None:
    answer = requests.get(f"{server.url}/search/photos?query=photo&page=2&client_id={KEY}", timeout=10)
    assert answer.headers["X-Total"] == str(answer.json()["total"])
    assert answer.headers["X-Per-Page"] == "10"
    assert set(answer.links) == {"first", "prev", "next", "last"}
    assert KEY not in answer.headers["Link"]
    assert len(ask(server, "/photos", per_page=99).json()) == 30


def test_server_says_no_as_recorded(server: Unsplash) -> None:
    refused = requests.get(f"{server.url}/photos", timeout=10)
    assert (refused.status_code, refused.json()) == (401, {"errors": ["OAuth error: The access token is invalid"]})
    assert ask(server, "/search/photos").json() == {"errors": ["query is empty"]}
    assert ask(server, "/photos/nobody").json() == {"errors": ["Couldn't find Photo"]}
    server.remaining = 0
    spent = ask(server, "/photos")
    assert (spent.status_code, spent.text) == (403, "Rate Limit Exceeded")
    assert spent.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("w=100", (100, 100)),
        ("w=100&h=50&fit=crop&crop=top", (100, 50)),
        ("w=100&h=50", (50, 50)),
        ("w=100&h=50&fit=scale", (100, 50)),
        ("w=5000&fit=max", (512, 512)),
        ("w=40&dpr=2", (80, 80)),
        ("rect=10,10,64,32", (64, 32)),
        ("rect=500,500,64,64", (12, 12)),
        ("rect=nonsense&w=-4&q=x", (512, 512)),
    ],
)
def test_server_resizes_like_imgix(server: Unsplash, options: str, size: tuple[int, int]) -> None:
    item = next(item for item in server.stock if item.sample.id == "astronaut")
    answer = requests.get(f"{server.url}{item.picture}?{options}&fm=png", timeout=10)
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", size)


def test_server_quality_and_format(server: Unsplash) -> None:
    address = server.url + server.stock[0].picture
    fine, coarse = (len(requests.get(f"{address}?q={q}", timeout=10).content) for q in (90, 20))
    assert fine > 2 * coarse
    webp = requests.get(f"{address}?auto=format", headers={"Accept": "image/webp"}, timeout=10)
    assert webp.headers["Content-Type"] == "image/webp"


def test_server_stops_with_an_answer_under_way(server: Unsplash) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as waiting:
        waiting.sendall(f"GET /search/photos?query=slow HTTP/1.0\r\nAuthorization: Client-ID {KEY}\r\n\r\n".encode())
        server.wait(1)
        server.stop()
        assert waiting.recv(1) == b""
