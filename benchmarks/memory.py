"""Memory and time of untrusted pictures: ``python -m benchmarks.memory [FILE ...]``.

Each file, or a 24-megapixel JPEG made here, is classified by the app's services alone and by 32 at once, in a process
of its own. Memory is that of the app and of all its processes together (Linux: Pss), at the peak.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.family import Watch, memory
from unfake.errors import UnfakeError
from unfake.services import Services
from unfake.settings import Settings
from unfake.store import VerdictStore

AT_ONCE = 32


def usual() -> bytes:
    """A JPEG of 24 megapixels, smooth with some noise."""
    small = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((6000, 4000), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def measure(file: Path, at_once: int) -> None:
    """Classify the file so many times at once, and print a row."""
    data = file.read_bytes()
    with tempfile.TemporaryDirectory() as cache:
        services = Services(Settings(cache=Path(cache), device="cpu"))
        services.wait()
        services.store = VerdictStore(None)
        ends: Counter[str] = Counter()

        def classify(number: int) -> float:
            begun = time.perf_counter()
            try:  # a byte more, which no reader minds, so that no verdict is known already
                ends[services.classify_bytes(data + bytes(number), file.name).report.label.value] += 1
            except UnfakeError as error:
                ends[f"{type(error).__name__}: {error}"] += 1
            return time.perf_counter() - begun

        before, watch = memory(os.getpid()), Watch()
        with ThreadPoolExecutor(at_once) as pool:
            times = sorted(pool.map(classify, range(at_once)))
        peak = watch.stop()
    said = ", ".join(f"{count} × {end}" for end, count in ends.items())
    print(f"| {file.name} | {at_once} | {before:.0f} MB | {peak:.0f} MB | {times[-1]:.2f} s | {said} |", flush=True)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--at-once", type=int, help="measure one file here, without the table's head")
    args = parser.parse_args()
    if args.at_once:
        measure(args.files[0], args.at_once)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "24-megapixels.jpg"
        made.write_bytes(usual())
        print("| file | at once | before | peak | slowest | how they ended |\n|---|---|---|---|---|---|", flush=True)
        for file in args.files or [made]:
            for at_once in (1, AT_ONCE):
                again = [sys.executable, "-m", "benchmarks.memory", str(file), "--at-once", str(at_once)]
                subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
