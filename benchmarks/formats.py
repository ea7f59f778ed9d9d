"""Same picture, same answer? ``python -m benchmarks.formats POOL [--pictures 60] [--seed 14]``.

Draws as many real as generated pictures of the pool, shrinks those over 2048 px on the long side, writes the same
pixels as each of `FILES`, reads every file as the app does, and compares what the network says of it with what it says
of the PNG, which keeps every pixel. What the files say of themselves is left out: there is nothing in them.

For each format the table gives: labels that differ; of these, ``likely_real`` that became ``likely_fake`` or the other
way round; a verdict that became "inconclusive"; "inconclusive" that became a verdict; the mean and the largest change
in the probability of fake. The last line is for the picture whose answer differs most over all formats. Below it: how
many answers on the PNG say that they depend on the file format, and how many of those that do. Shipped
networks have learnt from pictures of such a pool, so on strangers' pictures the changes may be larger.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.random import Generator
from PIL import Image
from tqdm import tqdm

from train.deliveries import HEIC
from train.pool import LABELS, Row, read_pool
from unfake.detector.calibration import Label
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.detector import HANGS, Detector, Verdict
from unfake.intake import Source, from_bytes

pillow_heif.register_heif_opener()

LONG_SIDE = 2048  # px
PNG = "PNG"
# Name for the table, Pillow's name of the codec, and its options.
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    PNG: ("PNG", {"compress_level": 1}),
    "JPEG q95": ("JPEG", {"quality": 95}),
    "WebP q90": ("WEBP", {"quality": 90}),
    "HEIC q90": ("HEIF", {"quality": 90, **HEIC}),
    "AVIF q80": ("AVIF", {"quality": 80}),
    "TIFF": ("TIFF", {}),
}
DECIDED = {Label.LIKELY_REAL, Label.LIKELY_FAKE}


def drawn(rows: Sequence[Row], count: int, rng: Generator) -> list[Row]:
    """So many pictures, half of them of each label (one more of the first where the number is odd), each once."""
    chosen = []
    for number, label in enumerate(LABELS):
        group = [row for row in rows if row.label == label]
        wanted = min((count + 1 - number) // 2, len(group))
        chosen += [group[i] for i in rng.choice(len(group), wanted, replace=False)]
    return chosen


def files(image: Image.Image) -> dict[str, bytes]:
    """The same picture, RGB, as each of `FILES`."""
    made = {}
    for name, (codec, options) in FILES.items():
        buffer = io.BytesIO()
        image.save(buffer, codec, **options)
        made[name] = buffer.getvalue()
    return made


@dataclass(frozen=True)
class Change:
    """What the network says of one picture as PNG and as another file."""

    png: Verdict
    other: Verdict

    @property
    def differs(self) -> bool:
        """Whether the label is another one."""
        return self.png.label is not self.other.label

    @property
    def opposite(self) -> bool:
        """Whether likely real became likely fake, or the other way round."""
        return self.differs and {self.png.label, self.other.label} == DECIDED

    @property
    def amount(self) -> float:
        """How far the probability of fake moved, in [0, 1]; 0 where there is none."""
        if self.png.probability is None or self.other.probability is None:
            return 0.0
        return abs(self.png.probability - self.other.probability)


def line(name: str, changes: Sequence[Change]) -> str:
    """One row of the table."""
    other = [change for change in changes if change.differs]
    lost = sum(change.png.label in DECIDED and change.other.label is Label.INCONCLUSIVE for change in other)
    won = sum(change.png.label is Label.INCONCLUSIVE and change.other.label in DECIDED for change in other)
    amounts = [change.amount for change in changes]
    counts = (len(other), sum(change.opposite for change in other), lost, won)
    cells = [name, *map(str, counts), f"{np.mean(amounts):.3f}", f"{np.max(amounts):.3f}"]
    return f"| {' | '.join(cells)} |"


def table(answers: Iterable[dict[str, Verdict]]) -> str:
    """A line for each format against PNG, and one for the answer of each picture that is furthest from its PNG's."""
    all_answers = list(answers)
    columns = (
        "format",
        "other label",
        "real ↔ fake",
        "became inconclusive",
        "became decided",
        "mean change",
        "largest",
    )
    lines = [f"| {' | '.join(columns)} |", "|---|" + "--:|" * (len(columns) - 1)]
    names = [name for name in FILES if name != PNG]
    lines += [line(name, [Change(found[PNG], found[name]) for found in all_answers]) for name in names]
    furthest = [
        max((Change(found[PNG], found[name]) for name in names), key=lambda c: (c.opposite, c.differs, c.amount))
        for found in all_answers
    ]
    return "\n".join([*lines, line("any of them", furthest)])


def announced(answers: Iterable[dict[str, Verdict]]) -> str:
    """Of the pictures whose label another format changes, and of the others, how many answers on the PNG say so."""
    said: dict[bool, list[bool]] = {True: [], False: []}
    for found in answers:
        changes = any(Change(found[PNG], other).differs for other in found.values())
        said[changes].append(any(sentence in found[PNG].reason for sentence in HANGS.values()))
    return (
        f"the answer says that it depends on the file format: {sum(said[True])} of {len(said[True])} pictures whose "
        f"label another format changes, {sum(said[False])} of {len(said[False])} others"
    )


def main() -> None:
    """Print the table for the bundled network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--seed", type=int, default=14)
    asked = parser.parse_args()
    checkpoint = load_folder(BUNDLED)
    detector = Detector.load(checkpoint, "cpu")
    answers = []
    rows = drawn(read_pool(asked.pool), asked.pictures, np.random.default_rng(asked.seed))
    for row in tqdm(rows):
        image = row.open()
        image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        found = {
            name: detector.detect(from_bytes(data, Source("benchmark", row.name)).pixels).verdict
            for name, data in files(image).items()
        }
        answers.append(found)
        for name, verdict in found.items():
            if Change(found[PNG], verdict).opposite:
                print("look:", row.source, row.name, name, found[PNG].label.value, "→", verdict.label.value)
    decided = sum(found[PNG].label in DECIDED for found in answers)
    print(f"{checkpoint.id}: {len(answers)} pictures, {decided} decided as PNG\n\n{table(answers)}\n")
    print(announced(answers))


if __name__ == "__main__":
    main()
