"""The benchmark of file formats: what it draws and writes, and what it counts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.formats import FILES, PNG, Change, announced, drawn, files, table
from train.pool import Row
from unfake.detector.calibration import Label
from unfake.detector.decision import Cause
from unfake.detector.detector import HANGS, Verdict


def verdict(label: Label, probability: float | None) -> Verdict:
    return Verdict(label, probability, "")


REAL, FAKE = verdict(Label.LIKELY_REAL, 0.1), verdict(Label.LIKELY_FAKE, 0.9)
UNSURE, NONE = verdict(Label.INCONCLUSIVE, 0.4), verdict(Label.NOT_APPLICABLE, None)


def test_half_of_each_label_is_drawn_by_the_seed_and_none_twice() -> None:
    rows = [Row(Path(f"{label}{i}"), "s", label, "") for label in ("real", "fake") for i in range(9)]
    found, again, other = (drawn(rows, 7, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert [row.label for row in found] == ["real"] * 4 + ["fake"] * 3
    assert len({row.path for row in found}) == 7
    assert found == again
    assert found != other


def test_the_files_are_of_their_formats_and_png_and_tiff_keep_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for name, data in files(Image.fromarray(pixels)).items():
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == FILES[name][0]
            assert (np.asarray(image.convert("RGB")) == pixels).all() == (name in (PNG, "TIFF")), name


def test_what_changed_is_counted() -> None:
    assert Change(REAL, FAKE).opposite
    assert not Change(REAL, UNSURE).opposite
    assert not Change(REAL, NONE).opposite
    assert Change(UNSURE, NONE).amount == 0
    same = dict.fromkeys(FILES, REAL)
    lines = table(
        [same | {"HEIC q90": FAKE}, same | {"HEIC q90": UNSURE}, dict.fromkeys(FILES, UNSURE) | {"TIFF": FAKE}]
    )
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines.splitlines()}
    assert rows["JPEG q95"] == ["0", "0", "0", "0", "0.000", "0.000"]
    assert rows["HEIC q90"] == ["2", "1", "1", "0", "0.367", "0.800"]
    assert rows["TIFF"] == ["1", "0", "0", "1", "0.167", "0.500"]
    assert rows["any of them"] == ["3", "1", "1", "1", "0.533", "0.800"]


def test_it_is_counted_how_many_answers_say_that_they_depend_on_the_format() -> None:
    near = Verdict(Label.LIKELY_FAKE, 0.9, f"So. {HANGS[Cause.CLEAR]}")
    answers = [
        dict.fromkeys(FILES, near) | {"TIFF": UNSURE},
        dict.fromkeys(FILES, FAKE) | {"TIFF": UNSURE},
        dict.fromkeys(FILES, near),
        dict.fromkeys(FILES, REAL),
        dict.fromkeys(FILES, REAL),
    ]
    assert "1 of 2 pictures whose label another format changes, 1 of 3 others" in announced(answers)
