"""The page in a real browser."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, opened, settled
from tests.gestures import drop, paste_stripes

pillow_heif.register_heif_opener()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, app_url, *request.param) as found:
        yield found


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("name", ["astronaut.jpg", "golden-light.jpg"])
def test_a_dropped_picture_gets_its_verdict(page: Page, name: str) -> None:
    # when the file is dropped on the input, as from a desktop
    tab(page, "Classify")
    drop(page, SAMPLES / name)
    # then the verdict, the probability, the heat map and the checkpoint are there
    verdict = page.locator(".uf-verdict")
    expect(verdict).to_be_visible()
    assert verdict.get_attribute("data-label") in {"likely_real", "inconclusive", "likely_fake"}
    expect(verdict).to_contain_text("unfake-toy@")
    # the map comes only when it is asked for
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0")
    verdict.get_by_label("Show where it looked").check()
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0.75")
    # and what the verdict rests on, and what the file says of itself, stand in it
    expect(verdict.locator(".uf-ground")).to_contain_text("a neural network sees")
    expect(verdict.locator(".uf-said li").first).to_be_visible()


def test_the_walk_from_search_to_verdict(page: Page) -> None:
    page.get_by_role("link", name="Get started").click()
    page.locator("#suggestions a", has_text="portrait").click()
    expect(page.locator("#gallery .uf-count")).to_contain_text("for “portrait”")
    page.locator("#query textarea, #query input").fill("")
    page.locator("#go").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    page.locator("#more").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(20)
    expect(page.locator("#more")).to_be_hidden()
    page.locator('#gallery [data-photo="pagoda"]').click()
    expect(page.locator("#details .uf-details")).to_contain_text("the verdict names its author")
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-truth")).to_contain_text("a real photograph")
    expect(page.locator("#download .uf-verdict")).to_be_in_viewport()
    expect(page.locator("#download-photo")).to_be_visible()


def test_a_bad_address_is_answered_in_a_sentence_and_stays_in_its_box(page: Page) -> None:
    tab(page, "Classify")
    box = page.locator("#address textarea, #address input")
    box.fill("http://127.0.0.1:1/a.jpg")
    page.locator("#check-address").click()
    expect(page.locator("#verdict .uf-error")).to_contain_text("Not classified")
    expect(page.locator("#verdict .uf-error")).to_be_in_viewport()
    expect(page.locator("#verdict .uf-error")).to_be_focused()
    expect(box).to_have_value("http://127.0.0.1:1/a.jpg")


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for name in ("Home", "Search", "Details", "Classify", "History", "About"):
        tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def test_about_shows_the_model_card(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about h1, #about h2").first).to_be_visible()
    source = page.locator("#about td [title=danhammo6_zimage]").first
    box = source.bounding_box()
    assert box is not None
    assert box["width"] > 2 * box["height"]  # on one line, also on a phone
    plots = page.locator("#about img")
    expect(plots).to_have_count(3)
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        assert plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
        assert plot.get_attribute("alt")


def test_the_history_is_this_browsers_own(page: Page, browser: Browser, app_url: str) -> None:
    # the browser has its key once the page has loaded
    page.wait_for_function("localStorage.getItem('unfake-key')")
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator(".uf-verdict")).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history td", has_text="espresso.jpg")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_text("Save as CSV").click()
    assert '"espresso.jpg"' in saving.value.path().read_text(encoding="utf-8-sig")
    # another browser sees nothing of it
    with opened(browser, app_url, 1280, 900) as other:
        other.get_by_role("tab", name="History").click()
        expect(other.locator("#history")).to_contain_text("Nothing here yet")
    # the same one does, after a reload, until it is cleared
    page.reload()
    row = page.locator("#history tr", has_text="espresso.jpg")
    expect(row).to_be_visible()
    # its thumbnail was kept by this browser, not by the server
    expect(row.locator(".uf-thumb img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    # and clearing asks first
    clear, keep = page.locator("#clear-history"), page.locator("#clear-keep")
    clear.click()
    expect(keep).to_be_focused()
    keep.click()
    expect(row).to_be_visible()
    expect(clear).to_be_focused()
    clear.click()
    page.locator("#clear-sure").click()
    expect(page.locator("#history .uf-empty")).to_contain_text("Nothing here yet")
    expect(page.locator("#history .uf-empty")).to_be_focused()
    expect(clear).to_be_hidden()  # there is nothing to clear


def test_a_picture_from_the_webcam(page: Page) -> None:
    tab(page, "Classify")
    page.locator("#camera-fold button").first.click()
    page.locator("#camera button", has_text="access").click()
    page.wait_for_function("document.querySelector('#camera video')?.readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    page.get_by_role("button", name="capture photo", exact=True).click()
    expect(page.locator(".uf-verdict")).to_contain_text("px, PNG")


def test_a_picture_from_the_clipboard(page: Page) -> None:
    tab(page, "Classify")
    paste_stripes(page)
    expect(page.locator(".uf-verdict")).to_contain_text("300 × 300 px, PNG")


@pytest.mark.parametrize("name", ["photo.jpg_large", "photo.mpo", "photo"])
def test_a_picture_is_taken_by_its_bytes(page: Page, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((SAMPLES / "espresso.jpg").read_bytes())
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator(".uf-verdict")).to_contain_text("600 × 400 px, JPEG")


@pytest.mark.parametrize("ending", ["heic", "tiff"])
def test_pictures_that_a_browser_cannot_show(page: Page, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"espresso.{ending}"
    with Image.open(SAMPLES / "espresso.jpg") as sample:
        sample.save(path)
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator(".uf-verdict img.uf-picture")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    expect(page.locator(".uf-verdict")).to_contain_text(f"600 × 400 px, {ending.upper()}")


def test_what_is_no_picture_takes_the_place_of_the_old_answer(page: Page, tmp_path: Path) -> None:
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator("#verdict .uf-verdict")).to_be_visible()
    paper = tmp_path / "letter.pdf"
    paper.write_bytes(b"%PDF-1.7 nothing to see")
    page.locator("#picture input[type=file]").set_input_files(paper)
    expect(page.locator("#verdict .uf-error")).to_contain_text("Not classified")
    expect(page.locator("#verdict .uf-verdict")).to_have_count(0)
    # and one that is too large is refused before it is sent
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(40 * 2**20)
    page.locator("#picture input[type=file]").set_input_files(huge)
    expect(page.locator("#verdict .uf-error")).to_contain_text("huge.jpg is too large: the limit is 30 MB.")
    expect(page.locator("#verdict .uf-error")).to_be_focused()
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(29 * 2**20)
    page.locator("#picture input[type=file]").set_input_files([large] * 11)
    expect(page.locator("#verdict .uf-error")).to_contain_text("too large together: the limit is 300 MB.")
    page.locator("#picture input[type=file]").set_input_files([paper] * 201)
    expect(page.locator("#verdict .uf-error")).to_contain_text("These are 201 files: the limit is 200 at once.")


def test_of_files_in_quick_succession_the_last_is_answered(page: Page) -> None:
    tab(page, "Classify")
    names = ("astronaut.jpg", "espresso.jpg", "hiker.jpg", "pagoda.jpg")
    for first in range(len(names)):  # as fast as the field takes them
        turn = [*names[first:], *names[:first]]
        for name in turn:
            page.locator("#picture input[type=file]").set_input_files(SAMPLES / name)
        digest = hashlib.sha256((SAMPLES / turn[-1]).read_bytes()).hexdigest()
        expect(page.locator("#verdict .uf-verdict")).to_have_attribute("data-sha256", digest)
        settled(page)
        expect(page.locator("#verdict .uf-verdict")).to_have_attribute("data-sha256", digest)
    tab(page, "History")
    expect(page.locator("#history tbody tr").first).to_contain_text(turn[-1])


def test_the_address_belongs_to_the_answer_that_is_shown(page: Page, app_url: str) -> None:
    given, none = "http://127.0.0.1:1/a.jpg", re.compile(r"\?tab=classify$")
    box, error = page.locator("#address textarea, #address input"), page.locator("#verdict .uf-error")
    verdict = page.locator("#verdict .uf-verdict")
    page.evaluate("given => unfake.go('?' + new URLSearchParams({address: given}))", given)
    expect(error).to_be_focused()
    expect(box).to_have_value(given)
    # a file takes the place of the address
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(verdict).to_be_visible()
    expect(page).to_have_url(none)
    expect(box).to_have_value("")
    # each comes back with its own
    page.go_back()
    expect(error).to_be_focused()
    expect(box).to_have_value(given)
    page.go_forward()
    expect(verdict).to_be_visible()
    expect(error).to_have_count(0)
    expect(box).to_have_value("")
    # nothing in place of an address is said, in place of what was there
    page.locator("#check-address").click()
    said = page.locator("#verdict .uf-empty")
    expect(said).to_contain_text("No address given")
    expect(said).to_be_focused()
    expect(verdict).to_have_count(0)
    # another tab and back: the address is that of the answer still
    tab(page, "Home")
    tab(page, "Classify")
    expect(page).to_have_url(re.compile(r"\?address=$"))
    # a file that is refused takes the place of an address as well
    box.fill(given)
    page.locator("#check-address").click()
    expect(error).to_contain_text("Not classified")
    with page.expect_file_chooser() as choosing:
        error.get_by_role("link", name="Choose a picture").click()
    choosing.value.set_files([SAMPLES / "espresso.jpg"] * 201)
    expect(error).to_contain_text("These are 201 files")
    expect(error).to_be_focused()
    expect(page).to_have_url(none)
    expect(box).to_have_value("")
    page.reload()
    expect(page.locator("#verdict .uf-empty")).to_contain_text("No picture yet")


def test_several_pictures_and_a_zip_make_a_table(page: Page, tmp_path: Path) -> None:
    archive, broken, empty = tmp_path / "two.zip", tmp_path / "broken.jpg", tmp_path / "half.zip"
    for path in (broken, empty):
        path.write_bytes(b"no picture")
    with zipfile.ZipFile(archive, "w") as packed:
        for name in ("astronaut.jpg", "espresso.jpg"):
            packed.write(SAMPLES / name, name)
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(empty)
    error = page.locator("#verdict .uf-error")
    expect(error).to_contain_text("half.zip: That ZIP file is not there, or cannot be read.")
    expect(error).to_be_focused()
    expect(page.locator("#verdict table")).to_have_count(0)
    page.locator("#picture input[type=file]").set_input_files([SAMPLES / "hiker.jpg", broken, archive])
    rows = page.locator("#verdict table tbody tr")
    expect(page.locator("#verdict .uf-count")).to_contain_text("4 pictures")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="astronaut.jpg").locator("img.uf-thumb")).to_be_visible()
    expect(page.locator("#stop-batch")).to_be_hidden()
    page.get_by_role("button", name="Name").click()
    expect(rows.first).to_contain_text("astronaut.jpg")
    page.get_by_role("button", name="Name").click()
    expect(rows.first).to_contain_text("hiker.jpg")
    with page.expect_download() as saving:
        page.get_by_role("link", name="CSV").click()
    table = saving.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == 5
    assert '"two.zip/espresso.jpg"' in "".join(table)
    with page.expect_download() as saving:
        page.get_by_role("link", name="JSON").click()
    reports = [row["report"] for row in json.loads(saving.value.path().read_text()) if row["report"]]
    names = {"hiker.jpg", "two.zip/astronaut.jpg", "two.zip/espresso.jpg"}  # and nowhere this server's own paths
    assert {report["picture"]["source"]["name"] for report in reports} == names
    tab(page, "History")
    for name in names:
        row = page.locator("#history tbody tr").filter(has=page.get_by_text(name, exact=True))
        expect(row.locator(".uf-thumb img")).to_be_visible()


def test_the_game_reveals_what_the_three_are(page: Page) -> None:
    expect(page.locator("#game [data-pick]")).to_have_count(3)
    page.locator("#game [data-pick]").first.click()
    expect(page.locator("#game [role=status]")).to_be_focused()
    expect(page.locator("#game figcaption", has_text="your choice")).to_have_count(1)
    expect(page.locator("#game figcaption", has_text="AI-generated")).to_have_count(1)
    expect(page.locator("#game .uf-badge")).to_have_count(3)
    page.locator("#game button", has_text="Three others").click()
    expect(page.locator("#game [data-pick]")).to_have_count(3)
    expect(page.locator("#game h3")).to_be_focused()


def test_home_says_how_far_to_trust_it_by_the_measured_figures(page: Page, toy: Path) -> None:
    metrics = json.loads((toy / "metrics.json").read_text())["headline"]["web"]
    named, accused = (round(100 * metrics[name][0]) for name in ("fake_called_fake", "real_called_fake"))
    expect(page.locator("#trust")).to_contain_text(f"it names {named}; of 100 real ones it accuses {accused}.")


def test_a_photo_in_an_address_opens_and_a_verdict_stays_with_it(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?photo=pagoda")
    expect(page.locator("#details h2")).to_have_text("Pagoda above a lake")
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-verdict")).to_be_visible()
    page.get_by_role("link", name="Find another").click()
    page.locator("#query textarea, #query input").fill("pagoda")
    page.locator("#go").click()
    tile = page.locator('#gallery .uf-tile:has([data-photo="pagoda"])')
    expect(tile.locator(".uf-badge")).to_be_visible()
    # another photo has none of it
    page.locator("#suggestions a", has_text="landscape").click()
    page.locator('#gallery [data-photo="mountain-path"]').click()
    expect(page.locator("#details h2")).to_have_text("Path to snowy peaks")
    expect(page.locator("#download .uf-verdict")).to_have_count(0)
    page.go_back()
    expect(page.locator('#gallery [data-photo="mountain-path"]')).to_be_visible()
    page.go_back()
    tile.locator("a").first.click()
    verdict = page.locator("#download .uf-verdict")
    for again in (False, True):  # in the same page, and in one that is loaded anew
        if again:
            page.reload()
            expect(page.locator("#details h2")).to_be_focused()
        expect(verdict).to_be_visible()
        expect(verdict.get_by_role("link", name="one page to print")).to_be_visible()
        expect(page.locator("#photo-closer-bar")).to_be_visible()
        expect(page.locator("#download-photo")).to_be_visible()
    tab(page, "History")
    expect(page.locator("#history tbody tr")).to_have_count(1)


def test_a_scan_stands_in_the_history_and_leads_back_to_its_verdicts(page: Page) -> None:
    page.evaluate("unfake.go('?q=landscape')")
    tiles = page.locator("#gallery .uf-tile")
    expect(tiles.first).to_be_visible()
    page.locator("#scan").click()
    expect(page.locator("#gallery .uf-tile[data-sha256]")).to_have_count(tiles.count())
    expect(page.locator("#stop")).to_be_hidden()
    page.wait_for_function("localStorage.getItem('unfake-thumbs')")
    page.reload()
    tab(page, "History")
    rows = page.locator("#history tbody tr")
    expect(rows).to_have_count(tiles.count())
    link = rows.last.locator("a")
    title = link.inner_text()
    expect(rows.last.locator(".uf-thumb img")).to_be_visible()
    link.click()
    expect(page.locator("#details h2")).to_have_text(title)
    expect(page.locator("#download .uf-verdict")).to_be_visible()


def test_a_late_answer_to_another_place_is_asked_for_again(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?q=pagoda")
    expect(page.locator('#gallery [data-photo="pagoda"]')).to_be_visible()
    page.evaluate("history.replaceState(null, '', '?photo=mountain-path'); unfake.settled('?q=pagoda')")
    expect(page.locator("#details h2")).to_have_text("Path to snowy peaks")
    expect(page.locator("#details h2")).to_be_focused()


def test_many_places_in_a_row_end_at_the_last(page: Page, app_url: str) -> None:
    page.goto(app_url)
    expect(page.locator("#home h2")).to_be_focused()
    for last in ("pagoda", "landscape", "pagoda"):
        page.evaluate("(last) => { for (const q of ['sky', 'face', 'tree', last]) unfake.go('?q=' + q); }", last)
        expect(page.locator("#query textarea, #query input")).to_have_value(last)
        photo = "pagoda" if last == "pagoda" else "mountain-path"
        expect(page.locator(f'#gallery [data-photo="{photo}"]')).to_be_visible()


def test_the_page_works_in_a_frame_that_may_keep_nothing(browser: Browser, app_url: str) -> None:
    context = browser.new_context()
    for kept in ("localStorage", "sessionStorage"):
        context.add_init_script(
            f"Object.defineProperty(window, '{kept}', {{get() {{ throw new DOMException('no', 'SecurityError'); }}}});"
        )
    page = context.new_page()
    page.goto(app_url)
    expect(page.locator("#home h2")).to_be_focused()
    tab(page, "Classify")
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator(".uf-verdict")).to_be_visible()
    tab(page, "History")
    expect(page.locator("#history td", has_text="espresso.jpg")).to_be_visible()
    expect(page.locator("#history")).to_contain_text("Your browser keeps nothing for this page")
    # what was searched for is known as long as the page is
    page.evaluate("unfake.go('?q=pagoda')")
    photo = page.locator('#gallery [data-photo="pagoda"]')
    photo.click()
    expect(page.locator("#details h2")).to_be_focused()
    tab(page, "Search")
    expect(photo).to_be_visible()
    page.goto(f"{app_url}/?photo=pagoda")
    expect(page.locator("#details h2")).to_be_focused()
    tab(page, "Search")
    expect(page.locator("#gallery .uf-empty")).to_contain_text("No search yet")
    page.locator("#gallery .uf-empty a").click()
    expect(page.locator("#gallery .uf-tile").first).to_be_visible()
    context.close()
