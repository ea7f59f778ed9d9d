"""Time and memory of building a large corpus, and what a kill costs: ``python -m benchmarks.corpus``.

Makes that many real files (JPEGs of 48 px, the same in every run: small ones, because what is measured is what each
picture costs besides its pixels), with one exact copy and one near duplicate in a hundred. Then builds them in a
process of its own, once unbroken, and once with a SIGKILL at half of that time and a second start. The two results
have to be the same, byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
SIDE, COARSE = 48, 8  # px of a picture, and of the shapes in it
PER_FOLDER = 1000
PARTS = ("train", "validation", "test", "README.md", "summary.json", "left_out.csv", "unreadable.csv")


@dataclass(frozen=True)
class Run:
    """Wall and processor seconds, and the most memory of all its processes together, in MB."""

    wall: float
    cpu: float
    memory: float


def make(folder: Path, pictures: int) -> Path:
    """The pictures and a configuration, or those that are there already."""
    config, mark = folder / "corpus.json", {"pictures": pictures, "side": SIDE}
    done = folder / "made.json"
    if done.is_file() and json.loads(done.read_text()) == mark:
        return config
    shutil.rmtree(folder, ignore_errors=True)
    content = b""
    for number in tqdm(range(pictures), desc="make", unit=" pictures"):
        rng = np.random.default_rng(number)
        if number % 100 == 99:
            pass  # an exact copy of the one before
        elif number % 100 == 98:
            with Image.open(BytesIO(content)) as before:
                content = _jpeg(before, 60)
        else:
            content = _picture(rng)
        place = folder / "pictures" / ("fake" if number // 100 % 2 else "real") / f"{number // PER_FOLDER:04d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:07d}.jpg").write_bytes(content)
    source = {"name": "made", "kind": "folder", "root": "pictures"}
    config.write_text(json.dumps({"name": "benchmark", "sources": [source], "shard_mb": 16}))
    done.write_text(json.dumps(mark))
    return config


def _picture(rng: np.random.Generator) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (COARSE, COARSE, 3), dtype=np.uint8))
    return _jpeg(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), 85)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def build(config: Path, out: Path, workers: int, kill_after: float | None = None) -> Run:
    """One build, killed after so many seconds if that is given."""
    command = [sys.executable, "-m", "train.corpus", "build", str(config), "--out", str(out), "--workers", str(workers)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started, most = time.perf_counter(), 0.0
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    family = psutil.Process(process.pid)
    while process.poll() is None:
        most = max(most, _memory(family))
        if kill_after is not None and time.perf_counter() - started > kill_after:
            process.kill()
        time.sleep(0.1)
    wall = time.perf_counter() - started
    said = process.communicate()[1]
    if kill_after is None and process.returncode:
        sys.exit(said[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, most)


def _memory(family: psutil.Process) -> float:
    """Resident memory in MB, what processes share counted in each."""
    total = 0
    try:
        for process in (family, *family.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # between the list and the question
        pass
    return total / 2**20


def contents(out: Path) -> str:
    """A digest of all that a build gives."""
    digest = hashlib.sha256()
    for part in PARTS:
        for path in sorted((out / part).rglob("*")) if (out / part).is_dir() else [out / part]:
            digest.update(f"{path.relative_to(out)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=250_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="where to make the pictures and build (default: a temporary folder)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        config = make(folder / "made", args.pictures)
        for name in ("unbroken", "broken"):
            shutil.rmtree(folder / name, ignore_errors=True)
        unbroken = build(config, folder / "unbroken", args.workers)
        killed = build(config, folder / "broken", args.workers, unbroken.wall / 2)
        resumed = build(config, folder / "broken", args.workers)
        again = build(config, folder / "broken", args.workers)
        same = contents(folder / "unbroken") == contents(folder / "broken")
    print("| build | wall | processor | peak memory, all processes |")
    print("|---|---:|---:|---:|")
    rows = {"unbroken": unbroken, "until the kill": killed, "after it": resumed, "with nothing left to do": again}
    for name, run in rows.items():
        print(f"| {name} | {run.wall:.1f} s | {run.cpu:.1f} s | {run.memory:.0f} MB |")
    rate = args.pictures / unbroken.wall
    extra = killed.wall + resumed.wall - unbroken.wall
    print(
        f"\n{args.pictures:,} pictures of {SIDE} px, {args.workers} workers: {rate:,.0f} a second; the kill cost",
        end="",
    )
    print(f" {extra:.1f} s; the results are {'the same, byte by byte' if same else 'NOT THE SAME'}")


if __name__ == "__main__":
    main()
