"""The closer look at a picture: asked for, in words, and never part of the verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAMPLES, opened, settled
from tests.evidence import files
from tests.servers.pictures import PictureServer
from unfake import fetch
from unfake.detector.calibration import Label
from unfake.errors import InputError, PictureError
from unfake.evidence.stability import CopyVerdict, Stability
from unfake.intake import Limits
from unfake.report import percent
from unfake.services import Services
from unfake.settings import Settings
from unfake.ui import classify, closer


@pytest.fixture(scope="module")
def services(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model=str(toy), device="cpu", cache=tmp_path_factory.mktemp("cache")))


@pytest.fixture(params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(browser: Browser, app_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height, theme = request.param
    with opened(browser, app_url, width, height, still=True) as found:
        found.goto(f"{app_url}/?tab=classify&__theme={theme}")
        yield found


def give(page: Page, path: Path) -> None:
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator("#verdict .uf-verdict")).to_be_visible()


def crowd(path: Path) -> Path:
    """A picture with two faces to read and one that is too small."""
    canvas = np.full((700, 1200, 3), 127, np.uint8)
    for name, size, x, y in (("naval-officer", 560, 20, 50), ("astronaut", 430, 620, 10), ("astronaut", 220, 640, 460)):
        with Image.open(SAMPLES / f"{name}.jpg") as image:
            pasted = np.asarray(image.convert("RGB").resize((size, size)))
        canvas[y : y + size, x : x + size] = pasted
    Image.fromarray(canvas).save(path)
    return path


def test_the_stability_of_an_answer_is_shown_when_it_is_asked_for(page: Page, services: Services) -> None:
    # given a verdict by the pixels, beside which nothing else is shown at first
    path = SAMPLES / "golden-light.jpg"
    give(page, path)
    panel = page.locator("#own-closer")
    expect(page.locator("#own-stability")).to_be_visible()
    expect(panel.locator(".uf-look")).to_have_count(0)
    # when its stability is asked for
    page.locator("#own-stability").click()
    # then the four verdicts of the network stand there in words, each with its icon and its number
    lines = panel.locator(".uf-strip li")
    expect(lines).to_have_count(4)
    expected = services.stability(path.read_bytes()).verdicts
    for line, verdict in zip(lines.all(), expected, strict=True):
        expect(line).to_contain_text(verdict.says[1:])
        expect(line.locator(f".uf-badge.uf-{verdict.label.value} svg")).to_be_visible()
        expect(line).to_contain_text(f"{percent(verdict.probability or 0)} probability of AI")
    expect(panel.locator("[aria-live=polite] .uf-look")).to_be_visible()
    expect(panel).to_contain_text("Read by unfake-toy@")
    settled(page)
    assert Axe().run(page, context="#own-closer").response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # and another picture takes them away
    give(page, SAMPLES / "espresso.jpg")
    expect(panel.locator(".uf-look")).to_have_count(0)
    expect(page.locator("#own-stability")).to_be_visible()


def test_the_faces_are_shown_when_they_are_asked_for(page: Page, tmp_path: Path) -> None:
    give(page, crowd(tmp_path / "crowd.png"))
    verdict = page.locator("#verdict .uf-verdict").inner_text()
    page.locator("#own-faces").click()
    panel = page.locator("#own-closer")
    lines = panel.locator(".uf-read li")
    expect(lines).to_have_count(3)
    expect(lines.filter(has_text="probability of AI")).to_have_count(2)
    expect(lines.last).to_contain_text("too small to judge")
    expect(panel).to_contain_text("3 faces were found, 1 of them too small to judge.")
    expect(panel).to_contain_text("no part of the verdict")
    expect(panel).to_contain_text("Read by unfake-toy@")
    expect(panel.locator("img")).to_have_attribute("alt", "The picture with 3 numbered boxes around its faces")
    settled(page)
    assert Axe().run(page, context="#own-closer").response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("#verdict .uf-verdict").inner_text() == verdict


def test_a_picture_without_people_has_no_face_to_look_at(page: Page) -> None:
    give(page, SAMPLES / "pagoda.jpg")
    page.locator("#own-faces").click()
    expect(page.locator("#own-closer")).to_contain_text("No face was found")
    expect(page.locator("#own-closer img")).to_have_count(0)


def test_a_closer_look_is_offered_only_where_the_pixels_decide(page: Page, tmp_path: Path) -> None:
    stated, small = tmp_path / "stated.png", tmp_path / "icon.png"
    stated.write_bytes(files.png({"parameters": files.A1111}))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(small)
    bar = page.locator("#own-closer-bar")
    for path in (stated, small):
        give(page, SAMPLES / "espresso.jpg")
        expect(bar).to_be_visible()
        give(page, path)
        expect(bar).to_be_hidden()


def test_a_batch_asks_the_server_once(page: Page) -> None:
    give(page, SAMPLES / "espresso.jpg")
    bar = page.locator("#own-closer-bar")
    expect(bar).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "/queue/join" in request.url else None)
    page.evaluate(
        """() => {
            window.drawn = 0;
            const place = document.querySelector('#verdict');
            new MutationObserver(() => window.drawn++).observe(place, {childList: true, subtree: true});
        }"""
    )
    page.locator("#picture input[type=file]").set_input_files(sorted(SAMPLES.glob("*.jpg"))[:6])
    expect(page.locator("#verdict .uf-count")).to_contain_text("6 pictures")
    expect(bar).to_be_hidden()  # there is no longer one picture
    settled(page)
    assert page.evaluate("window.drawn") > 1  # the table grew, and nobody asked the server about it
    assert len(asked) == 2, asked  # the batch itself, and the closer look that went


def test_a_photo_of_the_webcam_can_be_looked_at(page: Page) -> None:
    page.locator("#camera-fold button").first.click()
    page.locator("#camera button", has_text="access").click()
    page.wait_for_function("document.querySelector('#camera video')?.readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    page.get_by_role("button", name="capture photo", exact=True).click()
    expect(page.locator("#verdict .uf-verdict")).to_contain_text("px, PNG")
    page.locator("#own-stability").click()
    expect(page.locator("#own-closer .uf-strip li")).to_have_count(4)


def test_a_photo_of_the_catalog_can_be_looked_at(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?photo=astronaut")
    page.locator("#classify-photo").click()
    expect(page.locator("#download .uf-verdict")).to_be_visible()
    page.locator("#photo-faces").click()
    expect(page.locator("#photo-closer .uf-read li")).to_have_count(1)
    page.goto(f"{app_url}/?photo=pagoda")
    expect(page.locator("#details h2")).to_be_visible()
    expect(page.locator("#photo-closer-bar")).to_be_hidden()


def report_on(data: bytes, **source: str) -> dict[str, object]:
    return {"picture": {"sha256": hashlib.sha256(data).hexdigest(), "source": source}}


def test_only_the_very_picture_of_the_report_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, path = files.jpeg(), tmp_path / "picture.jpg"
    path.write_bytes(data)
    upload = report_on(data, kind="upload", name="picture.jpg")
    assert classify.again(Limits(), upload, str(path)) == data
    path.write_bytes(files.png())
    with pytest.raises(InputError, match="another one by now"):
        classify.again(Limits(), upload, str(path))
    path.unlink()
    with pytest.raises(PictureError, match="not there"):
        classify.again(Limits(), upload, str(path))
    others: tuple[Any, ...] = (None, {}, [], "x", upload)
    for report in others:
        with pytest.raises(InputError, match="no picture here"):
            classify.again(Limits(), report, None)
    # at an address, with the limits of every address
    monkeypatch.setattr(classify, "fetch", partial(fetch.fetch, public_only=False))
    with PictureServer() as server:
        photo = report_on(server.photo, kind="url", name=server.url("/photo.jpg"))
        assert classify.again(Limits(), photo, None) == server.photo
        with pytest.raises(PictureError, match="too large"):
            classify.again(Limits(bytes=100), photo, None)


@pytest.mark.parametrize(
    "report", [None, {}, [], {"verdict": None}, {"verdict": {"ground": "stated", "probability": 0.5}}]
)
def test_what_is_no_report_offers_nothing(report: object) -> None:
    assert not classify.offered(report, None)
    assert classify.offered({"verdict": {"ground": "pixels", "probability": 0.5}}, None)


def test_the_summary_counts_the_copies_that_differ() -> None:
    def said(*labels: Label) -> str:
        return closer._summary(Stability("ab", "net", tuple(CopyVerdict("a", "b", each, 0.5, "c") for each in labels)))

    real, unsure, none = Label.LIKELY_REAL, Label.INCONCLUSIVE, Label.NOT_APPLICABLE
    assert said(real, real, real, real) == "All 4 get the same answer: likely real."
    assert said(real, real, real, unsure).startswith("1 of the 3 copies gets another answer")
    assert said(real, unsure, real, unsure).startswith("2 of the 3 copies get another answer")
    assert said(none, none, none, none) == "Neither the picture nor its copies can be judged."
