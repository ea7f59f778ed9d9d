"""WCAG 2.2, 2.4.7 and 2.4.13: whatever Tab reaches has a ring that is thick, seen, and gone with the focus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, Theme, opened, settled

THICK, CONTRAST = 2, 3  # px; WCAG 2.2, 2.4.13
# The element in focus, what carries its ring (a field of several parts has it around all of them), how much of the ring
# is cut off, what it stands against, and whether the last one is gone.
RING = """
() => {
  const lit = (colour) => {
    const [red, green, blue] = colour.match(/[0-9.]+/g).map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const above = (element) => {
    const found = [];
    for (let each = element.parentElement; each; each = each.parentElement) found.push(each);
    return found;
  };
  const ringed = (element) => getComputedStyle(element).outlineStyle !== 'none';
  const element = document.activeElement, last = window.lastRing;
  if (!element || element === document.body) return null;
  const ring = [element, ...above(element).slice(0, 4)].find(ringed);
  window.lastRing = ring;
  const stays = Boolean(last && last !== ring && last.isConnected && ringed(last));
  const name = (element.id || element.getAttribute('aria-label') || element.textContent || element.type).trim();
  const brand = element.matches('.uf-brand');
  const found = {element: element.tagName.toLowerCase() + ' ' + name.slice(0, 40), stays, brand};
  if (!ring) return {...found, thick: 0};
  const style = getComputedStyle(ring), [offset, thick] = [style.outlineOffset, style.outlineWidth].map(parseFloat);
  const box = ring.getBoundingClientRect(), reach = Math.max(0, offset + thick);
  const cut = above(ring).filter((each) => each !== document.documentElement && each !== document.body)
    .filter((each) => /hidden|clip|auto|scroll/.test(getComputedStyle(each).overflow)).map((each) => {
      const edge = each.getBoundingClientRect();
      const over = [edge.left - box.left, edge.top - box.top, box.right - edge.right, box.bottom - edge.bottom];
      return Math.max(...over) + reach;
    });
  const behind = (offset < 0 ? [ring, ...above(ring)] : above(ring))
    .map((each) => getComputedStyle(each).backgroundColor)
    .find((colour) => !/^rgba\\(.*, 0\\)$|transparent/.test(colour));
  const two = [lit(style.outlineColor), lit(behind)].sort();
  return {...found, thick, cut: Math.max(0, ...cut), contrast: (two[1] + 0.05) / (two[0] + 0.05)};
}
"""


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    theme: Theme = request.param
    with opened(browser, app_url, 1280, 800, theme=theme, still=True) as found:
        yield found


def walked(page: Page) -> dict[str, dict[str, Any]]:
    """The ring of whatever Tab reaches from the top of the page on, by what it is."""
    settled(page)
    page.locator("a.uf-brand").focus()
    found: dict[str, dict[str, Any]] = {}
    while True:
        page.keyboard.press("Tab")
        ring = page.evaluate(RING)
        if ring is None or ring["brand"]:
            return found
        assert len(found) < 200, "Tab does not come to an end"
        found[ring["element"]] = ring


def unseen(rings: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that somebody who uses the keyboard could not see."""
    return [
        ring
        for ring in rings.values()
        if ring["thick"] < THICK or ring["stays"] or ring["cut"] > 0.5 or ring["contrast"] < CONTRAST
    ]


def test_whatever_tab_reaches_has_a_ring(page: Page) -> None:
    assert unseen(walked(page)) == []
    page.locator("#game [data-pick]").first.click()
    expect(page.locator("#game .uf-badge").first).to_be_visible()
    assert unseen(walked(page)) == []
    page.get_by_role("link", name="Get started").click()
    expect(page.locator("#place-search h2")).to_be_focused()
    fields = walked(page)
    assert unseen(fields) == []
    assert len([name for name in fields if name.startswith("input")]) == 3  # the words, the shape, the colour
    page.locator("#suggestions a", has_text="animal").click()
    expect(page.locator("#gallery [data-heading]")).to_be_focused()
    assert unseen(walked(page)) == []
    page.locator("#gallery [data-photo]").first.click()
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-verdict h2")).to_be_focused()
    assert unseen(walked(page)) == []
    page.get_by_role("tab", name="Classify").click()
    page.get_by_role("button", name="or take a photo").click()
    page.locator("#picture input[type=file]").set_input_files([SAMPLES / "hiker.jpg", SAMPLES / "espresso.jpg"])
    expect(page.locator("#verdict table tbody tr")).to_have_count(2)
    assert unseen(walked(page)) == []
    page.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(page.locator("#verdict .uf-verdict h2")).to_be_focused()
    page.get_by_role("button", name="The report as JSON").click()
    assert unseen(walked(page)) == []
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history tbody tr").first).to_be_visible()
    assert unseen(walked(page)) == []
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about table").first).to_have_attribute("tabindex", "0")
    assert unseen(walked(page)) == []
