"""Do the boxes of a verdict say where? ``python -m benchmarks.composites POOL``.

Pastes a square of a generated picture into a real one, a fifth to two fifths of its short side wide, with soft edges
and one JPEG over both, and asks whether the view with the highest probability contains the square's centre. Beside it
stand the share of the picture's area that this view covers, and how often a view taken by chance would have contained
the centre: more often, since neither views nor squares lie at the edges. All is drawn by a seed.

POOL is a folder with ``index.tsv`` (columns source, label, generator, name) and the pictures under
``SOURCE/LABEL/NAME``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter
from scipy.stats import binomtest
from tqdm import tqdm

from train.deliveries import jpeg
from train.pool import Row, read_pool
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.detector import Detector
from unfake.detector.views import Box
from unfake.evidence.regions import Region

# Photographs of no generator, at a size that leaves something to hide a square in.
REAL = ("unsplash_named", "camera_named", "cameras_metadata_extractor", "gemini3pro_unsplash_teenbiscuits")
LEAST_SIDE, LONG_SIDE = 448, 1280  # px of the real picture: left out under the one, shrunk to the other
SHARE = (0.2, 0.4)  # of the short side
QUALITY = 90


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture, uint8 RGB ``[H, W, 3]``, and the square that was pasted in, as fractions of width and height."""

    pixels: np.ndarray
    pasted: Box

    def centre_in(self, box: Box) -> bool:
        """Whether the centre of the pasted square lies in a box."""
        x, y = (self.pasted[0] + self.pasted[2]) / 2, (self.pasted[1] + self.pasted[3]) / 2
        return box[0] <= x < box[2] and box[1] <= y < box[3]


def paste(real: Image.Image, fake: Image.Image, rng: Generator) -> Composite:
    """A square of ``fake``, cut and placed by ``rng``, in ``real``."""
    real = real.copy()
    real.thumbnail((LONG_SIDE, LONG_SIDE))
    side = int(min(real.size) * rng.uniform(*SHARE))
    whole = min(fake.size)
    left, top = int(rng.integers(fake.width - whole + 1)), int(rng.integers(fake.height - whole + 1))
    square = fake.crop((left, top, left + whole, top + whole)).resize((side, side), Image.Resampling.LANCZOS)
    edge = max(1, side // 16)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).rectangle((edge, edge, side - 1 - edge, side - 1 - edge), fill=255)
    x, y = int(rng.integers(real.width - side + 1)), int(rng.integers(real.height - side + 1))
    real.paste(square, (x, y), mask.filter(ImageFilter.GaussianBlur(edge / 2)))
    width, height = real.size
    pasted = (x / width, y / height, (x + side) / width, (y + side) / height)
    return Composite(np.asarray(jpeg(real, QUALITY)), pasted)


def highest(regions: tuple[Region, ...]) -> Region | None:
    """The region with the highest probability, or None where there is no choice between regions."""
    if len(regions) < 2:
        return None
    return max(regions, key=lambda region: region.probability or 0.0)


def pairs(rows: list[Row], count: int, rng: Generator) -> list[tuple[Row, Row]]:
    """So many real pictures, each with a generated one, every source as often as the others."""
    chosen = []
    for label, sources in (("real", set(REAL)), ("fake", {row.source for row in rows})):
        by_source = [[row for row in rows if row.label == label and row.source == each] for each in sorted(sources)]
        by_source = [group for group in by_source if group]
        drawn = [by_source[rng.integers(len(by_source))] for _ in range(count)]
        chosen.append([group[rng.integers(len(group))] for group in drawn])
    return list(zip(*chosen, strict=True))


def area(box: Box) -> float:
    """Share of the picture that a box covers."""
    return (box[2] - box[0]) * (box[3] - box[1])


def main() -> None:
    """Print how often the highest view contains the centre, Wilson's 95 % interval, and chance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--model", type=Path, default=BUNDLED, help="folder of a checkpoint (default: unfake-clip)")
    parser.add_argument("--composites", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    detector = Detector.load(load_folder(asked.model), "cpu")
    hits: list[bool] = []
    shares: list[float] = []
    chances: list[float] = []
    # Some are too small, or have a single view: more are drawn than asked for.
    for real, fake in tqdm(pairs(read_pool(asked.pool), 3 * asked.composites, rng), desc="composites"):
        whole = real.open()
        if min(whole.size) < LEAST_SIDE:
            continue
        made = paste(whole, fake.open(), rng)
        regions = detector.detect(made.pixels).regions
        found = highest(regions)
        if found is None:
            continue
        hits.append(made.centre_in(found.box))
        shares.append(area(found.box))
        chances.append(float(np.mean([made.centre_in(region.box) for region in regions])))
        if len(hits) == asked.composites:
            break
    low, high = binomtest(sum(hits), len(hits)).proportion_ci(0.95, method="wilson")
    print(f"{detector.checkpoint.id} on {detector.runtime.name}, seed {asked.seed}")
    print(
        f"the highest view contains the centre in {sum(hits)} of {len(hits)} composites "
        f"({sum(hits) / len(hits):.1%}, {low:.1%} to {high:.1%}); its share of the area is {np.mean(shares):.1%}, "
        f"and a view by chance contains it in {np.mean(chances):.1%}"
    )


if __name__ == "__main__":
    main()
