from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.conftest import SAMPLES
from unfake.detector.detector import Detector
from unfake.errors import CheckpointCorrupt, PhotoNotFound
from unfake.services import Services, load_detector
from unfake.settings import Settings


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model="unfake-lite0", device="cpu", cache=tmp_path_factory.mktemp("cache")))


def test_a_file_and_a_photo_give_the_same_answer(services: Services) -> None:
    by_id = services.classify_photo("pagoda").report
    by_file = services.classify_file(SAMPLES / "pagoda.jpg").report
    assert by_id.probability == by_file.probability
    assert by_id.picture.sha256 == by_file.picture.sha256
    assert (by_id.picture.source_kind, by_id.picture.source_name) == ("samples", "pagoda")


def test_a_report_becomes_the_documented_object(services: Services) -> None:
    found = services.classify_photo("espresso").report.to_json()
    assert found["schema"] == "unfake.report/2"
    assert found["detector"]["checkpoint"] == services.checkpoint.id
    assert found["evidence"]["heatmap"]["rows"] > 0


def test_an_unknown_photo_is_an_error(services: Services) -> None:
    with pytest.raises(PhotoNotFound):
        services.classify_photo("nobody")


def test_status_does_not_wait_for_the_detector() -> None:
    go_on = threading.Event()

    def slow(settings: Settings) -> Detector:
        go_on.wait(30)
        return load_detector(settings)

    services = Services(Settings(model="unfake-lite0", device="cpu"), slow)
    assert services.status()["state"] == "loading"
    go_on.set()
    services.wait()
    assert services.status()["state"] == "ready"


def test_without_a_checkpoint_there_is_no_verdict() -> None:
    def broken(_: Settings) -> Detector:
        raise CheckpointCorrupt("The file model.onnx does not have the sha256 that config.json gives.")

    services = Services(Settings(model="unfake-lite0"), broken)
    with pytest.raises(CheckpointCorrupt):
        services.classify_file(SAMPLES / "pagoda.jpg")
    status = services.status()
    assert status["state"] == "failed"
    assert status["checkpoint"] is None
    assert "sha256" in status["error"]
    assert services.search("cat").total > 0  # the rest of the app works


def test_a_fallback_is_said_in_status_and_in_every_report(tmp_path: Path) -> None:
    services = Services(Settings(model=str(tmp_path / "nowhere"), device="cpu", cache=tmp_path))
    report = services.classify_photo("pagoda").report
    assert report.notice is not None
    assert "nowhere was asked for" in report.notice
    assert services.status()["checkpoint"]["notice"] == report.notice
    assert services.status()["checkpoint"]["origin"] == "bundled"
