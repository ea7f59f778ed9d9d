"""Where things stand on the page: nothing jumps, nothing is wider than the window, and all tabs are equally wide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.conftest import SAMPLES, opened, running_app, settled
from tests.servers.unsplash import KEY, Unsplash
from unfake.catalog.photo import Colour, OrderBy, Orientation

# Layout Instability API: the shifts that followed no input of the visitor.
OBSERVE = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts += each.value;
}).observe({type: 'layout-shift', buffered: true});
"""
GOOD = 0.1  # https://web.dev/articles/cls
TABS = ("home", "search", "details", "classify", "history", "about")
# Elements that reach over the window's right edge and lie in nothing that scrolls or cuts them off.
TOO_WIDE = """
() => [...document.querySelectorAll('body *')].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height || box.right <= innerWidth + 1) return false;
  for (let above = element.parentElement; above; above = above.parentElement) {
    if (getComputedStyle(above).overflowX !== 'visible') return false;
  }
  return true;
}).map((element) => element.outerHTML.slice(0, 120))
"""


def shifted(page: Page) -> float:
    """The layout shift since the last question, once all is drawn."""
    settled(page)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return float(page.evaluate("() => { const all = window.shifts; window.shifts = 0; return all; }"))


def watched(browser: Browser, width: int, height: int) -> Page:
    """An empty page that counts its layout shifts."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(OBSERVE)
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    return context.new_page()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_nothing_jumps(browser: Browser, app_url: str, width: int, height: int) -> None:
    page = watched(browser, width, height)
    page.goto(app_url)
    expect(page.locator("#home h2")).to_be_focused()
    expect(page.locator("#trust p").first).to_be_visible()
    found = {"home": shifted(page)}
    page.evaluate("unfake.go('?tab=search')")
    expect(page.locator("#place-search h2")).to_be_focused()
    shifted(page)
    # by script, since what follows a click within half a second does not count
    page.evaluate("unfake.go('?q=animal')")
    expect(page.locator("#gallery [data-heading]")).to_be_focused()
    found["search"] = shifted(page)
    page.evaluate("unfake.go('?photo=pagoda')")
    expect(page.locator("#details h2")).to_be_focused()
    found["photo"] = shifted(page)
    page.evaluate("document.querySelector('#classify-photo').click()")
    expect(page.locator("#download .uf-verdict h2")).to_be_focused()
    found["verdict"] = shifted(page)
    page.evaluate("scrollTo(0, 0); unfake.go('?tab=classify')")
    expect(page.locator("#place-classify h2")).to_be_focused()
    shifted(page)
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator("#verdict .uf-verdict h2")).to_be_focused()
    found["own picture"] = shifted(page)
    page.context.close()
    assert {name: value for name, value in found.items() if value >= GOOD} == {}


def test_nothing_jumps_when_the_header_is_drawn_later_than_the_tabs(browser: Browser, app_url: str) -> None:
    page = watched(browser, 390, 844)
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        answer = route.fetch()
        if "html-container" in answer.text():  # Gradio's part that draws our own HTML, the header among it
            held.append((route, answer))
        else:
            route.fulfill(response=answer)

    page.route("**/*.js", hold)
    page.goto(app_url, wait_until="commit")
    page.locator("#tabs").wait_for(state="attached")
    assert page.locator("#head").count() == 0
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    for route, answer in held:
        route.fulfill(response=answer)
    expect(page.locator("#trust p").first).to_be_visible()
    assert shifted(page) < GOOD
    page.context.close()


@pytest.fixture(params=[320, 390, 1280])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, app_url, request.param, 800) as found:
        yield found


def test_every_tab_is_reached_and_as_wide_as_the_others(page: Page) -> None:
    found = {}
    for name in TABS:
        tab = page.get_by_role("tab", name=name.capitalize())
        box = tab.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24  # WCAG 2.2, 2.5.8
        tab.click()
        place = page.locator(f"#place-{name}")
        expect(place).to_be_visible()
        if name == "about":
            expect(page.locator("#about table").first).to_be_visible()
        assert page.evaluate(TOO_WIDE) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        measured = place.bounding_box()
        assert measured is not None
        found[name] = (measured["x"], measured["width"])
    assert len(set(found.values())) == 1, found


def test_all_tabs_are_in_sight_and_reached_by_arrow_keys(page: Page) -> None:
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_count(len(TABS))
    expect(page.get_by_role("button", name="More tabs")).to_be_hidden()
    tabs.first.focus()
    for number in range(1, len(TABS) + 1):
        page.keyboard.press("ArrowRight")
        tab = tabs.nth(number % len(TABS))
        expect(tab).to_be_focused()
        expect(tab).to_be_in_viewport(ratio=1)


def test_the_last_column_of_every_table_can_be_seen(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about table").first).to_have_attribute("tabindex", "0")
    hidden = page.locator("#about table").evaluate_all(
        """(tables) => tables.map((table) => {
            table.scrollLeft = table.scrollWidth;
            const last = table.querySelector('th:last-child').getBoundingClientRect();
            const around = [table, table.parentElement].map((each) => each.getBoundingClientRect().right);
            return last.right - Math.min(...around, innerWidth);
        }).filter((over) => over > 1)"""
    )
    assert hidden == []


def test_a_word_of_190_letters_stays_in_its_box(page: Page) -> None:
    page.evaluate("unfake.go('?q=' + 'w'.repeat(190))")
    empty = page.locator("#gallery .uf-empty")
    expect(empty).to_contain_text("w" * 190)
    assert empty.evaluate(
        "(box) => [box, ...box.querySelectorAll('*')].every((e) => e.scrollWidth <= e.clientWidth || !e.clientWidth)"
    )
    assert page.evaluate(TOO_WIDE) == []
    inside = empty.evaluate(
        """(box) => {
            const range = document.createRange();
            range.selectNodeContents(box);
            return range.getBoundingClientRect().right <= box.getBoundingClientRect().right;
        }"""
    )
    assert inside


def test_a_filter_does_not_lie_under_its_caret(page: Page) -> None:
    page.get_by_role("link", name="Get started").click()
    for label in ("Shape", "Colour"):
        field = page.get_by_label(label)
        expect(field).to_have_value(re.compile("any"))
        assert field.evaluate(
            """(input) => {
                const pen = document.createElement('canvas').getContext('2d'), style = getComputedStyle(input);
                pen.font = style.font;
                const left = input.getBoundingClientRect().left + parseFloat(style.paddingLeft);
                const words = left + pen.measureText(input.value).width;
                const caret = input.parentElement.querySelector('.icon-wrap path').getBoundingClientRect();
                return words <= caret.left;
            }"""
        ), label


@pytest.mark.parametrize("width", [320, 1280])
def test_the_needle_stands_at_its_probability_and_its_words_within_the_scale(
    browser: Browser, app_url: str, width: int
) -> None:
    with opened(browser, app_url, width, 800) as page:
        page.get_by_role("link", name="Check my own picture").click()
        page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
        expect(page.locator("#verdict .uf-needle")).to_be_visible()
        for probability in (0, 0.4, 50, 99.6, 100):
            found = page.locator("#verdict .uf-needle").evaluate(
                """(needle, at) => {
                    needle.style.setProperty('--at', at);
                    const words = needle.getBoundingClientRect();
                    const zones = needle.parentElement.querySelector('.uf-zones').getBoundingClientRect();
                    const mark = parseFloat(getComputedStyle(needle, '::after').marginLeft);
                    return {
                        within: words.left >= zones.left - 0.5 && words.right <= zones.right + 0.5,
                        at: 100 * (words.left + mark + 1 - zones.left) / zones.width,
                    };
                }""",
                probability,
            )
            assert found["within"], probability
            assert found["at"] == pytest.approx(probability, abs=1), probability


@dataclass(frozen=True)
class App:
    """A running app, and the one other address that its pages may reach."""

    url: str
    pictures: str


@pytest.fixture(scope="module")
def with_unsplash(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with a key for a local Unsplash."""
    with Unsplash() as unsplash:
        settings = {"UNFAKE_UNSPLASH_URL": unsplash.url, "UNSPLASH_ACCESS_KEY": KEY, "UNFAKE_MODEL": str(toy)}
        with running_app(tmp_path_factory.mktemp("cache"), **settings) as url:
            yield App(url, unsplash.url)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_choice_of_every_filter_fits_its_field(browser: Browser, with_unsplash: App, width: int) -> None:
    kinds = {"Shape": get_args(Orientation), "Colour": get_args(Colour), "Order": get_args(OrderBy)[1:]}
    with opened(browser, with_unsplash.url, width, 844, with_unsplash.pictures, still=True) as page:
        page.get_by_role("link", name="Get started").click()
        cut = []
        for label, choices in kinds.items():
            field = page.get_by_label(label, exact=True)
            expect(field).to_have_value(re.compile("any|best"))
            for words in [field.input_value(), *(choice.replace("_", " ") for choice in choices)]:
                field.click()
                page.get_by_role("option", name=words, exact=True).click()
                expect(field).to_have_value(words)
                if not field.evaluate("(input) => input.scrollWidth <= input.clientWidth"):
                    cut.append(words)
        assert cut == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])
@pytest.mark.parametrize("catalog", ["samples", "unsplash"])
def test_the_first_screen_has_all_of_it(
    browser: Browser, request: pytest.FixtureRequest, catalog: str, width: int, height: int
) -> None:
    app: App = (
        request.getfixturevalue("with_unsplash")
        if catalog == "unsplash"
        else App(request.getfixturevalue("app_url"), "")
    )
    with opened(browser, app.url, width, height, *filter(None, [app.pictures])) as page:
        parts = page.locator("#home h2, #home .uf-lead, #home a, #game h3, #game img, #trust h3, #trust p")
        expect(page.locator("#trust p")).to_have_count(2)
        settled(page)
        for part in parts.all():
            expect(part).to_be_in_viewport(ratio=1)
        assert parts.count() == 11
        assert page.evaluate("scrollY") == 0
        said = page.locator("#place-home").inner_text()
        assert ("Unsplash" in said) == (catalog == "unsplash")
