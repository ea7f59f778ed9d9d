"""Rate and memory of ``python -m unfake scan``: ``python -m benchmarks.million --pool FOLDER [--pictures 10000]``.

Pictures are made from those of a folder, each re-encoded at another size and quality, and scanned by the command in a
process of its own with an empty cache. It prints pictures a second and peak memory of all its processes together, and
hours for a million at that rate; ``--seconds`` kills the scan after so long and takes what is kept by then.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from benchmarks.family import Watch
from unfake import batch

ROOT = Path(__file__).parent.parent
PART = 25  # few, so that little of a scan that is killed goes uncounted
KINDS = (("JPEG", ".jpg"), ("JPEG", ".jpg"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("PNG", ".png"))


def make(pool: Path, folder: Path, pictures: int, seed: int = 0) -> int:
    """Fill the folder with so many pictures, 320 to 1,600 px on the long side; returns their bytes."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    found = list(batch.pictures(pool))
    chance.shuffle(found)
    total = made = 0
    for path in cycle(found):
        if made == pictures:
            return total
        try:
            with Image.open(path) as image:
                side = round(320 * 5 ** chance.random())
                image.draft("RGB", (side, side))
                small = image.convert("RGB")
                small.thumbnail((side, side))
        except OSError:
            continue
        kind, ending = chance.choice(KINDS)
        out = folder / f"{made // 1000:03}" / f"{made:06}{ending}"
        out.parent.mkdir(exist_ok=True)
        small.save(out, kind, quality=chance.randint(60, 95))
        total += out.stat().st_size
        made += 1
    return total


def main() -> None:
    """Print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, help="end the scan after so long")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, out = Path(work) / "pictures", Path(work) / "results.parquet"
        folder.mkdir()
        size = make(asked.pool, folder, asked.pictures)
        print(
            f"{asked.pictures:,} pictures of {size / 2**20:,.0f} MB, load average {os.getloadavg()[0]:.1f}", flush=True
        )
        command = [sys.executable, "-m", "unfake", "scan", str(folder), "--out", str(out), "--part", str(PART)]
        environment = os.environ | {"UNFAKE_CACHE": str(Path(work) / "cache")}
        begun = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            watch = Watch(0.25, process.pid)
            try:
                process.wait(asked.seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            peak = watch.stop()
        seconds = time.perf_counter() - begun
        parts = [out] if out.exists() else sorted(out.with_name(f"{out.name}.parts").glob("0*.parquet"))
        rows = sum(pq.read_metadata(part).num_rows for part in parts)
    if not rows:
        raise SystemExit("Nothing was done in that time.")
    rate = rows / seconds
    print(
        f"{rows:,} pictures in {seconds:.0f} s, start included: {rate:.2f} a second, peak memory {peak:.0f} MB, "
        f"a million in {1e6 / rate / 3600:,.0f} hours of this machine; load average {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
