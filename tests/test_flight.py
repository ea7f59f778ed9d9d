from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES
from unfake import flight
from unfake.detector.detector import Detection, Detector
from unfake.detector.views import Pixels
from unfake.flight import SingleFlight
from unfake.services import Services, load_detector
from unfake.settings import Settings

CLIENTS = 8


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Is released by each call that waits for another's answer."""
    released = threading.Semaphore(0)

    class Watched(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            released.release()
            return super().result(timeout)

    monkeypatch.setattr(flight, "Future", Watched)
    return released


def test_the_same_new_picture_from_eight_clients_is_computed_once(toy: Path, waiting: threading.Semaphore) -> None:
    # given a network that works until it is let go
    go_on, seen = threading.Event(), list[Pixels]()

    class Slow(Detector):
        def detect(self, pixels: Pixels) -> Detection:
            seen.append(pixels)
            go_on.wait(60)
            return super().detect(pixels)

    def load(settings: Settings) -> Detector:
        detector = load_detector(settings)
        return Slow(detector.checkpoint, detector.runtime)

    services = Services(Settings(model=str(toy), device="cpu"), load)
    data = (SAMPLES / "pagoda.jpg").read_bytes()
    # when eight ask for the same picture, and seven are waiting for the first one
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(services.classify_bytes, data, f"{number}.jpg") for number in range(CLIENTS)]
        try:
            all_wait = all(waiting.acquire(timeout=20) for _ in range(CLIENTS - 1))
        finally:
            go_on.set()
        found = [each.result().report for each in asked]
    # then it was computed once, for all of them
    assert all_wait
    assert len(seen) == 1
    assert len({report.probability for report in found}) == 1
    assert {report.picture.source_name for report in found} == {f"{number}.jpg" for number in range(CLIENTS)}


def test_a_failure_is_everybodys_and_the_next_call_tries_again(waiting: threading.Semaphore) -> None:
    flights, go_on, calls = SingleFlight[int](), threading.Event(), list[int]()

    def fail() -> int:
        calls.append(1)
        go_on.wait(60)
        raise ValueError("no")

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(flights.call, "key", fail) for _ in range(2)]
        assert waiting.acquire(timeout=60)
        go_on.set()
        assert [type(each.exception()) for each in both] == [ValueError, ValueError]
    assert len(calls) == 1
    assert flights.call("key", lambda: 7) == 7


def test_other_keys_do_not_wait() -> None:
    flights = SingleFlight[int]()
    assert flights.call("a", lambda: flights.call("b", lambda: 1) + 1) == 2
