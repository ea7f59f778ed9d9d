from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unfake.catalog.photo import Photo, Photographer, ResultPage, Urls
from unfake.detector.calibration import Label, Thresholds
from unfake.evidence.heatmap import Heatmap
from unfake.intake import Picture, Source
from unfake.report import PictureFacts, Report
from unfake.services import Examination
from unfake.ui import html, overlay

HOSTILE = '"><img src=x onerror=alert(1)><b>'
PIXELS = np.zeros((80, 100, 3), dtype=np.uint8)
THRESHOLDS = Thresholds(0.2, 0.9)


def examination(label: Label, probability: float | None, heatmap: Heatmap | None = None) -> Examination:
    facts = PictureFacts("ab" * 32, 100, 80, HOSTILE, 5000, "upload", HOSTILE)
    report = Report(facts, label, probability, HOSTILE, HOSTILE, "r", HOSTILE, 4, HOSTILE, heatmap, 12.3)
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


def test_nothing_from_outside_becomes_markup() -> None:
    page = ResultPage((hostile_photo(),), 1, 1, 1, HOSTILE)
    shown = [
        html.verdict(examination(Label.LIKELY_FAKE, 0.97), THRESHOLDS, hostile_photo()),
        html.details(hostile_photo()),
        html.gallery(page, page.photos, "unsplash"),
        html.message(HOSTILE, HOSTILE, error=True),
    ]
    for markup in shown:
        assert "<img src=x" not in markup
        assert '<b>"' not in markup
        assert 'href="javascript' not in markup


@pytest.mark.parametrize(("label", "headline"), html.HEADLINES.items())
def test_every_label_has_its_words(label: Label, headline: str) -> None:
    probability = None if label is Label.NOT_APPLICABLE else 0.5
    markup = html.verdict(examination(label, probability), THRESHOLDS)
    assert headline in markup
    assert f'data-label="{label.value}"' in markup
    assert ("uf-scale" in markup) == (probability is not None)


@pytest.mark.parametrize(
    ("probability", "words"), [(0.0, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (0.014, "1 %")]
)
def test_a_probability_is_never_certain(probability: float, words: str) -> None:
    assert html.percent(probability) == words


def test_a_sample_keeps_its_secret_until_the_verdict() -> None:
    sample = replace(
        hostile_photo(),
        catalog="samples",
        truth="ai_generated",
        generator="SDXL",
        origin="p 1: x",
        urls=Urls(*"abcd"),
    )
    page = ResultPage((sample,), 1, 1, 1, "")
    assert "SDXL" not in html.details(sample) + html.gallery(page, page.photos, "samples")
    assert "an AI-generated picture made with SDXL" in html.verdict(
        examination(Label.LIKELY_REAL, 0.1), THRESHOLDS, sample
    )


def test_the_heat_map_is_clear_where_nothing_is_known() -> None:
    uri = overlay.heat(Heatmap(1, 3, ((0.0, None, 1.0),)), cell=1)
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as image:
        left, middle, right = (image.getpixel((x, 0)) for x in range(3))
    assert left == (*overlay.REAL_COLOUR, 255)
    assert middle[3] == 0  # type: ignore[index]
    assert right == (*overlay.FAKE_COLOUR, 255)
