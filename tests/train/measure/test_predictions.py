"""What is kept of a picture is what the app's own detector reads off it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES
from train.deliveries import DELIVERIES
from train.measure import predictions
from unfake.detector.checkpoint import load_folder
from unfake.detector.decision import reencode
from unfake.detector.detector import Detector
from unfake.errors import BrokenPicture


@dataclass(frozen=True)
class File:
    path: Path
    source: str = "one"
    label: str = "real"
    part: str = ""

    @property
    def name(self) -> str:
        return self.path.name

    def open(self) -> Image.Image:
        if not self.path.exists():
            raise BrokenPicture("It is not there.")
        return Image.open(self.path).convert("RGB")

    def read(self) -> bytes:
        return self.path.read_bytes()


@pytest.mark.slow
def test_each_delivery_is_read_as_it_is_and_re_encoded(
    toy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat.png"
    Image.new("RGB", (300, 300), "grey").save(flat)
    example = File(SAMPLES / "espresso.jpg")
    found = predictions.measure(toy, [example, File(flat), File(tmp_path / "missing")], processes=1)

    detector = Detector.load(load_folder(toy), "cpu", "f32")
    assert [p.delivery for p in found] == ["clean", "web", "hard"]
    for p in found:
        pixels = np.asarray(DELIVERIES[p.delivery](example.open()))
        assert (p.source, p.label, p.picture, p.part) == ("one", "real", "espresso.jpg", detector.checkpoint.id)
        assert p.reading.margin == pytest.approx(detector.read(pixels).margin, abs=1e-3)
        assert p.reading.error == pytest.approx(detector.read(pixels).error, abs=1e-3)
        assert p.again.margin == pytest.approx(detector.read(reencode(pixels)).margin, abs=1e-3)
    assert len({p.margin for p in found} | {p.margin_again for p in found}) == 6
    assert "left out: one/real/missing: It is not there." in capfd.readouterr().out


def test_predictions_come_back_from_the_disk_as_they_were(tmp_path: Path) -> None:
    kept = [
        predictions.Prediction(
            "one", "fake", "web", 'a "name", with \n all', 0.1 + 0.2, 0.5, -1e-9, 0.25, "net", "face"
        ),
        predictions.Prediction("one", "real", "hard", "b", -3.0),
    ]
    predictions.save(kept, tmp_path / "p.csv")
    first, second = predictions.load(tmp_path / "p.csv")
    assert first == kept[0]
    assert math.isnan(second.margin_again)
    assert (second.fake, second.margin, second.kind) == (False, -3.0, "")


def test_a_sample_is_of_each_source_and_label_and_the_same_with_the_same_seed() -> None:
    files = [File(Path(f"{n}.jpg"), source, label) for source in "ab" for label in ("real", "fake") for n in range(9)]
    chosen = predictions.choose(files, 4, seed=3)
    assert [(f.source, f.label) for f in chosen] == [
        (source, label) for source in "ab" for label in ("fake", "real") for _ in range(4)
    ]
    assert predictions.choose(files[::-1], 4, seed=3) != predictions.choose(files, 4, seed=4)
    assert predictions.choose(files, 4, seed=3) == chosen
    assert len(predictions.choose(files, 100, seed=3)) == len(files)
