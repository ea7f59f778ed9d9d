"""The page in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import SAMPLES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("UNFAKE_REQUIRE_BROWSER") == "1"
if CHROMIUM is None and not REQUIRED:
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)", allow_module_level=True)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "UNFAKE_REQUIRE_BROWSER is set, and there is no Chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    context.route(lambda url: not url.startswith((app_url, "data:", "blob:")), lambda route: route.abort())
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.goto(app_url)
    expect(opened.locator("#picture")).to_be_visible()
    yield opened
    context.close()


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
    expect(verdict.locator(".uf-needle")).to_contain_text("%")
    expect(verdict).to_contain_text("unfake-lite0@")
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0.75")
    verdict.get_by_label("Show where").uncheck()
    expect(verdict.locator("img.uf-heat")).to_have_css("opacity", "0")


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
    expect(page.locator(".uf-truth")).to_contain_text("a real photograph")
    expect(page.locator(".uf-verdict")).to_be_in_viewport()


def test_a_bad_address_is_answered_in_a_sentence_and_stays_in_its_box(page: Page) -> None:
    box = page.locator("#address textarea, #address input")
    box.fill("http://127.0.0.1:1/a.jpg")
    page.locator("#check-address").click()
    expect(page.locator("#verdict .uf-error")).to_contain_text("Not classified")
    expect(box).to_have_value("http://127.0.0.1:1/a.jpg")


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for tab in ("Search", "Gallery", "Details", "Classify", "About"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), tab


def test_about_shows_the_model_card(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about h1, #about h2").first).to_be_visible()
