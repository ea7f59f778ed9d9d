from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unfake.catalog.photo import Photo, Photographer, Urls
from unfake.catalog.samples import SampleCatalog
from unfake.catalog.unsplash import UnsplashCatalog
from unfake.detector.calibration import Label, Thresholds
from unfake.evidence.heatmap import Heatmap
from unfake.intake import Picture, Source
from unfake.record import Record
from unfake.report import HEADLINES, PictureFacts, Report, percent
from unfake.services import Answer, Check, Download, Examination
from unfake.store import HistoryEntry
from unfake.ui import batch, cards, grid, history, overlay
from unfake.ui.template import BADGES, message

HOSTILE = '"><img src=x onerror=alert(1)><b>'
PIXELS = np.zeros((80, 100, 3), dtype=np.uint8)
THRESHOLDS = Thresholds(0.2, 0.9)


def examination(label: Label, probability: float | None, heatmap: Heatmap | None = None) -> Examination:
    facts = PictureFacts("ab" * 32, 100, 80, HOSTILE, 5000, "upload", HOSTILE)
    report = Report(
        facts, label, probability, HOSTILE, HOSTILE, "r", HOSTILE, 4, HOSTILE, heatmap, 12.3, thresholds=THRESHOLDS
    )
    return Examination(Picture(PIXELS, "ab" * 32, "JPEG", 5000, Source("upload", HOSTILE)), report)


def hostile_photo() -> Photo:
    return Photo(
        id=HOSTILE,
        width=3,
        height=2,
        photographer=Photographer(HOSTILE, HOSTILE, "javascript:alert(1)"),
        urls=Urls(*(["https://images.example/a.jpg?" + HOSTILE] * 4)),
        catalog="unsplash",
        licence=HOSTILE,
        licence_url="javascript:alert(1)",
        description=HOSTILE,
        alt=HOSTILE,
        tags=(HOSTILE,),
        place=HOSTILE,
    )


def details_card(photo: Photo) -> str:
    return cards.details(photo, SampleCatalog())


def badge(label: Label, probability: float) -> str:
    """A picture's badge in the gallery."""
    photo = replace(hostile_photo(), id="one")
    check = Check(photo, examination(label, probability).report, None)
    return grid.gallery("", (photo,), 1, SampleCatalog(), checks={"one": check})


def test_nothing_from_outside_becomes_markup() -> None:
    photo, found = hostile_photo(), examination(Label.LIKELY_FAKE, 0.97)
    checks = {photo.id: Check(photo, None, HOSTILE)}
    taken = Download(photo, Path(f"/uploads/{HOSTILE}.jpg"), found, replace(found.report, label=Label.LIKELY_REAL))
    record = Record.of(found.report, PIXELS, (), photo, HOSTILE, taken.checked)
    entry = HistoryEntry.of(found.report, "classified")
    shown = [
        cards.verdict(found.report, SampleCatalog(), photo),
        cards.verdict(found.report, SampleCatalog(), None, PIXELS),
        cards.question(replace(found.report, headline=HOSTILE)),
        details_card(photo),
        cards.download(taken, record),
        grid.gallery(HOSTILE, (photo,), 1, SampleCatalog(), checks=checks),
        message(HOSTILE, HOSTILE, (HOSTILE, HOSTILE), error=True),
        history.table([entry], 30),
        history.table([replace(entry, name=f"https://example.com/{HOSTILE}")], 30),
    ]
    for markup in shown:
        assert "<img src=x" not in markup
        assert '<b>"' not in markup
        assert 'href="javascript' not in markup


@pytest.mark.parametrize(("label", "headline"), HEADLINES.items())
def test_every_label_has_its_words(label: Label, headline: str) -> None:
    probability = None if label is Label.NOT_APPLICABLE else 0.5
    markup = cards.verdict(examination(label, probability).report, SampleCatalog())
    assert headline in markup
    assert f'data-label="{label.value}"' in markup
    # and the badge and the summary of a scan use the words of the card
    words = next(word for each, word in grid.WORDS if each is label)
    if label in {Label.LIKELY_REAL, Label.INCONCLUSIVE}:
        assert BADGES[label] == words == headline.lower()
    assert ("uf-scale" in markup) == (label is Label.INCONCLUSIVE)  # 50 % lies in no other label's zone


def test_no_needle_in_the_zone_of_another_verdict_and_no_number_beside_inconclusive() -> None:
    markup = cards.verdict(examination(Label.INCONCLUSIVE, 0.95).report, SampleCatalog())
    assert "uf-scale" not in markup
    assert "95 %" not in markup
    assert "uf-scale" in cards.verdict(examination(Label.LIKELY_FAKE, 0.95).report, SampleCatalog())
    assert "inconclusive" in badge(Label.INCONCLUSIVE, 0.95)
    assert "95 %" not in badge(Label.INCONCLUSIVE, 0.95)
    assert "likely AI · 95 %" in badge(Label.LIKELY_FAKE, 0.95)


@pytest.mark.parametrize(
    ("probability", "words"), [(0.0, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (0.014, "1 %")]
)
def test_a_probability_is_never_certain(probability: float, words: str) -> None:
    assert percent(probability) == words


def test_a_sample_keeps_its_secret_until_the_verdict() -> None:
    sample = replace(
        hostile_photo(),
        catalog="samples",
        truth="ai_generated",
        generator="SDXL",
        origin="p 1: x",
        urls=Urls(*"abcd"),
    )
    before = details_card(sample) + grid.gallery("", (sample,), 1, SampleCatalog())
    assert "SDXL" not in before
    assert "an AI-generated picture made with SDXL" in cards.verdict(
        examination(Label.LIKELY_REAL, 0.1).report, SampleCatalog(), sample
    )


def test_the_heat_map_is_clear_where_nothing_is_known() -> None:
    uri = overlay.heat(Heatmap(1, 3, ((0.0, None, 1.0),)), cell=1)
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as image:
        left, middle, right = (image.getpixel((x, 0)) for x in range(3))
    assert left == (*overlay.REAL_COLOUR, 255)
    assert middle[3] == 0  # type: ignore[index]
    assert right == (*overlay.FAKE_COLOUR, 255)


def test_a_scan_badges_the_grid_and_hides_what_is_likely_fake() -> None:
    fake, real = replace(hostile_photo(), id="fake"), replace(hostile_photo(), id="real")
    checks = {
        "fake": Check(fake, examination(Label.LIKELY_FAKE, 0.97).report, None),
        "real": Check(real, examination(Label.LIKELY_REAL, 0.02).report, None),
    }
    every = grid.gallery("", (fake, real), 2, SampleCatalog(), checks=checks)
    assert "likely AI · 97 %" in every
    assert "real · 2 % AI" in every
    kept = grid.gallery("", (fake, real), 2, SampleCatalog(), checks=checks, hide=True)
    assert 'data-photo="fake"' not in kept
    assert "1 hidden" in kept
    assert grid.progress_done(checks.values()).count("1 likely") == 2


@pytest.mark.parametrize(("remaining", "warned"), [(None, False), (50, False), (10, True), (0, True)])
def test_the_app_warns_before_the_requests_run_out(remaining: int | None, warned: bool) -> None:
    catalog = UnsplashCatalog("a-key")
    catalog._transport.remaining = remaining
    shown = grid.gallery("sea", (hostile_photo(),), 1, catalog)
    assert (f"only {remaining} requests left" in shown) is warned


def test_nothing_found_leads_to_a_search_that_the_catalog_can_make() -> None:
    assert 'href="?q="' in grid.gallery("sea", (), 0, SampleCatalog())
    assert 'href="?q=landscape"' in grid.gallery("sea", (), 0, UnsplashCatalog("a-key"))


def test_the_history_leads_back_to_what_has_an_address() -> None:
    entry = HistoryEntry.of(examination(Label.LIKELY_REAL, 0.1).report, "classified")
    named = replace(entry, name="https://example.com/a.jpg?b=1&c=2")
    assert 'href="?address=https%3A//example.com/a.jpg%3Fb%3D1%26c%3D2"' in history.table([named], 30)
    assert "?address=" not in history.table([replace(entry, name="a.jpg")], 30)


def test_a_table_says_what_was_judged_by_one_frame() -> None:
    still = examination(Label.LIKELY_FAKE, 0.9).report
    moving = replace(still, picture=replace(still.picture, animated=True))
    answers = [Answer("a.gif", moving, None), Answer("b.jpg", still, None)]
    assert batch.table(answers, "", finished=True).count("by its first frame alone") == 1


def test_an_empty_search_repeats_the_words_once_escaped() -> None:
    assert "&lt;sea&gt;" in grid.gallery("<sea>", (), 0, SampleCatalog())


def test_a_table_says_where_a_signature_does_not_hold() -> None:
    warned = replace(examination(Label.LIKELY_FAKE, 0.9).report, warning="The signature does not fit the file.")
    answers = [Answer("a.jpg", warned, None), Answer("b.jpg", examination(Label.LIKELY_FAKE, 0.9).report, None)]
    assert batch.table(answers, "", finished=True).count("its signature does not hold") == 1
    reason = Answer.COLUMNS.index("reason")
    assert answers[0].cells()[reason].startswith("The signature does not fit the file. ")
    assert "signature" not in answers[1].cells()[reason]
