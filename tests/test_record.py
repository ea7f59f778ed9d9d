"""The record of a check: read back as a program and as a browser would read it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from unfake.catalog.photo import Photo, Photographer, Urls
from unfake.catalog.samples import SampleCatalog
from unfake.detector.calibration import Label
from unfake.evidence.heatmap import Heatmap
from unfake.judgement import Ground
from unfake.record import NOTE, NOTE_ON_A_STATEMENT, record_html, record_json
from unfake.report import HEADLINES, PictureFacts, Report

WHEN = datetime(2026, 3, 1, 11, 30, 5, 999, tzinfo=timezone(timedelta(hours=1)))
SHA = "ab" * 32
HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;&#x27;",
    "\u202egpj.exe",
    "a\0b\r\nc",
    "broken-\udcff",
    "</style><style>@import url(//evil)",
)


def report(
    label: Label = Label.LIKELY_FAKE, probability: float | None = 0.9731, name: str = "x1", **changes: Any
) -> dict[str, Any]:
    facts = PictureFacts(SHA, 1080, 720, "JPEG", 204_800, changes.pop("kind", "unsplash"), name)
    fields: dict[str, Any] = {
        "reason": "The signs reach 90%.",
        "checkpoint": "unfake-lite0@0123456789ab",
        "revision": "0123456789ab",
        "runtime": "openvino 2026.1 cpu f32",
        "views": 12,
        "notice": None,
        "heatmap": Heatmap(1, 2, ((0.25, None),)),
        "timing_ms": 321.0,
    } | changes
    return Report(facts, label, probability, **fields).to_json()


def photo(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": "x1",
        "width": 6000,
        "height": 4000,
        "photographer": Photographer("Ana Lima", "ana", "https://unsplash.com/@ana"),
        "urls": Urls("full", "regular", "small", "thumb"),
        "catalog": "unsplash",
        "licence": "Unsplash License",
        "licence_url": "https://unsplash.com/license",
        "description": "A harbour",
        "page_url": "https://unsplash.com/photos/x1?a=1&b=2",
    } | changes
    return Photo(**fields).to_json(reveal=True)


class Page(HTMLParser):
    """What a browser makes of a page: its elements, links and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.style += data
        else:
            self.text += data

    @property
    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.elements if tag == "a"]

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def test_the_json_holds_picture_credit_verdict_checkpoint_and_date() -> None:
    record = record_json(report(), photo(), WHEN)
    assert json.loads(json.dumps(record)) == record
    assert record == {
        "schema": "unfake.record/1",
        "date": "2026-03-01T10:30:05+00:00",
        "picture": {
            "sha256": SHA,
            "width": 1080,
            "height": 720,
            "format": "JPEG",
            "bytes": 204_800,
            "source": {"kind": "unsplash", "name": "x1"},
        },
        "credit": {
            "text": "Photo by Ana Lima on Unsplash",
            "photo": "x1",
            "title": "A harbour",
            "page": "https://unsplash.com/photos/x1?utm_source=unfake&utm_medium=referral&a=1&b=2",
            "photographer": "Ana Lima",
            "photographer_page": "https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral",
            "catalog": "Unsplash",
            "catalog_page": "https://unsplash.com/?utm_source=unfake&utm_medium=referral",
            "licence": "Unsplash License",
            "licence_page": "https://unsplash.com/license",
        },
        "verdict": {
            "label": "likely_fake",
            "headline": "Likely AI-generated or manipulated",
            "probability": 0.9731,
            "reason": "The signs reach 90%.",
        },
        "checkpoint": {
            "id": "unfake-lite0@0123456789ab",
            "revision": "0123456789ab",
            "runtime": "openvino 2026.1 cpu f32",
            "views": 12,
            "notice": None,
        },
        "note": NOTE,
    }


def test_where_the_file_decided_no_network_is_said_to_have_answered() -> None:
    stated = report(
        Label.DECLARED_AI,
        None,
        ground=Ground.SIGNED,
        headline="AI-generated, says its signer",
        warning="It was changed.",
    )
    record = record_json(stated, photo(), WHEN)
    assert record["verdict"]["headline"] == "AI-generated, says its signer"
    assert record["verdict"]["reason"] == "It was changed. The signs reach 90%."
    assert record["note"] == NOTE_ON_A_STATEMENT
    page = Page(record_html(stated, photo(), WHEN))
    assert "AI-generated, says its signer" in page.text
    assert "neural network" not in page.text


def test_the_page_says_all_of_it() -> None:
    page = Page(record_html(report(notice="Another network speaks."), photo(), WHEN))
    for words in (
        "Likely AI-generated or manipulated",
        "Estimated probability that it is generated or manipulated: 97 %",
        "The signs reach 90%.",
        "Another network speaks.",
        "Photo by Ana Lima on Unsplash",
        "A harbour",
        "Unsplash License",
        "2026-03-01, 10:30:05 UTC",
        "unfake-lite0@0123456789ab, revision 0123456789ab",
        "openvino 2026.1 cpu f32",
        "1080 × 720 px, JPEG, 200 KB",
        SHA,
        "an estimate by a neural network and not proof",
    ):
        assert words in page.text
    assert page.links == [
        "https://unsplash.com/photos/x1?utm_source=unfake&utm_medium=referral&a=1&b=2",
        "https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral",
        "https://unsplash.com/?utm_source=unfake&utm_medium=referral",
        "https://unsplash.com/license",
    ]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = Page(record_html(report(), photo(), WHEN))
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert [a for _, attributes in page.elements for a in attributes if a.startswith("on") or a == "src"] == []
    assert not re.search(r"url\(|@import|expression", page.style)
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert "size: A4" in page.style


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str, tmp_path: Path) -> None:
    maker = Photographer(text, text, f"https://unsplash.com/@a?x={text}")
    from_catalog = photo(
        id=text, description=text, licence=text, photographer=maker, licence_url=f"https://x.org/{text}"
    )
    answer = report(name=text, reason=text, checkpoint=text, revision=text, runtime=text, notice=text)
    for credit in (from_catalog, None):
        html = record_html(answer, credit, WHEN)
        plain = Page(record_html(report(notice="Fine."), photo() if credit else None, WHEN))
        (tmp_path / "record.html").write_text(html, encoding="utf-8")
        (tmp_path / "record.json").write_text(
            json.dumps(record_json(answer, credit, WHEN), ensure_ascii=False), encoding="utf-8"
        )
        page = Page(html)
        assert page.tags == plain.tags
        assert [sorted(attributes) for _, attributes in page.elements] == [
            sorted(attributes) for _, attributes in plain.elements
        ]
        shown = text.replace("\udcff", "?").replace("\0", " ").replace("\r", " ").replace("\n", " ")
        assert page.text.count(shown) >= (8 if credit else 6)
        assert "\0" not in html


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//evil.org", "http://[", "http:", "", None],
)
def test_only_web_addresses_become_links(address: str | None) -> None:
    maker = Photographer("Ana Lima", None, address)
    page = Page(record_html(report(), photo(photographer=maker, page_url=address, licence_url=address), WHEN))
    assert page.links == ["https://unsplash.com/?utm_source=unfake&utm_medium=referral"]
    assert "Photo by Ana Lima on Unsplash" in page.text


def test_a_referral_that_is_there_stays_and_other_sites_get_none() -> None:
    mine = "https://unsplash.com/@ana?utm_source=my_app&utm_medium=referral"
    elsewhere = "https://notunsplash.com/photos/x1"
    credit = record_json(report(), photo(photographer=Photographer("Ana", "ana", mine), page_url=elsewhere), WHEN)[
        "credit"
    ]
    assert credit["photographer_page"] == mine
    assert credit["page"] == elsewhere


def test_an_illustration_is_not_called_a_photo() -> None:
    assert record_json(report(), photo(kind="illustration"), WHEN)["credit"]["text"] == (
        "Illustration by Ana Lima on Unsplash"
    )


def test_a_picture_of_no_catalog_says_where_it_came_from() -> None:
    answer = report(name="holiday.jpg", kind="upload")
    assert record_json(answer, None, WHEN)["credit"] is None
    page = Page(record_html(answer, None, WHEN))
    assert "holiday.jpg (upload, not from a catalog: no credit known)" in page.text
    assert page.links == []


@pytest.mark.parametrize("reveal", [True, False])
def test_samples_are_credited_once_they_are_revealed(reveal: bool) -> None:
    sample = SampleCatalog().photo("astronaut")
    page = Page(record_html(report(kind="sample"), sample.to_json(reveal=reveal), WHEN))
    assert sample.title in page.text
    assert "astronaut (UnFake, samples)" in page.text
    assert (f"Picture by {sample.photographer.name}" in page.text) is reveal
    assert ("not named by the catalog" in page.text) is not reveal
    assert "Unsplash" not in page.text


@pytest.mark.parametrize(
    ("label", "probability", "words"),
    [
        (Label.LIKELY_REAL, 0.0, "under 1 %"),
        (Label.LIKELY_REAL, 0.0412, "4 %"),
        (Label.INCONCLUSIVE, 0.5, "50 %"),
        (Label.LIKELY_FAKE, 1.0, "over 99 %"),
        (Label.NOT_APPLICABLE, None, "No probability was estimated."),
    ],
)
def test_every_verdict_is_in_words(label: Label, probability: float | None, words: str) -> None:
    page = Page(record_html(report(label, probability), photo(), WHEN))
    assert HEADLINES[label] in page.text
    assert words in page.text


def test_a_date_without_a_time_zone_is_refused() -> None:
    for write in (record_json, record_html):
        with pytest.raises(ValueError, match="time zone"):
            write(report(), None, datetime(2026, 3, 1))
    assert record_json(report(), None, datetime(2026, 3, 1, tzinfo=UTC))["date"] == "2026-03-01T00:00:00+00:00"
