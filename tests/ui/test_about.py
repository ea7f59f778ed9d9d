"""The About tab: what its first lines say, how it names sources, and that its plots are legible in both themes."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.conftest import Theme, opened, settled
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.config import METRICS
from unfake.services import Services
from unfake.ui import about, sources
from unfake.ui.trust import Trust

BUNDLED_CHECKPOINT = load_folder(BUNDLED, origin="bundled")
CONTRAST = 4.5  # WCAG 2.2, 1.4.3


def items(html: str) -> list[str]:
    return re.findall(r"<li>(.*)</li>", html)


class Speaking(Services):
    """Services whose checkpoint is known; nothing of it is loaded."""

    checkpoint = BUNDLED_CHECKPOINT

    def __init__(self) -> None:
        pass


def test_the_first_lines_say_how_often_it_is_wrong_what_it_cannot_see_and_who_made_it() -> None:
    trust = Trust.of(BUNDLED_CHECKPOINT)
    assert trust is not None
    said = items(about.lines(Speaking()))
    assert len(said) == 5
    assert f"it names {trust.named}" in said[0]
    assert f"of 100 real ones it accuses {trust.accused}" in said[0]
    assert said[1].startswith("It cannot see")
    assert "should not rely on it" in said[2]
    training = BUNDLED_CHECKPOINT.config.training
    assert "CLIP" in said[3]
    assert "made by OpenAI (licence MIT)" in said[3]
    assert f"fitted by UnFake on its own pool of {training['pictures']:,} pictures" in said[3]


def test_a_checkpoint_of_somebody_else_is_not_said_to_be_ours() -> None:
    theirs = replace(BUNDLED_CHECKPOINT, origin="folder")
    assert "UnFake" not in about.makers(theirs)
    unknown = replace(theirs, config=replace(theirs.config, backbone="resnet50", training={}))
    assert about.makers(unknown) == (
        "Its weights were fitted by whoever published this checkpoint on pictures that its card names."
    )


def test_every_source_has_a_name_that_a_plot_has_room_for() -> None:
    metrics = json.loads((BUNDLED / METRICS).read_text())
    used = {*metrics["sources"], *metrics["protocol"]["local_edits"], *BUNDLED_CHECKPOINT.config.training["sources"]}
    assert used - sources.NAMES.keys() == set()
    assert len(set(sources.NAMES.values())) == len(sources.NAMES)
    assert {name for name in sources.NAMES.values() if len(name) > 28 or "_" in name} == set()


def test_the_card_names_sources_readably_and_keeps_their_own_names_for_a_pointer() -> None:
    shown = about.card(Speaking())
    unseen = re.sub(r'title="\w+"', "", shown)
    assert [source for source in sources.NAMES if re.search(rf"\b{source}\b", unseen)] == ["dexer1"]  # in its own name
    assert '<span title="named_openai">OpenAI’s generators</span>' in shown


def luminance(colour: tuple[int, ...]) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_plot_lies_on_the_page_and_is_legible(browser: Browser, app_url: str, theme: Theme) -> None:
    with opened(browser, app_url, 1280, 800, theme=theme, still=True) as page:
        page.get_by_role("tab", name="About").click()
        assert page.locator("#about td [title=danhammo6_zimage]").first.inner_text() == "Z-Image and photos"
        for plot in page.locator("#about img").all():
            plot.scroll_into_view_if_needed()
            settled(page)
            box = plot.bounding_box()
            assert box is not None
            seen = Image.open(io.BytesIO(plot.screenshot())).convert("RGB")
            around = {"x": box["x"] + box["width"] + 20, "y": max(0, box["y"]), "width": 4, "height": 4}
            ground = beside(page, around)
            assert max(abs(a - b) for a, b in zip(seen.getpixel((2, 2)), ground, strict=True)) <= 2  # type: ignore[arg-type]
            found = [luminance(colour) for _, colour in seen.getcolors(1 << 24) or []]  # type: ignore[arg-type]
            text, back = (min(found), luminance(ground)) if theme == "light" else (luminance(ground), max(found))
            assert (max(text, back) + 0.05) / (min(text, back) + 0.05) >= CONTRAST


def beside(page: Page, clip: dict[str, float]) -> tuple[int, ...]:
    """The page's own colour there."""
    found = Image.open(io.BytesIO(page.screenshot(clip=clip)))  # type: ignore[arg-type]
    return tuple(found.convert("RGB").getpixel((1, 1)))  # type: ignore[arg-type]
