"""What the files of a pool settle by themselves: ``python -m benchmarks.provenance POOL``.

POOL is a folder with ``index.tsv`` (columns source, label, generator, name, stated) and the pictures under
``SOURCE/LABEL/NAME``. A picture counts as stated where the column ``stated`` is not empty: what a search for known words
found in its bytes when the pool was made, which is not what is measured here. Settled: the table of unfake.judgement
gives a verdict without the network. False: a real picture that is settled as made or edited with AI.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unfake.detector.calibration import Label
from unfake.detector.detector import Verdict
from unfake.evidence.provenance import load_anchors, read
from unfake.judgement import Ground, Judgement, judge

UNKNOWN = Verdict(Label.NOT_APPLICABLE, None, "The network was not asked.")
GOAL = 0.95


@dataclass(frozen=True)
class Row:
    """A picture of the pool, the verdict of its file, and the milliseconds that it took."""

    picture: dict[str, str]
    judgement: Judgement
    milliseconds: float

    @property
    def settled(self) -> bool:
        """Whether its file settles it."""
        return self.judgement.ground is not Ground.PIXELS


def measure(pool: Path, anchors: str | None) -> Iterator[Row]:
    """Read every picture of the pool that is there."""
    with (pool / "index.tsv").open(newline="") as file:
        for picture in csv.DictReader(file, delimiter="\t"):
            data = (pool / picture["source"] / picture["label"] / picture["name"]).read_bytes()
            started = time.perf_counter()
            judgement = judge(read(data, anchors), UNKNOWN)
            yield Row(picture, judgement, 1000 * (time.perf_counter() - started))


def table(rows: list[Row], column: str) -> str:
    """A line for each value of a column: pictures, stated, settled by ground, and of the stated ones settled."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.picture[column]].append(row)
    lines = [
        f"| {column} | pictures | stated | settled: signed | settled: stated | of the stated ones |",
        "|---|" + "--:|" * 5,
    ]
    for name in sorted(groups):
        group = groups[name]
        stated = [row for row in group if row.picture["stated"]]
        if not stated and not any(row.settled for row in group):
            continue
        grounds = Counter(row.judgement.ground for row in group)
        share = f"{sum(row.settled for row in stated)} of {len(stated)}" if stated else "–"
        counts = f"{len(group)} | {len(stated)} | {grounds[Ground.SIGNED]} | {grounds[Ground.STATED]}"
        lines.append(f"| {name} | {counts} | {share} |")
    return "\n".join(lines)


def main() -> int:
    """Print the tables; gives 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--trust-list", type=Path, help="certificates (PEM) of signers that are trusted")
    asked = parser.parse_args()
    rows = list(measure(asked.pool, load_anchors(asked.trust_list) if asked.trust_list else None))
    fake = [row for row in rows if row.picture["label"] == "fake"]
    real = [row for row in rows if row.picture["label"] == "real"]
    print(table(fake, "generator"), "\n")
    print(table(rows, "source"), "\n")
    stated = [row for row in fake if row.picture["stated"]]
    settled = [row for row in stated if row.settled]
    false = [row for row in real if row.judgement.label in (Label.DECLARED_AI, Label.DECLARED_AI_EDIT)]
    labels = Counter(row.judgement.label.value for row in settled)
    print(
        f"stated: {len(stated)}, of them settled: {len(settled)} ({len(settled) / max(len(stated), 1):.1%}), {dict(labels)}"
    )
    print(f"all AI pictures: {len(fake)}, settled: {sum(row.settled for row in fake)}")
    print(f"real: {len(real)}, falsely settled as AI: {len(false)}")
    times = np.array([row.milliseconds for row in rows])
    print(f"ms a picture: mean {times.mean():.1f}, median {np.median(times):.1f}, 99 % {np.percentile(times, 99):.1f}")
    for row in [row for row in stated if not row.settled] + false:
        print("look:", row.picture["source"], row.picture["name"], row.judgement.warning or "")
    return 0 if not false and len(settled) >= GOAL * len(stated) else 1


if __name__ == "__main__":
    raise SystemExit(main())
