"""WCAG 2.2 AA by axe-core on every tab, in both themes, at every width, with no exception of ours.

One page for each theme: at each place it is made as narrow as a phone and wide again, since opening it takes longest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, Theme, opened, settled

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


PHONE, DESKTOP = (390, 844), (1280, 800)
SIZES = {"light": ((320, 640), PHONE, DESKTOP), "dark": (PHONE, DESKTOP)}  # the last is what the walk goes on in


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Theme:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def page(browser: Browser, app_url: str, theme: Theme) -> Iterator[Page]:
    with opened(browser, app_url, *DESKTOP, theme=theme, still=True) as found:
        yield found


def faults(page: Page) -> list[str]:
    """What axe finds at each width once nothing fades any more."""
    found = []
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    expect(page.locator("body.dark")).to_have_count(int(dark))
    for width, height in SIZES["dark" if dark else "light"]:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        violations = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        found += [f"{width} px: {rule['id']}: {node['html'][:200]}" for rule in violations for node in rule["nodes"]]
    return found


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
    expect(page.get_by_role("button", name="The report as JSON")).to_be_hidden()  # there is none to open
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator("#verdict .uf-verdict")).to_be_visible()
    assert faults(page) == [], "an answer"
    page.get_by_role("button", name="The report as JSON").click()
    expect(page.locator("#report .value").first).to_be_visible()
    assert faults(page) == [], "the report as JSON"
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history tbody tr").first).to_be_visible()
    assert faults(page) == [], "history"
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about table").first).to_have_attribute("tabindex", "0")
    assert faults(page) == [], "about"


def test_arrow_keys_move_between_tabs_and_between_pictures(browser: Browser, app_url: str) -> None:
    with opened(browser, app_url, 1280, 800) as page:
        page.get_by_role("tab", name="Home").focus()
        for key, name in (("ArrowLeft", "About"), ("ArrowRight", "Home"), ("End", "About"), ("Home", "Home")):
            page.keyboard.press(key)
            expect(page.get_by_role("tab", name=name)).to_be_focused()
            expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
            expect(page.locator(f"#place-{name.lower()}")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(f"{app_url}/?tab=search")  # a place that Back leads away from
        box = page.locator("#query textarea, #query input")
        box.fill("animal")
        box.press("Enter")
        pictures = page.locator("#gallery [data-photo]")
        expect(page.locator("#gallery [data-heading]")).to_be_focused()
        pictures.first.focus()
        for key, number in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
            page.keyboard.press(key)
            expect(pictures.nth(number)).to_be_focused()
        # in a field they move the caret, and the tabs stay
        box.press("Home")
        expect(page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
        expect(box).to_be_focused()
