"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, opened

pillow_heif.register_heif_opener()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, app_url, *request.param) as found:
        yield found


@pytest.mark.parametrize("name", ["astronaut.jpg", "golden-light.jpg"])
def test_a_dropped_picture_gets_its_verdict(page: Page, name: str) -> None:
    # when the file is dropped on the input, as from a desktop
    transfer = page.evaluate_handle(
        """async ([address, name]) => {
            const bytes = await (await fetch(address)).arrayBuffer();
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: 'image/jpeg'}));
            return transfer;
        }""",
        [f"gradio_api/file={SAMPLES / name}", name],
    )
    target = page.locator("#picture button").filter(has_text="Drop")
    target.dispatch_event("drop", {"dataTransfer": transfer})
    # then the verdict, the probability, the heat map and the checkpoint are there
    verdict = page.locator(".uf-verdict")
    expect(verdict).to_be_visible()
    assert verdict.get_attribute("data-label") in {"likely_real", "inconclusive", "likely_fake"}
    expect(verdict).to_contain_text("unfake-lite0@")
    # the map comes only when it is asked for
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0")
    verdict.get_by_label("Show where it looked").check()
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0.75")
    # and what the verdict rests on, and what the file says of itself, stand in it
    expect(verdict.locator(".uf-ground")).to_contain_text("a neural network sees")
    expect(verdict.locator(".uf-said li").first).to_be_visible()


def test_the_walk_from_search_to_verdict(page: Page) -> None:
    page.get_by_role("tab", name="Search").click()
    page.locator("#suggestions button", has_text="portrait").click()
    expect(page.locator("#gallery .uf-tile").first).to_be_visible()
    page.get_by_role("tab", name="Search").click()
    page.locator("#query textarea, #query input").fill("")
    page.locator("#go").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(12)
    page.locator("#more").click()
    expect(page.locator("#gallery .uf-tile")).to_have_count(20)
    expect(page.locator("#more")).to_be_hidden()
    page.locator('#gallery [data-photo="pagoda"]').click()
    expect(page.locator("#details .uf-details")).to_contain_text("named with the verdict")
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-truth")).to_contain_text("a real photograph")
    expect(page.locator("#download .uf-verdict")).to_be_in_viewport()
    expect(page.locator("#download-photo")).to_be_visible()


def test_a_bad_address_is_answered_in_a_sentence_and_stays_in_its_box(page: Page) -> None:
    box = page.locator("#address textarea, #address input")
    box.fill("http://127.0.0.1:1/a.jpg")
    page.locator("#check-address").click()
    expect(page.locator("#verdict .uf-error")).to_contain_text("Not classified")
    expect(box).to_have_value("http://127.0.0.1:1/a.jpg")


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for tab in ("Search", "Gallery", "Details", "Classify", "History", "About"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), tab


def test_about_shows_the_model_card(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about h1, #about h2").first).to_be_visible()
    source = page.locator("#about td", has_text="danhammo6_zimage").first
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
    page.wait_for_function("localStorage.getItem('unfake-visitor')")
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
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history td", has_text="espresso.jpg")).to_be_visible()
    page.locator("#clear-history").click()
    expect(page.locator("#history")).to_contain_text("Nothing here yet")


def test_a_picture_from_the_webcam(page: Page) -> None:
    page.locator("#picture .source-selection button").nth(1).click()
    page.locator("#picture button", has_text="access").click()
    page.wait_for_function("document.querySelector('#picture video')?.readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    page.get_by_role("button", name="capture photo", exact=True).click()
    expect(page.locator(".uf-verdict")).to_contain_text("px, PNG")


def test_a_picture_from_the_clipboard(page: Page) -> None:
    page.evaluate(
        """async () => {
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = 300;
            const brush = canvas.getContext('2d');
            for (let x = 0; x < 300; x += 10) {
                brush.fillStyle = `hsl(${x}, 80%, 50%)`;
                brush.fillRect(x, 0, 10, 300);
            }
            const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
            await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
        }"""
    )
    page.locator("#picture .source-selection button").nth(2).click()
    expect(page.locator(".uf-verdict")).to_contain_text("300 × 300 px, PNG")


@pytest.mark.parametrize("name", ["photo.jpg_large", "photo.mpo", "photo"])
def test_a_picture_is_taken_by_its_bytes(page: Page, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((SAMPLES / "espresso.jpg").read_bytes())
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator(".uf-verdict")).to_contain_text("600 × 400 px, JPEG")


@pytest.mark.parametrize("name", ["photo.jpg_large", "photo.mpo", "photo"])
def test_a_picture_that_is_dropped_is_taken_by_its_bytes(page: Page, name: str) -> None:
    data = list((SAMPLES / "espresso.jpg").read_bytes())
    dropped = page.evaluate_handle(
        """([data, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], name));
            return transfer;
        }""",
        [data, name],
    )
    page.locator("#picture input[type=file]").locator("..").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator(".uf-verdict")).to_contain_text("600 × 400 px, JPEG")


@pytest.mark.parametrize("ending", ["heic", "tiff"])
def test_pictures_that_a_browser_cannot_show(page: Page, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"espresso.{ending}"
    with Image.open(SAMPLES / "espresso.jpg") as sample:
        sample.save(path)
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator(".uf-verdict")).to_contain_text(f"600 × 400 px, {ending.upper()}")
