"""WCAG 2.2 AA by axe-core on every tab, in both themes, with no exception of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, opened, settled

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(params=[(1280, 800)], ids=["desktop"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, app_url: str, size: tuple[int, int], request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, app_url, *size) as found:
        found.emulate_media(reduced_motion="reduce")
        found.goto(f"{app_url}/?__theme={request.param}")
        expect(found.locator("#home h2")).to_be_focused()
        yield found


def faults(page: Page) -> list[str]:
    """What axe finds once nothing fades any more."""
    settled(page)
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def test_no_tab_has_a_fault(page: Page) -> None:
    assert faults(page) == [], "home"
    page.locator("#game [data-pick]").first.click()
    expect(page.locator("#game .uf-badge").first).to_be_visible()
    assert faults(page) == [], "the game"
    page.get_by_role("link", name="Get started").click()
    page.locator("#suggestions a", has_text="animal").click()
    expect(page.locator("#gallery .uf-tile").first).to_be_visible()
    page.locator("#scan").click()
    expect(page.locator("#gallery .uf-badge").first).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()
    assert faults(page) == [], "search"
    doubtful = page.locator("#gallery .uf-tile", has=page.locator(".uf-likely_fake, .uf-inconclusive"))
    doubtful.first.locator("[data-photo]").click()
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-verdict")).to_be_visible()
    assert faults(page) == [], "a photo with its verdict"
    page.locator("#download-photo").click()
    expect(page.locator("#question section")).to_be_visible()
    assert faults(page) == [], "the question before a doubtful download"
    page.locator("#anyway").click()
    expect(page.locator("#download .uf-taken")).to_be_visible()
    assert faults(page) == [], "a download"
    page.get_by_role("tab", name="Classify").click()
    page.locator("#picture input[type=file]").set_input_files([SAMPLES / "hiker.jpg", SAMPLES / "espresso.jpg"])
    expect(page.locator("#verdict table tbody tr")).to_have_count(2)
    assert faults(page) == [], "a table of answers"
    page.locator("#address input, #address textarea").fill("http://127.0.0.1:1/a.jpg")
    page.locator("#check-address").click()
    expect(page.locator("#verdict .uf-error")).to_be_visible()
    assert faults(page) == [], "an error"
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator("#verdict .uf-verdict")).to_be_visible()
    assert faults(page) == [], "an answer"
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history tbody tr").first).to_be_visible()
    assert faults(page) == [], "history"
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about table").first).to_have_attribute("tabindex", "0")
    assert faults(page) == [], "about"


def test_tabs_and_pictures_are_reached_by_keyboard(page: Page) -> None:
    page.get_by_role("link", name="Get started").press("Enter")
    box = page.locator("#query textarea, #query input")
    box.fill("animal")
    box.press("Enter")
    pictures = page.locator("#gallery [data-photo]")
    expect(page.locator("#gallery [data-heading]")).to_be_focused()
    pictures.first.focus()
    page.keyboard.press("ArrowRight")
    expect(pictures.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#details h2")).to_be_focused()
    page.locator("#classify-photo").press("Enter")
    expect(page.locator("#download .uf-verdict h2")).to_be_focused()
