"""Whatever evidence fails, in whatever way, the verdict by the pixels comes all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES
from tests.evidence import files
from unfake.errors import FacesFailed
from unfake.evidence import faces
from unfake.evidence.provenance import State, credentials, exif, parameters, reading, xmp
from unfake.evidence.stability import Copy
from unfake.services import Services
from unfake.settings import Settings

PICTURE = SAMPLES / "naval-officer.jpg"
RICH = files.png({"parameters": files.A1111}, xmp=files.source_type("humanEdits"))


@pytest.fixture(scope="module")
def services(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model=str(toy), device="cpu", cache=tmp_path_factory.mktemp("cache")))


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def failing(problem: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise problem

    return fail


@pytest.mark.parametrize(
    "problem", [RuntimeError("broken"), MemoryError(), RecursionError(), OSError("gone")], ids=repr
)
@pytest.mark.parametrize(
    ("module", "name"),
    [(reading, "walk"), (xmp, "parse"), (parameters, "statements"), (exif, "parse"), (credentials, "statements")],
)
def test_a_reader_that_raises_costs_no_verdict(
    services: Services, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, problem: Exception
) -> None:
    monkeypatch.setattr(module, name, failing(problem))
    for data in (RICH, files.jpeg(files.exif(Make="Canon"))):
        report = services.classify_bytes(data, "picture").report
        assert report.pixels is not None
        assert report.pixels.probability is not None


def test_a_reader_that_hangs_costs_no_verdict(
    services: Services, monkeypatch: pytest.MonkeyPatch, go_on: threading.Event
) -> None:
    def hang(_: bytes) -> Any:
        go_on.wait(60)

    def read(data: bytes, anchors: str | None = None) -> Any:
        return whole(data, anchors, 0.05)

    whole = reading.read
    monkeypatch.setattr(xmp, "parse", hang)
    monkeypatch.setattr("unfake.services.provenance.read", read)
    report = services.classify_bytes(RICH, "picture").report
    assert report.pixels is not None
    assert report.pixels.probability is not None
    assert State.UNREADABLE in {statement.state for statement in report.provenance}


@pytest.mark.parametrize("problem", [FacesFailed("no faces"), RuntimeError("broken"), MemoryError()], ids=repr)
def test_faces_that_fail_cost_no_verdict(
    services: Services, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    monkeypatch.setattr(faces.FaceDetector, "find", failing(problem))
    with pytest.raises(type(problem)):
        services.faces(PICTURE.read_bytes())
    assert services.classify_file(PICTURE).report.probability is not None


def test_a_copy_that_cannot_be_made_costs_no_verdict(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Copy, "of", failing(RuntimeError("broken")))
    with pytest.raises(RuntimeError):
        services.stability(PICTURE.read_bytes())
    assert services.classify_file(PICTURE).report.probability is not None


@pytest.mark.parametrize("what", ["faces", "stability"])
def test_a_look_that_hangs_holds_up_no_verdict(
    services: Services, monkeypatch: pytest.MonkeyPatch, go_on: threading.Event, what: str
) -> None:
    begun = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        begun.set()
        go_on.wait(60)
        raise RuntimeError("too late")

    if what == "faces":
        monkeypatch.setattr(faces.FaceDetector, "find", hang)
    else:
        monkeypatch.setattr(Copy, "of", hang)

    def look() -> None:
        with pytest.raises(RuntimeError, match="too late"):
            getattr(services, what)(PICTURE.read_bytes())

    looking = threading.Thread(target=look)
    looking.start()
    assert begun.wait(60)
    assert services.classify_file(SAMPLES / "pagoda.jpg").report.probability is not None
    assert looking.is_alive()
    go_on.set()
    looking.join(60)
