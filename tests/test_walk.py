"""The whole way in a real browser, against a local Unsplash: search, scan, look, classify, download.

Widths and themes are crossed: `test_the_whole_way` goes all of it at 1280 px in the dark theme by keyboard alone, and
at 390 px in the light one by pointer; the other tests go its parts, with what can go wrong, at 1280 px light and 390 px
dark.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from gradio_client import Client
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import SAMPLES, Theme, opened, running_app, settled
from tests.evidence import files
from tests.gestures import drop, paste_stripes
from tests.servers.pictures import PictureServer
from tests.servers.unsplash import KEY, Unsplash
from unfake import intake
from unfake.detector.checkpoint import load_folder
from unfake.detector.detector import Detector


@pytest.fixture(scope="module")
def unsplash() -> Iterator[Unsplash]:
    with Unsplash(limit=5000) as server:
        yield server


@pytest.fixture(scope="module")
def checkpoint(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy with thresholds under which the samples get all three labels."""
    folder = tmp_path_factory.mktemp("model") / "thirds"
    shutil.copytree(toy, folder)
    detector = Detector.load(load_folder(folder), "cpu")
    pictures = [intake.from_path(path) for path in sorted(SAMPLES.glob("*.jpg"))]
    found = sorted(detector.detect(picture.pixels).verdict.probability or 0.0 for picture in pictures)
    config = json.loads((folder / "config.json").read_text())
    limits = {"likely_real": found[len(found) // 3], "likely_fake": found[2 * len(found) // 3]}
    config["thresholds"] = limits | {"reencoding": False}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def address(unsplash: Unsplash, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cache = tmp_path_factory.mktemp("cache")
    # pictures may come from this machine here, as they never may in the app
    command = (
        "-c",
        "import functools, runpy; from unfake import intake;"
        "intake.from_url = functools.partial(intake.from_url, public_only=False);"
        "runpy.run_path('app.py', run_name='__main__')",
    )
    settings = {
        "UNFAKE_UNSPLASH_URL": unsplash.url,
        "UNSPLASH_ACCESS_KEY": KEY,
        "UNFAKE_MODEL": str(checkpoint),
        "UNFAKE_FETCH_SECONDS": "3",
    }
    with running_app(cache, command=command, **settings) as found:
        yield found
        assert KEY not in (cache / "app.log").read_text()


@contextmanager
def themed(browser: Browser, address: str, unsplash: Unsplash, size: tuple[int, int], theme: Theme) -> Iterator[Page]:
    """The page in a browser of a system with that theme."""
    with opened(browser, address, *size, unsplash.url, theme=theme, still=True) as found:
        yield found


@pytest.fixture(params=[((1280, 900), "light"), ((390, 844), "dark")], ids=["desktop-light", "phone-dark"])
def page(browser: Browser, address: str, unsplash: Unsplash, request: pytest.FixtureRequest) -> Iterator[Page]:
    with themed(browser, address, unsplash, *request.param) as found:
        yield found


def search(page: Page, words: str) -> None:
    page.get_by_role("tab", name="Search").click()
    settled(page)  # or what arrives late would take the place of the words
    page.locator("#query textarea, #query input").fill(words)
    page.locator("#go").click()


def test_pictures_are_hotlinked_and_credited(page: Page, unsplash: Unsplash) -> None:
    search(page, "photo")
    tiles = page.locator("#gallery .uf-tile")
    expect(tiles).to_have_count(12)
    expect(page.locator("#gallery .uf-count")).to_contain_text("80 pictures")
    page.locator("#more").click()
    expect(tiles).to_have_count(24)
    for picture in page.locator("#gallery img").all():
        assert (picture.get_attribute("src") or "").startswith(unsplash.url)
    credit = tiles.first.locator("p a").first
    assert "utm_source=unfake" in (credit.get_attribute("href") or "")
    expect(tiles.first).to_contain_text("Photo by")
    expect(tiles.first.get_by_role("link", name="Unsplash")).to_be_visible()


def test_nothing_found_is_said(page: Page) -> None:
    search(page, "zzzzqqqq")
    said, tiles = page.locator("#gallery .uf-empty"), page.locator("#gallery .uf-tile")
    expect(said).to_contain_text("Nothing found")
    expect(said).to_be_focused()
    expect(page.locator("#scan")).to_be_hidden()
    # a search of spaces fails, and stands alone
    search(page, "   ")
    expect(said).to_contain_text("Unsplash searches by words")
    expect(said).to_have_count(1)
    expect(said).to_be_focused()
    # each leads on to a search that finds something
    for words in ("   ", "zzzzqqqq"):
        search(page, words)
        said.get_by_role("link").click()
        expect(page.locator("#gallery [data-heading]")).to_be_focused()
        expect(tiles).not_to_have_count(0)


@pytest.mark.parametrize(
    ("words", "sentence"), [("fail500", "status 500"), ("spam", "Unsplash"), ("ratelimit", "used up")]
)
def test_an_outage_is_said_and_the_rest_works(page: Page, words: str, sentence: str) -> None:
    search(page, words)
    expect(page.locator("#gallery .uf-error")).to_contain_text(sentence)
    expect(page.locator("#more")).to_be_hidden()
    search(page, "photo")
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    # what was found before stays where a later search fails
    search(page, words)
    error = page.locator("#gallery .uf-error")
    expect(error).to_contain_text(sentence)
    expect(error).to_be_focused()
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    expect(error.get_by_role("link").first).to_have_attribute(
        "href", "?q=landscape" if words == "spam" else f"?q={words}"
    )


def stand_in_order(*places: Locator) -> None:
    """One stands below the other."""
    tops = [place.evaluate("element => element.getBoundingClientRect().top") for place in places]
    assert tops == sorted(tops)


def find_another_after_a_reload(page: Page, last: str) -> None:
    """The answer to what is asked before a download leads back to the last search; it is scanned anew."""
    page.reload()
    page.locator("#download-photo").click()
    page.locator("#another").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    assert page.url.endswith(last)
    page.locator("#scan").click()
    expect(page.locator("#gallery .uf-badge")).to_have_count(12)
    expect(page.locator("#stop")).to_be_hidden()


def test_the_way_from_search_to_download(page: Page, unsplash: Unsplash) -> None:
    search(page, "photo")
    tiles = page.locator("#gallery .uf-tile")
    expect(tiles).to_have_count(12)
    # scan: every picture gets its badge, and those likely generated can be hidden
    page.locator("#scan").click()
    expect(page.locator("#gallery .uf-badge")).to_have_count(12)
    expect(page.locator("#progress")).to_contain_text("likely")
    likely_fake = page.locator("#gallery .uf-badge.uf-likely_fake").count()
    page.locator("#hide input").check()
    expect(tiles).to_have_count(12 - likely_fake)
    page.locator("#hide input").uncheck()
    expect(tiles).to_have_count(12)
    # a picture that is likely real is downloaded at once
    counted = sum(unsplash.downloads.values())
    page.locator("#gallery .uf-tile", has=page.locator(".uf-likely_real")).first.locator("a").first.click()
    expect(page.locator("#details .uf-details")).to_contain_text("px")
    taken = page.locator("#download .uf-taken")
    with page.expect_download() as arriving:
        page.locator("#download-photo").click()
    assert sum(unsplash.downloads.values()) == counted + 1
    assert arriving.value.suggested_filename == taken.locator("a.uf-start").get_attribute("download")
    # the verdict that it rests on stays, under the proof and above what is said of its stability
    stand_in_order(taken, page.locator("#download .uf-verdict"), page.locator("#photo-stability"))
    with page.expect_download() as saving:
        taken.get_by_text("JSON").click()
    record = json.loads(saving.value.path().read_text())
    assert record["schema"] == "unfake.record/2"
    assert record["picture"]["sha256"] == hashlib.sha256(arriving.value.path().read_bytes()).hexdigest()
    assert record["checked_copy"]["verdict"]["label"] == "likely_real"
    assert "on Unsplash" in record["credit"]["text"]
    # a doubtful one asks first, and is not counted until the answer
    page.go_back()
    doubtful = page.locator("#gallery .uf-tile", has=page.locator(".uf-likely_fake, .uf-inconclusive"))
    doubtful.first.locator("a").first.click()
    page.locator("#download-photo").click()
    expect(page.locator("#question .uf-stakes")).to_contain_text("Download it anyway?")
    expect(page.locator("#anyway")).to_be_in_viewport()
    expect(page.locator("#another")).to_be_in_viewport()
    shown = page.locator("#download .uf-verdict")
    assert (shown.locator("img.uf-picture").get_attribute("src") or "").startswith(unsplash.url)
    expect(shown).to_contain_text("on Unsplash")
    assert sum(unsplash.downloads.values()) == counted + 1
    find_another_after_a_reload(page, "?q=photo")
    doubtful.first.locator("a").first.click()
    expect(page.locator("#download .uf-verdict")).to_be_visible()  # known from before
    page.locator("#download-photo").click()
    page.locator("#anyway").click()
    expect(taken).to_be_visible()
    expect(page.locator("#question section")).to_have_count(0)
    assert sum(unsplash.downloads.values()) == counted + 2


def test_a_scan_survives_pictures_that_cannot_be_had(page: Page) -> None:
    search(page, "odd")
    expect(page.locator("#gallery .uf-tile")).not_to_have_count(0)
    page.locator("#scan").click()
    expect(page.locator("#progress")).to_contain_text("could not be fetched", timeout=60_000)
    badges = page.locator("#gallery .uf-badge")
    expect(badges).to_have_count(page.locator("#gallery .uf-tile").count())
    expect(badges.filter(has_text="not checked").first).to_be_visible()
    expect(badges.filter(has_text="no verdict").first).to_be_visible()  # an illustration


def test_a_scan_can_be_stopped_and_gone_on_with(page: Page) -> None:
    search(page, "odd")
    page.locator("#more").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(16)  # one of these pictures is slow to come
    page.locator("#scan").click()
    with page.expect_response("**/reset"):  # the last of what Gradio sends to end an event
        page.locator("#stop").click()
    expect(page.locator("#progress")).to_contain_text("Stopped")
    expect(page.locator("#stop")).to_be_hidden()
    page.locator("#scan").click()
    expect(page.locator("#gallery .uf-badge")).to_have_count(page.locator("#gallery .uf-tile").count())


def test_a_download_stands_in_the_history_and_leads_back(page: Page) -> None:
    search(page, "photo")
    page.locator("#gallery [data-photo]").nth(1).click()
    expect(page.locator("#details h2")).to_be_focused()
    title = page.locator("#details h2").inner_text()
    page.locator("#download-photo").click()
    taken, anyway = page.locator("#download .uf-taken"), page.locator("#anyway")
    expect(taken.or_(anyway)).to_be_visible()
    if anyway.is_visible():
        anyway.click()
    expect(taken).to_be_visible()
    page.get_by_role("tab", name="History").click()
    back = page.locator("#history tr", has_text="downloaded").first.locator("a")
    expect(back).to_have_text(title)
    back.click()
    expect(page.locator("#details .uf-details")).to_be_visible()
    assert "?photo=" in page.url


@dataclass
class Hands:
    """How a visitor does things on the page: by pointer, or by ``keyboard`` alone."""

    page: Page
    keyboard: bool
    theme: Theme

    def go(self, target: Locator, key: str = "Enter", *, back: bool = False) -> None:
        """Press what is named; by keyboard it is reached by Tab, or ``back`` by Shift+Tab."""
        if not self.keyboard:
            target.click()
            return
        self.reach(target, back=back)
        self.page.keyboard.press(key)

    def reach(self, target: Locator, *, back: bool = False) -> None:
        """Press Tab until the focus is there; it has to be seen where it is."""
        for _ in range(400):
            if target.evaluate("element => element === document.activeElement"):
                break
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        expect(target).to_be_focused()
        expect(target).to_be_in_viewport()
        assert target.evaluate("element => element.matches(':focus-visible')")

    def type(self, field: Locator, text: str, *, back: bool = False) -> None:
        """Put the text into a field."""
        if self.keyboard:
            self.reach(field, back=back)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
            self.page.keyboard.press("Enter")
        else:
            field.fill(text)

    def tab(self, name: str) -> None:
        """Open a tab; by arrow keys from the one that is open."""
        wanted, page = self.page.get_by_role("tab", name=name), self.page
        if self.keyboard:
            self.reach(page.locator("[role=tab][aria-selected=true]"), back=True)
            while wanted.get_attribute("aria-selected") != "true":
                page.keyboard.press("ArrowRight")
            expect(wanted).to_be_focused()
        else:
            wanted.click()
        expect(page.locator(f"#place-{name.lower()} h2").first).to_be_visible()

    def files(self, paths: list[Path]) -> None:
        """Choose files from the disk."""
        with self.page.expect_file_chooser() as choosing:
            self.go(self.page.locator("#picture button").filter(has_text="Drop"), back=True)
        choosing.value.set_files(paths)

    def stands(self, step: str) -> None:
        """After each step nothing is wider than the window, and the theme is the system's."""
        settled(self.page)
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), step
        bright = self.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)[0] > 127")
        assert bright == (self.theme == "light"), step


@pytest.mark.parametrize(
    ("size", "theme", "keyboard"),
    [((1280, 800), "dark", True), ((390, 844), "light", False)],
    ids=["desktop-dark-keyboard", "phone-light-pointer"],
)
def test_the_whole_way(
    browser: Browser, address: str, unsplash: Unsplash, size: tuple[int, int], theme: Theme, keyboard: bool
) -> None:
    with themed(browser, address, unsplash, size, theme) as page:
        hands = Hands(page, keyboard, theme)
        hands.stands("home")
        find_a_photo(hands)
        take_photos(hands)
        come_back(hands)
        bring_ones_own(hands)


def find_a_photo(hands: Hands) -> None:
    """From home to a verdict on photo 41, and back to the same place."""
    page, tiles = hands.page, hands.page.locator("#gallery .uf-tile")
    hands.go(page.get_by_role("link", name="Get started"))
    expect(page.locator("#place-search h2")).to_be_focused()
    hands.stands("search")
    hands.type(page.locator("#query textarea, #query input"), "photo")
    if not hands.keyboard:
        page.locator("#go").click()
    heading = page.locator("#gallery [data-heading]")
    expect(heading).to_be_focused()
    hands.stands("results")
    hands.go(page.locator("#scan"), back=True)
    expect(page.locator("#gallery .uf-badge")).to_have_count(12)
    expect(page.locator("#stop")).to_be_hidden()
    hands.stands("scanned")
    for count in (24, 36, 48):
        hands.go(page.locator("#more"))
        expect(tiles).to_have_count(count)
        expect(tiles.nth(count - 12).locator("[data-photo]")).to_be_focused()
    photo = tiles.nth(40).locator("[data-photo]")
    hands.go(photo)
    title = page.locator("#details h2")
    expect(title).to_be_focused()
    hands.stands("photo 41")
    hands.go(page.locator("#classify-photo"))
    expect(page.locator("#download .uf-verdict h2")).to_be_focused()
    hands.stands("verdict")
    page.go_back()
    expect(photo).to_be_focused()
    expect(photo).to_be_in_viewport()
    expect(tiles.nth(40).locator(".uf-badge")).to_be_visible()
    hands.stands("back")


def take_photos(hands: Hands) -> None:
    """Download one that is likely real and one that is doubtful, each with its proof."""
    page = hands.page
    for label, asked in ((".uf-likely_real", False), (".uf-likely_fake", True)):
        photo = page.locator("#gallery .uf-tile", has=page.locator(label)).first.locator("[data-photo]")
        hands.go(photo, back=not asked)  # from photo 41, and then from the one before
        expect(page.locator("#details h2")).to_be_focused()
        with page.expect_download() as arriving:
            hands.go(page.locator("#download-photo"))
            if asked:
                expect(page.locator("#question h3")).to_be_focused()
                expect(page.locator("#anyway")).to_be_in_viewport()
                hands.stands("question")
                hands.go(page.locator("#anyway"))
        taken = page.locator("#download .uf-taken")
        expect(taken.locator("h3")).to_be_focused()
        hands.stands("taken" + label)
        with page.expect_download() as saving:
            hands.go(taken.get_by_role("link", name="JSON"))
        record = json.loads(saving.value.path().read_text())
        assert record["picture"]["sha256"] == hashlib.sha256(arriving.value.path().read_bytes()).hexdigest()
        assert record["picture"]["file_name"] == arriving.value.suggested_filename
        if not asked:
            page.go_back()
            expect(page.locator("#gallery [data-photo]").first).to_be_visible()


def come_back(hands: Hands) -> None:
    """A reload keeps photo and verdict, and the history leads back to a photo."""
    page = hands.page
    title = page.locator("#details h2").inner_text()
    page.reload()
    expect(page.locator("#details h2")).to_be_focused()
    expect(page.locator("#details h2")).to_have_text(title)
    expect(page.locator("#download .uf-verdict")).to_be_visible()
    hands.stands("reloaded")
    hands.tab("History")
    rows = page.locator("#history tbody tr")
    expect(rows).to_have_count(12 + 1 + 2)  # a scan, photo 41, and two downloads of photos that the scan knew
    hands.stands("history")
    link = rows.nth(2).locator("a")
    title = link.inner_text()
    hands.go(link)
    expect(page.locator("#details h2")).to_have_text(title)
    expect(page.locator("#details h2")).to_be_focused()
    expect(page.locator("#download .uf-verdict")).to_be_visible()
    hands.stands("back from history")


def bring_ones_own(hands: Hands) -> None:
    """One's own picture from the disk, dropped, pasted, by its address, and several at once."""
    page, verdict = hands.page, hands.page.locator("#verdict .uf-verdict")
    hands.tab("Classify")
    if hands.keyboard:
        hands.files([SAMPLES / "espresso.jpg"])
    else:
        drop(page, SAMPLES / "espresso.jpg")
    expect(verdict).to_contain_text("600 × 400 px, JPEG")
    expect(verdict.locator("h2")).to_be_focused()
    hands.stands("own")
    paste_stripes(page)
    expect(verdict).to_contain_text("300 × 300 px, PNG")
    expect(verdict.locator("h2")).to_be_focused()
    hands.stands("pasted")
    with PictureServer() as server:
        server.photo = (SAMPLES / "pagoda.jpg").read_bytes()
        hands.type(page.locator("#address textarea, #address input"), server.url("/photo.jpg"), back=True)
        if not hands.keyboard:
            page.locator("#check-address").click()
        expect(verdict).to_contain_text("JPEG, 89 KB")
        expect(verdict.locator("h2")).to_be_focused()
        hands.stands("address")
        # the history leads back to what was checked by its address; of files nothing is kept
        hands.tab("History")
        rows = page.locator("#history tbody tr")
        expect(rows.nth(1).locator("a")).to_have_count(0)
        hands.go(rows.first.get_by_role("link", name=server.url("/photo.jpg")))
        expect(verdict.locator("h2")).to_be_focused()
        expect(verdict).to_contain_text("JPEG, 89 KB")
    hands.files(sorted(SAMPLES.glob("*.jpg"))[:6])
    expect(page.locator("#verdict tbody tr")).to_have_count(6)
    expect(page.locator("#verdict [data-heading]")).to_be_focused()
    hands.stands("batch")


def test_back_leads_to_the_same_place_and_a_reload_stays(page: Page) -> None:
    search(page, "photo")
    tiles = page.locator("#gallery .uf-tile")
    expect(tiles).to_have_count(12)
    page.locator("#more").click()
    expect(tiles).to_have_count(24)
    tiles.nth(20).scroll_into_view_if_needed()
    place = page.evaluate("window.scrollY")
    assert place > 0
    tiles.nth(20).locator("[data-photo]").click()
    title = page.locator("#details h2")
    expect(title).to_be_focused()
    said = title.inner_text()
    page.go_back()
    expect(tiles).to_have_count(24)
    expect(tiles.nth(20)).to_be_in_viewport()
    assert abs(page.evaluate("window.scrollY") - place) < 100
    page.go_forward()
    expect(title).to_be_focused()
    page.reload()
    expect(title).to_have_text(said)
    page.go_back()
    expect(tiles).to_have_count(12)
    assert page.url.endswith("?q=photo")
    # and the other tab still knows what it showed
    page.go_forward()
    expect(title).to_be_focused()
    page.reload()
    expect(title).to_be_focused()
    page.get_by_role("tab", name="Search").click()
    expect(tiles).to_have_count(12)
    assert page.url.endswith("?q=photo")
    page.reload()
    expect(tiles).to_have_count(12)
    page.get_by_role("tab", name="Details").click()
    expect(title).to_have_text(said)


def test_what_was_brought_last_is_answered(page: Page) -> None:
    verdict, none = page.locator("#verdict .uf-verdict"), re.compile(r"\?tab=classify$")
    box, field = page.locator("#address textarea, #address input"), page.locator("#picture input[type=file]")
    page.get_by_role("tab", name="Classify").click()
    with PictureServer() as server:
        server.photo = (SAMPLES / "pagoda.jpg").read_bytes()
        # a file, while an address is slow to answer
        box.fill(server.url("/drip"))
        page.locator("#check-address").click()
        expect(page).to_have_url(re.compile("drip"))
        field.set_input_files(SAMPLES / "espresso.jpg")
        expect(verdict).to_contain_text("600 × 400 px")
        expect(page).to_have_url(none)
        expect(box).to_have_value("")
        # an address, while many files are looked at
        field.set_input_files(sorted(SAMPLES.glob("*.jpg")) * 8)
        expect(page.locator("#stop-batch")).to_be_visible()
        box.fill(server.url("/photo.jpg"))
        page.locator("#check-address").click()
        expect(verdict).to_contain_text("JPEG, 89 KB")
        expect(page.locator("#stop-batch")).to_be_hidden()
        expect(page).to_have_url(re.compile("address="))
    settled(page)
    expect(verdict).to_contain_text("JPEG, 89 KB")


def test_the_latest_click_wins(page: Page) -> None:
    search(page, "photo")
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    chosen = [page.locator("#gallery [data-photo]").nth(i).get_attribute("data-photo") for i in (1, 5, 8)]
    chosen += chosen[:2] + chosen  # many clicks, faster than any answer
    page.evaluate("ids => ids.forEach(id => document.querySelector(`[data-photo='${id}']`).click())", chosen)
    last = page.locator(f"#gallery [data-photo='{chosen[-1]}'] img").get_attribute("alt")
    assert last is not None
    expect(page.locator("#details figure img")).to_have_attribute("alt", last)


def test_the_key_never_reaches_the_browser(page: Page, address: str) -> None:
    search(page, "photo")
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    assert KEY not in page.content()
    client = Client(address, verbose=False)
    assert KEY not in json.dumps(client.predict(api_name="/status"))
    assert client.predict(api_name="/status")["catalog"]["remaining"] < 5000
    client.close()


def test_a_program_downloads_the_file_that_the_record_is_on(unsplash: Unsplash, address: str, tmp_path: Path) -> None:
    client = Client(address, verbose=False, download_files=tmp_path)
    photo = client.predict("photo", 4, 1, api_name="/search")["photos"][0]
    stated = files.png({"parameters": files.A1111})
    for whole in (None, stated):
        if whole:
            unsplash.full[photo["id"]] = whole
        saved, record = client.predict(photo["id"], api_name="/download")
        content = Path(saved).read_bytes()
        assert record["picture"]["sha256"] == hashlib.sha256(content).hexdigest()
        assert Path(saved).name == record["picture"]["file_name"]
    assert (content, Path(saved).suffix) == (stated, ".png")
    assert (record["verdict"]["label"], record["verdict"]["ground"]) == ("declared_ai", "stated")
    assert record["first"]
    client.close()
    del unsplash.full[photo["id"]]


def test_a_download_is_sent_as_an_attachment_whatever_asks_for_it(page: Page, address: str) -> None:
    search(page, "photo")
    page.locator("#gallery [data-photo]").first.click()
    page.locator("#download-photo").click()
    start = page.locator("#download a.uf-start")
    expect(start.or_(page.locator("#anyway"))).to_be_visible()
    if page.locator("#anyway").is_visible():
        page.locator("#anyway").click()
    expect(start).to_be_visible()
    place = f"{address}/{start.get_attribute('href')}"
    for headers in ({}, {"Range": "bytes=0-99"}):
        answer = requests.get(place, headers=headers, timeout=30)
        disposition = f"attachment; filename*=utf-8''{start.get_attribute('download')}"
        assert (answer.ok, answer.headers["Content-Disposition"]) == (True, disposition)
    assert "attachment" not in requests.get(f"{address}/gradio_api/file=nowhere.jpg", timeout=30).headers


def test_the_app_fetches_pictures_only_to_classify(unsplash: Unsplash, address: str) -> None:
    def fetched() -> int:
        agents = [request.headers.get("user-agent", "") for request in unsplash.asked(kind="picture")]
        return sum("Mozilla" not in agent for agent in agents)

    client = Client(address, verbose=False)
    before = fetched()
    found = client.predict("photo", 3, 5, "", "", "", api_name="/search")
    photo = client.predict(found["photos"][0]["id"], api_name="/photo")
    assert fetched() == before
    client.predict(photo["id"], api_name="/classify_photo")
    assert fetched() == before + 1
    client.close()
