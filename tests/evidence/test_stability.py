from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES
from unfake.detector.calibration import Label
from unfake.evidence.stability import COPIES, CopyVerdict, Stability
from unfake.intake import from_path
from unfake.services import Services
from unfake.settings import Settings


@pytest.fixture(scope="module")
def services(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model=str(toy), device="cpu", cache=tmp_path_factory.mktemp("cache")))


def test_each_copy_has_the_size_and_the_traces_of_its_way() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 2000, 3), dtype=np.uint8)
    copies = {copy.name: copy.of(noise) for copy in COPIES}
    assert {name: copy.shape[:2] for name, copy in copies.items()} == {
        "web": (540, 1080),
        "messenger": (256, 512),
        "smaller": (980, 1960),
    }
    # a JPEG at the copy's own last quality changes it hardly any more, one that it never went through does
    for name, quality in (("web", 80), ("messenger", 50)):
        assert changed(copies[name], quality) < changed(copies["smaller"], quality) / 4


def changed(pixels: np.ndarray, quality: int) -> float:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=2)
    with Image.open(buffer) as again:
        return float(np.abs(np.asarray(again.convert("RGB")).astype(int) - pixels).mean())


def test_a_small_picture_is_not_enlarged() -> None:
    pixels = from_path(SAMPLES / "hiker.jpg").pixels
    assert [copy.of(pixels).shape[:2] for copy in COPIES] == [(400, 400), (400, 400), (392, 392)]


def test_the_first_verdict_is_that_of_the_picture_and_the_others_are_of_its_copies(services: Services) -> None:
    path = SAMPLES / "golden-light.jpg"
    report = services.classify_file(path).report
    found = services.stability(path.read_bytes())
    assert [verdict.name for verdict in found.verdicts] == ["original", "web", "messenger", "smaller"]
    assert (found.sha256, found.checkpoint) == (report.picture.sha256, report.checkpoint)
    first, *others = found.verdicts
    assert report.pixels is not None
    assert (first.label, first.probability) == (report.pixels.label, report.pixels.probability)
    assert len({verdict.probability for verdict in found.verdicts}) == 4
    for copy, verdict in zip(COPIES, others, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(copy.of(from_path(path).pixels)).save(buffer, "PNG")
        again = services.classify_bytes(buffer.getvalue(), "copy.png").report
        assert verdict.probability == pytest.approx(again.probability, abs=1e-4)


def test_what_is_too_small_to_judge_says_so_in_every_line(services: Services) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 40, 3), dtype=np.uint8)).save(buffer, "PNG")
    found = services.stability(buffer.getvalue())
    assert {verdict.label for verdict in found.verdicts} == {Label.NOT_APPLICABLE}
    assert all(verdict.probability is None and "too little" in verdict.reason for verdict in found.verdicts)


def test_stable_means_one_label() -> None:
    def lines(*labels: Label) -> Stability:
        return Stability("ab", "net", tuple(CopyVerdict("a", "b", label, 0.5, "c") for label in labels))

    assert lines(Label.LIKELY_REAL, Label.LIKELY_REAL).stable
    assert not lines(Label.LIKELY_REAL, Label.INCONCLUSIVE).stable
    assert lines(Label.LIKELY_REAL).to_json()["verdicts"] == [
        {"copy": "a", "says": "b", "label": "likely_real", "probability": 0.5, "reason": "c"}
    ]
