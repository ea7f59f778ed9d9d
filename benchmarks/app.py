"""Start-up, verdict time and memory of the app as it is served: ``python -m benchmarks.app``.

Starts ``app.py`` in a process of its own with an empty cache, then once more with the cache filled, and classifies
the bundled samples over the Gradio client API, one after the other.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from gradio_client import Client, handle_file

from tests.conftest import free_port

ROOT = Path(__file__).parent.parent
SAMPLES = sorted((ROOT / "unfake/catalog/samples").glob("*.jpg"))


@dataclass(frozen=True)
class Run:
    """Seconds from the start of the process, milliseconds a verdict, MB of memory at the peak."""

    page: float
    first_verdict: float
    verdict: float
    request: float
    memory: float
    runtime: str


def _peak_memory(pid: int) -> float:
    """Peak resident memory in MB (Linux: VmHWM in /proc)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(cache: Path) -> Run:
    """One start and one verdict for each sample."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "UNFAKE_CACHE": str(cache), "UNFAKE_STORE": "memory"}
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    requests.get(address, timeout=10).raise_for_status()
                    break
                except requests.ConnectionError:
                    time.sleep(0.02)
            page = time.perf_counter() - started
            client = Client(address, verbose=False)
            client.predict(handle_file(SAMPLES[0]), api_name="/classify")
            first = time.perf_counter() - started
            inside, outside = [], []
            for path in SAMPLES[1:]:  # each once: a second time the store answers
                begun = time.perf_counter()
                report = client.predict(handle_file(path), api_name="/classify")
                outside.append(1000 * (time.perf_counter() - begun))
                inside.append(report["timing_ms"])
            memory = _peak_memory(process.pid)
        finally:
            process.terminate()
    runtime = report["detector"]["runtime"]
    return Run(page, first, statistics.median(inside), statistics.median(outside), memory, runtime)


def main() -> None:
    """Print a Markdown table."""
    print("| start | first page | first verdict | one verdict | with upload | peak memory | runtime |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as cache:
        for name in ("empty cache", "filled cache"):
            run = measure(Path(cache))
            print(
                f"| {name} | {run.page:.1f} s | {run.first_verdict:.1f} s | {run.verdict:.0f} ms "
                f"| {run.request:.0f} ms | {run.memory:.0f} MB | {run.runtime} |"
            )


if __name__ == "__main__":
    main()
