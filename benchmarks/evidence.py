"""What evidence adds to the time of a verdict: ``python -m benchmarks.evidence [POOL]``.

The files are the catalog's samples and, from POOL (a folder with ``index.tsv``), some whose column ``stated`` is not
empty, one of each source in turn. Each round takes every file once and does one thing after the other with it: the
verdict by the pixels (decoding and the network), reading the provenance, joining both, and the faces (decoding larger,
finding and reading them). So what else runs on the machine slows all of them alike, and the ratios hold where the
milliseconds do not. The load average is printed beside them.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from unfake import intake
from unfake.catalog.samples import SAMPLES_FOLDER
from unfake.decoding.codec import Needed
from unfake.decoding.pool import Opened, shared
from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.detector import Detection, Detector
from unfake.evidence import faces, provenance
from unfake.intake import DEFAULT_LIMITS, Picture, Source
from unfake.judgement import judge
from unfake.services import FACES_SIDE

GOAL_MS, GOAL_SHARE = 30, 0.3


def stated(pool: Path, count: int) -> list[Path]:
    """So many files with a statement, one of each source in turn."""
    sources: dict[str, list[Path]] = defaultdict(list)
    with (pool / "index.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["stated"]:
                sources[row["source"]].append(pool / row["source"] / row["label"] / row["name"])
    turns = zip_longest(*(sources[name] for name in sorted(sources)))
    return [path for path in chain.from_iterable(turns) if path][:count]


class Measured:
    """One detector, and the milliseconds that each step took, by file and step."""

    def __init__(self) -> None:
        self.detector = Detector.load(load_folder(BUNDLED), "cpu")
        self.times: dict[Path, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def _timed(self, path: Path, step: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        found = work()
        self.times[path][step].append(1000 * (time.perf_counter() - started))
        return found

    def _picture(self, data: bytes, long_side: int = 0) -> Picture:
        views = self.detector.checkpoint.config.views

        def opener(given: bytes, most: int) -> Opened:
            return shared().open(given, most, Needed(max(views.long_side, views.size, long_side), views.size))

        return intake.from_bytes(data, Source("upload", ""), DEFAULT_LIMITS, opener=opener)

    def _verdict(self, data: bytes) -> Detection:
        return self.detector.detect(self._picture(data).pixels)

    def _faces(self, data: bytes) -> None:
        picture = self._picture(data, FACES_SIDE)
        found = faces.shared().find(picture.pixels)
        faces.read_faces(found, picture.pixels, (picture.width, picture.height), self.detector.probability)

    def round(self, paths: Sequence[Path]) -> None:
        """Every step on every file."""
        for path in paths:
            data = path.read_bytes()
            detection = self._timed(path, "verdict", partial(self._verdict, data))
            said = self._timed(path, "provenance", partial(provenance.read, data))
            self._timed(path, "join", partial(judge, said, detection.verdict))
            self._timed(path, "faces", partial(self._faces, data))

    def medians(self) -> dict[str, np.ndarray]:
        """Milliseconds of each step: for each file the median over the rounds ``[files]``."""
        steps = ("verdict", "provenance", "join", "faces")
        return {step: np.array([np.median(each[step]) for each in self.times.values()]) for step in steps}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path, nargs="?")
    parser.add_argument("--stated", type=int, default=10, help="files of the pool")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    paths = sorted(SAMPLES_FOLDER.glob("*.jpg")) + (stated(asked.pool, asked.stated) if asked.pool else [])
    measured = Measured()
    measured.round(paths[:2])  # what is loaded on first use
    measured.times.clear()
    for _ in range(asked.rounds):
        measured.round(paths)
    found = measured.medians()
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{len(paths)} files, {asked.rounds} rounds, {os.cpu_count()} cores, load average {load}")
    print("| | median ms | 95 % under | of the verdict: median | 95 % under |\n|---|--:|--:|--:|--:|")
    added = {"both, without faces": found["provenance"] + found["join"]}
    for name, times in (found | added).items():
        share = times / found["verdict"]
        middle, most = np.median(times), np.percentile(times, 95)
        print(f"| {name} | {middle:.2f} | {most:.2f} | {np.median(share):.1%} | {np.percentile(share, 95):.1%} |")
    print(f"goals: under {GOAL_MS} ms without faces, under {GOAL_SHARE:.0%} of the verdict with them")


if __name__ == "__main__":
    main()
