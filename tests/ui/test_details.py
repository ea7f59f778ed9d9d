"""A verdict on a photo is there again when the photo is opened again, and is not made anew for it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest

from tests.servers.unsplash import KEY, Unsplash
from unfake.catalog.unsplash import UnsplashCatalog
from unfake.services import Check, Services
from unfake.settings import Settings
from unfake.ui import details
from unfake.ui.details import DetailsTab
from unfake.ui.known import Known

BOB = "b" * 32


@pytest.fixture
def ana() -> str:
    """A visitor's key."""
    return secrets.token_urlsafe(24)


@pytest.fixture(scope="module")
def unsplash() -> Iterator[Unsplash]:
    with Unsplash() as server:
        yield server


@pytest.fixture(scope="module")
def services(unsplash: Unsplash, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    tmp_path = tmp_path_factory.mktemp("cache")
    services = Services(Settings(device="cpu", cache=tmp_path, store=tmp_path / "store.sqlite"))
    services.catalog = UnsplashCatalog(KEY, unsplash.url, backoff=0.0)
    yield services
    services.catalog.close()


@pytest.fixture(scope="module")
def tab(services: Services) -> DetailsTab:
    async def laid_out() -> DetailsTab:
        with gr.Blocks(analytics_enabled=False):
            return details.build(services)

    with ThreadPoolExecutor(1) as own:  # the browser of other tests has a loop in this thread
        return own.submit(asyncio.run, laid_out()).result()


def no_more(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the network may not be asked."""

    def refuse(_: object) -> None:
        raise AssertionError("classified anew")

    monkeypatch.setattr(services._detector.result(), "detect", refuse)


def fetched(unsplash: Unsplash) -> int:
    return len(unsplash.asked(kind="picture"))


def test_a_page_that_is_loaded_again_has_the_verdict_from_the_store(
    tab: DetailsTab, services: Services, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (photo.id for photo in services.search("photo").photos[:2])
    before = details.classify(tab, services, one, ana, Known())
    report = before[tab.examined].report
    no_more(services, monkeypatch)
    again = details.recall(tab, services, one, ana, known := Known())
    assert again[tab.examined].report.probability == report.probability
    assert again[tab.examined].report.picture == report.picture
    for part in ("uf-verdict", "one page to print", ">JSON<", "Find another"):
        assert part in again[tab.panel]
    assert known[one].report == again[tab.examined].report
    assert len(services.history(ana)) == 1  # nothing was done
    # and it is this visitor's, of this photo
    for photo_id, visitor in ((one, BOB), (one, ""), (other, ana), (None, ana), ("nowhere", ana)):
        assert details.recall(tab, services, photo_id, visitor, Known())[tab.examined] == gr.skip()


def test_another_picture_or_checkpoint_is_not_what_the_verdict_was_on(
    tab: DetailsTab, services: Services, unsplash: Unsplash, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = services.search("photo").photos[0].id
    details.classify(tab, services, photo_id, ana, Known())
    no_more(services, monkeypatch)
    picture = services.catalog.read(services.photo(photo_id))
    read = services.catalog.read
    monkeypatch.setattr(services.catalog, "read", lambda photo: picture + b"\0")
    assert services.seen_photo(photo_id, ana) is None
    monkeypatch.setattr(services.catalog, "read", read)
    assert services.seen_photo(photo_id, ana) is not None
    # with other thresholds it is kept under another key
    monkeypatch.setattr("unfake.services.verdict_key", lambda checkpoint: f"{checkpoint.id}+other")
    assert services.seen_photo(photo_id, ana) is None


def test_what_a_scan_found_stands_in_the_history_and_is_told_again(
    tab: DetailsTab, services: Services, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = services.search("photo", per_page=2).photos
    found = list(services.scan(photos, ana))
    assert {entry.name for entry in services.history(ana)} == {photo.id for photo in photos}
    no_more(services, monkeypatch)
    for check in found:
        again = services.seen_photo(check.photo.id, ana)
        assert again is not None
        assert check.report is not None
        assert again.report.probability == check.report.probability


def test_back_to_a_photo_fetches_nothing(
    tab: DetailsTab, services: Services, unsplash: Unsplash, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id, known = services.search("photo").photos[0].id, Known()
    first = details.classify(tab, services, photo_id, ana, known)
    no_more(services, monkeypatch)
    before = fetched(unsplash)
    opened = details.open_photo(tab, services, photo_id, known)
    assert opened[tab.panel] == first[tab.panel]
    assert opened[tab.examined].report == first[tab.examined].report
    assert details.recall(tab, services, photo_id, ana, known)[tab.panel] == gr.skip()
    assert fetched(unsplash) == before
    # a doubtful one asks before the download, on the verdict that is known
    asked = details.download(tab, services, photo_id, opened[tab.examined], ana, known)
    assert fetched(unsplash) == before or "uf-taken" in asked[tab.panel]


def test_a_photo_without_a_verdict_has_none(tab: DetailsTab, services: Services) -> None:
    photo = services.search("photo").photos[0]
    known = Known()
    known.add(Check(photo, None, "not there"))
    opened = details.open_photo(tab, services, photo.id, known)
    assert (opened[tab.panel], opened[tab.examined]) == ("", None)
