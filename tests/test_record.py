"""The record of a check: read back as a program and as a browser would read it."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unfake.catalog.photo import Photo, Photographer, Urls
from unfake.catalog.samples import SampleCatalog
from unfake.detector.calibration import Label, Thresholds
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.detector import Verdict
from unfake.evidence.provenance import Kind, Says, State, Statement
from unfake.judgement import Ground
from unfake.record import Record, figures
from unfake.record.reasons import NO_VERDICT, NOTES
from unfake.report import HEADLINES, PictureFacts, Report

WHEN = datetime(2026, 3, 1, 11, 30, 5, 999, tzinfo=timezone(timedelta(hours=1)))
SHA = "ab" * 32
PIXELS = np.full((720, 1080, 3), (200, 30, 30), dtype=np.uint8)
FIGURES = ("Of 100 AI pictures it names 31.", "Of 100 real ones it calls 1 AI.")
NOTHING = Statement(Kind.NOTHING, State.ABSENT, Says.NOTHING, "The file")
HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;&#x27;",
    "\u202egpj.exe",
    "a\0b\r\x85c",
    "broken-\udcff",
    "</style><style>@import url(//evil)",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
)


def report(
    label: Label = Label.LIKELY_FAKE, probability: float | None = 0.9731, name: str = "x1", **changes: Any
) -> Report:
    digest, kind = changes.pop("sha256", SHA), changes.pop("kind", "unsplash")
    facts = PictureFacts(digest, 1080, 720, changes.pop("format", "JPEG"), 204_800, kind, name)
    fields: dict[str, Any] = {
        "reason": "The signs reach 90%.",
        "checkpoint": "unfake-clip@0123456789ab",
        "revision": "0123456789ab",
        "runtime": "openvino 2026.1 cpu f32",
        "views": 12,
        "notice": None,
        "heatmap": None,
        "timing_ms": 321.0,
        "pixels": Verdict(label, probability, "The signs reach 90%."),
        "provenance": (NOTHING,),
        "thresholds": Thresholds(0.12, 0.9),
        "when": WHEN,
    } | changes
    return Report(facts, label, probability, **fields)


def stated(ground: Ground = Ground.STATED, **changes: Any) -> Report:
    says = Statement(Kind.METADATA, State.STATED, Says.AI, "XMP", {"credit": "Made with Google AI", "prompt": "A cat"})
    fields: dict[str, Any] = {
        "ground": ground,
        "headline": "AI-generated, says the file",
        "reason": "The file (XMP) says so.",
        "pixels": Verdict(Label.LIKELY_REAL, 0.04, "Low."),
        "provenance": (says,),
    } | changes
    return report(Label.DECLARED_AI, None, **fields)


def photo(**changes: Any) -> Photo:
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
    return Photo(**fields)


def record(answer: Report, of: Photo | None = None, **more: Any) -> Record:
    return Record.of(answer, PIXELS, FIGURES, of, **more)


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
    def words(self) -> str:
        """The text as it is shown: with single spaces."""
        return " ".join(self.text.split())

    @property
    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.elements if tag == "a"]

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def test_the_json_holds_picture_credit_verdict_reasons_evidence_checkpoint_and_date() -> None:
    found = record(report(), photo(), file_name="unsplash-x1.jpg").to_json()
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "schema": "unfake.record/2",
        "first": None,
        "date": "2026-03-01T10:30:05+00:00",
        "picture": {
            "file_name": "unsplash-x1.jpg",
            "sha256": SHA,
            "width": 1080,
            "height": 720,
            "format": "JPEG",
            "bytes": 204_800,
            "source": {"kind": "unsplash", "name": "x1"},
        },
        "credit": {
            "text": "Photo by Ana Lima on Unsplash",
            "kind": "Photo",
            "photo": "x1",
            "title": "A harbour",
            "page": "https://unsplash.com/photos/x1?utm_source=unfake&utm_medium=referral&a=1&b=2",
            "photographer": "Ana Lima",
            "photographer_page": "https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral",
            "catalog": "Unsplash",
            "catalog_page": "https://unsplash.com/?utm_source=unfake&utm_medium=referral",
            "licence": "Unsplash License",
            "licence_page": "https://unsplash.com/license?utm_source=unfake&utm_medium=referral",
        },
        "verdict": {
            "label": "likely_fake",
            "headline": "Likely AI-generated or manipulated",
            "ground": "pixels",
            "probability": 0.9731,
            "pixels": {
                "label": "likely_fake",
                "headline": "Likely AI-generated or manipulated",
                "probability": 0.9731,
                "reason": "The signs reach 90%.",
            },
        },
        "reasons": [
            "The signs reach 90%.",
            "This rests on what a neural network estimates from the pixels alone.",
            "The estimated probability that the picture is generated or manipulated is 97 %.",
            "The file carries no statement of its origin, which by itself means nothing: web sites and messengers "
            "strip such statements.",
        ],
        "evidence": [NOTHING.to_json() | {"sentence": NOTHING.sentence()}],
        "checked_copy": None,
        "checkpoint": {
            "id": "unfake-clip@0123456789ab",
            "revision": "0123456789ab",
            "runtime": "openvino 2026.1 cpu f32",
            "views": 12,
            "thresholds": {"likely_real": 0.12, "likely_fake": 0.9, "widening": 0.0, "reencoding": True, "shift": 0.0},
            "figures": list(FIGURES),
        },
        "note": NOTES[Ground.PIXELS],
    }


def test_where_the_file_decided_the_record_claims_no_more_than_the_file_says() -> None:
    for ground in (Ground.STATED, Ground.SIGNED):
        answer = stated(ground, warning="It was changed after signing.")
        found = record(answer, photo()).to_json()
        assert found["reasons"][:2] == ["It was changed after signing.", "The file (XMP) says so."]
        assert not any("probability" in reason for reason in found["reasons"])
        assert found["note"] == NOTES[ground]
        assert found["verdict"]["pixels"]["label"] == "likely_real"
        page = Page(record(answer, photo()).to_html())
        assert "AI-generated, says the file" in page.text
        assert "By the pixels alone: Likely real, 4 % for generated or manipulated." in page.words
        assert "Prompt: A cat" in page.words
        assert "not proof" in page.words or "who vouches" in page.words


def test_where_there_is_no_verdict_nothing_is_claimed() -> None:
    none = Verdict(Label.NOT_APPLICABLE, None, "Too small.")
    found = record(report(Label.NOT_APPLICABLE, None, reason="Too small.", pixels=none))
    assert found.to_json()["note"] == NO_VERDICT
    assert found.to_json()["reasons"][0] == "Too small."
    assert not any("rests on" in reason for reason in found.to_json()["reasons"])
    assert "how often it is wrong" not in Page(found.to_html()).text


def test_a_statement_that_settles_nothing_is_not_passed_over() -> None:
    weak = Statement(Kind.CAMERA, State.WEAK, Says.CAMERA, "Exif", {"make": "Canon"})
    found = record(report(Label.LIKELY_REAL, 0.02, provenance=(weak,)))
    assert "it does not settle the question" in found.to_json()["reasons"][-1]
    assert weak.sentence() in Page(found.to_html()).text


def test_the_page_says_all_of_it() -> None:
    answer = report(notice="Another network speaks.")
    page = Page(record(answer, photo(), file_name="unsplash-x1.jpg").to_html())
    for words in (
        "Likely AI-generated or manipulated",
        "generated or manipulated is 97 %",
        "The signs reach 90%.",
        "Another network speaks.",
        "unsplash-x1.jpg",
        "Photo by Ana Lima on Unsplash",
        "A harbour",
        "Unsplash License",
        "2026-03-01, 10:30:05 UTC",
        "unfake-clip@0123456789ab, revision 0123456789ab",
        "openvino 2026.1 cpu f32",
        "1080 × 720 px, JPEG, 200 KB",
        "likely real up to 12 %, likely AI-generated or manipulated from 90 %",
        SHA,
        *FIGURES,
        "an estimate by a neural network and not proof",
    ):
        assert words in page.words
    assert page.links == [
        "https://unsplash.com/photos/x1?utm_source=unfake&utm_medium=referral&a=1&b=2",
        "https://unsplash.com/@ana?utm_source=unfake&utm_medium=referral",
        "https://unsplash.com/?utm_source=unfake&utm_medium=referral",
        "https://unsplash.com/license?utm_source=unfake&utm_medium=referral",
    ]


def test_two_verdicts_stand_in_the_first_line() -> None:
    copy = report(Label.LIKELY_REAL, 0.05, sha256="cd" * 32)
    found = record(stated(), photo(), checked=copy)
    first = found.to_json()["first"]
    assert "the file “AI-generated, says the file”, the copy “Likely real”" in first
    page = Page(found.to_html())
    body = page.words.split("UnFake: record of a check", 1)[1].strip()
    assert body.startswith(first)
    assert "Copy checked before 1080 × 720 px, JPEG, 200 KB: Likely real (5 %) " + "cd" * 32 in page.words


def test_the_copy_that_got_the_same_verdict_is_named_without_alarm() -> None:
    found = record(report(), photo(), checked=report(sha256="cd" * 32, probability=0.95))
    assert found.first is None
    assert "cd" * 32 in found.to_html()
    assert "Copy checked before" not in record(report(), photo(), checked=report()).to_html()  # the very same bytes


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = Page(record(report(), photo()).to_html())
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    sources = [value for _, attributes in page.elements for name, value in attributes.items() if name == "src"]
    assert [str(source).partition(",")[0] for source in sources] == ["data:image/jpeg;base64"]
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert not re.search(r"url\(|@import|expression", page.style)
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "size: A4" in page.style


def test_the_picture_is_in_the_page_and_small() -> None:
    page = Page(record(report()).to_html())
    source = next(attributes["src"] for tag, attributes in page.elements if tag == "img")
    with Image.open(io.BytesIO(base64.b64decode(str(source).partition(",")[2]))) as image:
        assert (image.format, image.size) == ("JPEG", (640, 427))
        red, green, _ = image.getpixel((300, 200))  # type: ignore[misc]
    assert red > 150 > green


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    maker = Photographer(text, text, f"https://unsplash.com/@a?x={text}")
    from_catalog = photo(
        id=text, description=text, licence=text, photographer=maker, licence_url=f"https://x.org/{text}"
    )
    says = Statement(Kind.METADATA, State.STATED, Says.AI, text, {"credit": text, "prompt": text})
    fields = ("reason", "checkpoint", "revision", "runtime", "notice", "warning", "format")
    changes: dict[str, Any] = dict.fromkeys(fields, text)
    answer = report(name=text, provenance=(says,), **changes)
    plain_says = replace(says, where="XMP", detail={"credit": "Ana", "prompt": "A cat"})
    for credit in (from_catalog, None):
        found = record(answer, credit, file_name=text)
        html = found.to_html()
        fine = record(
            report(notice="Fine.", warning="Fine.", provenance=(plain_says,)), credit and photo(), file_name="a"
        )
        page, plain = Page(html), Page(fine.to_html())
        assert page.tags == plain.tags
        assert [sorted(attributes) for _, attributes in page.elements] == [
            sorted(attributes) for _, attributes in plain.elements
        ]
        shown = re.sub(r"[\0\r\x85]", " ", text.replace("\udcff", "?"))
        assert page.text.count(shown) >= (13 if credit else 10)
        assert "\0" not in html
        html.encode()
        json.dumps(found.to_json(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//evil.org", "http://[", "http:", "", None],
)
def test_only_web_addresses_become_links(address: str | None) -> None:
    maker = Photographer("Ana Lima", None, address)
    page = Page(record(report(), photo(photographer=maker, page_url=address, licence_url=address)).to_html())
    assert page.links == ["https://unsplash.com/?utm_source=unfake&utm_medium=referral"]
    assert "Photo by Ana Lima on Unsplash" in page.words


def test_a_referral_that_is_there_stays_and_other_sites_get_none() -> None:
    mine = "https://unsplash.com/@ana?utm_source=my_app&utm_medium=referral"
    elsewhere = "https://notunsplash.com/photos/x1"
    found = record(report(), photo(photographer=Photographer("Ana", "ana", mine), page_url=elsewhere))
    credit = found.to_json()["credit"]
    assert credit["photographer_page"] == mine
    assert credit["page"] == elsewhere


def test_an_illustration_is_not_called_a_photo() -> None:
    found = record(report(), photo(kind="illustration"))
    assert found.to_json()["credit"]["text"] == "Illustration by Ana Lima on Unsplash"
    assert "Illustration by Ana Lima on Unsplash" in Page(found.to_html()).words


@pytest.mark.parametrize(("kind", "name"), [("upload", "holiday.jpg"), ("url", "https://example.org/a.jpg")])
def test_a_picture_of_no_catalog_says_where_it_came_from(kind: str, name: str) -> None:
    found = record(report(name=name, kind=kind))
    assert found.to_json()["credit"] is None
    page = Page(found.to_html())
    assert f"{name} ({kind}, not from a catalog: no credit known)" in page.words
    assert page.links == []


def test_samples_are_credited() -> None:
    sample = SampleCatalog().photo("astronaut")
    page = Page(record(report(kind="samples"), sample).to_html())
    assert sample.title in page.text
    assert "astronaut (UnFake, samples)" in page.words
    assert f"Picture by {sample.photographer.name}" in page.words
    assert "Unsplash" not in page.text


@pytest.mark.parametrize(
    ("label", "probability", "words"),
    [
        (Label.LIKELY_REAL, 0.0, "is under 1 %."),
        (Label.LIKELY_REAL, 0.0412, "is 4 %."),
        (Label.INCONCLUSIVE, 0.5, "is 50 %."),
        (Label.LIKELY_FAKE, 1.0, "is over 99 %."),
        (Label.NOT_APPLICABLE, None, "No verdict was given"),
    ],
)
def test_every_verdict_is_in_words(label: Label, probability: float | None, words: str) -> None:
    page = Page(record(report(label, probability), photo()).to_html())
    assert HEADLINES[label] in page.words
    assert words in page.words


def test_the_figures_are_those_of_the_checkpoint() -> None:
    metrics = load_folder(BUNDLED, origin="bundled").metrics()
    measured = metrics["headline"]["web"]
    found, wrong = figures(metrics)
    assert f"names {100 * measured['fake_called_fake'][0]:.0f} (" in found
    assert f"calls {100 * measured['fake_called_real'][0]:.0f} (" in found
    assert f"calls {100 * measured['real_called_fake'][0]:.0f} (" in wrong
    assert f"leaves {100 * measured['inconclusive'][0]:.0f} (" in wrong


@pytest.mark.parametrize(
    "metrics", [{}, {"headline": None}, {"headline": {"clean": {}}}, {"headline": {"web": {"fake_called_fake": None}}}]
)
def test_without_figures_none_are_made_up(metrics: dict[str, Any]) -> None:
    assert figures(metrics) == ()
    page = Page(Record.of(report(), PIXELS).to_html())
    assert "no figures on how often it is wrong" in page.words
