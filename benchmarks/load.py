"""The app under load, over HTTP: ``python -m benchmarks.load [--seconds 20]`` or ``--requests 5000``.

1, 4, 16 and 32 clients each send new pictures, one after another, through the queue as a program does (upload, call,
answer): verdicts a second, the median and the 95th percentile of a visit, and the peak memory of the app and all its
processes together. Then eight clients send the same new picture at once: how often the network saw it. With
``--requests`` four clients send so many, and memory is that after 500, 1,500 and 5,000 of them, once it is at rest.

Each client comes from an address of its own, as behind a proxy, or the app would hold it to a visitor's rate.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import requests

from benchmarks.family import Watch, memory
from tests.conftest import SAMPLES, free_port

ROOT = Path(__file__).parent.parent
CLIENTS = (1, 4, 16, 32)
LOOKS = (500, 1500, 5000)  # requests after which memory is looked at
REST = 2.0  # seconds of rest before a look
TOGETHER, ROUNDS = 8, 10

# Runs the app, and notes each picture that the network is given.
COUNTED = """
import os, runpy, sys
from unfake.detector.detector import Detector
detect = Detector.detect
def counted(self, pixels):
    with open(os.environ["SEEN"], "a") as file:
        file.write(".")
    return detect(self, pixels)
Detector.detect = counted
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass(frozen=True)
class App:
    """A running app: its address, its process, and the file with a dot for each picture that its network was given."""

    address: str
    pid: int
    seen: Path


@contextmanager
def app() -> Iterator[App]:
    """The app in a process of its own with an empty cache, once it has given a verdict."""
    with tempfile.TemporaryDirectory() as work:
        seen, port = Path(work) / "seen", free_port()
        seen.touch()
        environment = os.environ | {
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "UNFAKE_CACHE": str(Path(work) / "cache"),
            "SEEN": str(seen),
        }
        command = [sys.executable, "-c", COUNTED]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                found = App(f"http://127.0.0.1:{port}/gradio_api", process.pid, seen)
                _wait(f"http://127.0.0.1:{port}", process)
                Client(found, 0).verdict(next(pictures()))
                yield found
            finally:
                process.terminate()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            requests.get(address, timeout=10).raise_for_status()
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise SystemExit("The app did not start.")


class Client:
    """A program that sends pictures; ``number`` gives it an address of its own."""

    def __init__(self, to: App, number: int) -> None:
        self._address = to.address
        self._session = requests.Session()
        self._session.headers["X-Forwarded-For"] = f"9.9.{number // 250}.{number % 250 + 1}"

    def verdict(self, picture: bytes) -> str:
        """The label that the app gives the picture."""
        sent = self._session.post(f"{self._address}/upload", files={"files": ("picture.jpg", picture)}, timeout=600)
        sent.raise_for_status()
        data = {"data": [{"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}]}
        called = self._session.post(f"{self._address}/call/classify", json=data, timeout=600)
        called.raise_for_status()
        place = f"{self._address}/call/classify/{called.json()['event_id']}"
        with self._session.get(place, stream=True, timeout=600) as events:
            lines = events.iter_lines(decode_unicode=True)
            for line in lines:
                if line == "event: complete":
                    report = json.loads(next(lines).removeprefix("data: "))[0]
                    return str(report["verdict"]["label"])
                if line == "event: error":
                    raise SystemExit(f"The app refused a picture: {next(lines)}")
        raise SystemExit("The app gave no answer.")


def pictures() -> Iterator[bytes]:
    """New pictures without end: the samples, each with some bytes more that no reader minds."""
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))]
    for number in count():
        yield samples[number % len(samples)] + os.urandom(16)


def send(to: App, clients: int, enough: Callable[[int], bool]) -> list[float]:
    """Let so many clients send until ``enough`` says so of the number begun; gives the seconds of each visit."""
    new, lock, begun, times = pictures(), threading.Lock(), count(), list[float]()

    def work(number: int) -> None:
        client = Client(to, number)
        while True:
            with lock:
                if enough(next(begun)):
                    return
                picture = next(new)
            started = time.perf_counter()
            client.verdict(picture)
            times.append(time.perf_counter() - started)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(1, clients + 1)))
    return times


def load(to: App, seconds: float) -> None:
    """Print a Markdown table, a row for each number of clients."""
    print("| clients | verdicts a second | median | 95th percentile | peak memory |\n|---|---|---|---|---|", flush=True)
    for clients in CLIENTS:
        watch, started = Watch(0.1, to.pid), time.perf_counter()
        until = started + seconds
        times = send(to, clients, lambda _, until=until: time.perf_counter() > until)  # type: ignore[misc]
        rate, peak = len(times) / (time.perf_counter() - started), watch.stop()
        late = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        middle = statistics.median(times)
        print(f"| {clients} | {rate:.2f} | {middle:.2f} s | {late:.2f} s | {peak:.0f} MB |", flush=True)


def together(to: App) -> None:
    """Print how often the network sees a new picture that eight clients send at once."""
    clients = [Client(to, number) for number in range(TOGETHER)]
    found = []
    with ThreadPoolExecutor(TOGETHER) as pool:
        for picture in islice(pictures(), ROUNDS):
            before = to.seen.stat().st_size
            labels = set(pool.map(lambda client: client.verdict(picture), clients))  # noqa: B023 - used up here
            found.append(to.seen.stat().st_size - before)
            if len(labels) != 1:
                raise SystemExit(f"The same picture got several verdicts: {', '.join(sorted(labels))}.")
    print(
        f"A new picture from {TOGETHER} clients at once, {ROUNDS} times: computed {min(found)} to {max(found)} times."
    )


def growth(to: App, total: int) -> None:
    """Print memory after some numbers of requests, and how much it grew after the first."""
    done, first = 0, 0.0
    print("| requests | memory at rest | growth |\n|---|---|---|", flush=True)
    for look in sorted({look for look in LOOKS if look <= total} | {total}):
        now = look - done
        send(to, 4, lambda begun, now=now: begun >= now)  # type: ignore[misc]
        done = look
        time.sleep(REST)
        found = memory(to.pid)
        first = first or found
        print(f"| {look:,} | {found:.0f} MB | {100 * (found / first - 1):+.1f} % |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each number of clients")
    parser.add_argument("--requests", type=int, help="memory after so many requests instead")
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the app started", flush=True)
    with app() as to:
        if asked.requests:
            growth(to, asked.requests)
        else:
            load(to, asked.seconds)
            together(to)


if __name__ == "__main__":
    main()
