from __future__ import annotations

import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, SAMPLES
from tests.evidence import files
from tests.servers.unsplash import KEY, Unsplash
from unfake.catalog.unsplash import UnsplashCatalog
from unfake.detector.calibration import Label
from unfake.detector.detector import Detector
from unfake.errors import (
    CheckpointCorrupt,
    InputError,
    PhotoNotFound,
    PictureTooLarge,
    StoreError,
    Unavailable,
    UnfakeError,
    UnsupportedPicture,
)
from unfake.intake import Limits
from unfake.services import KEPT_SECONDS, Services, load_detector
from unfake.settings import Settings


@pytest.fixture(scope="module")
def services(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model=str(toy), device="cpu", cache=tmp_path_factory.mktemp("cache")))


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
    example = re.search(r"```json\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    assert example is not None
    assert shape(found) == shape(json.loads(example.group(1)))


def shape(part: object, name: str = "") -> object:
    """The names in a JSON object and in the objects in it; what a statement tells in ``detail`` is its own."""
    if isinstance(part, dict):
        return name if name == "detail" else {key: shape(value, key) for key, value in part.items()}
    return [shape(part[0])] if isinstance(part, list) and part else name


@pytest.mark.slow
def test_a_report_on_a_portrait_has_the_thresholds_that_decided_from_the_store_as_well(tmp_path: Path) -> None:
    services = Services(Settings(model="unfake-clip", device="cpu", precision="f32", cache=tmp_path))
    thresholds = services.checkpoint.config.thresholds
    for _ in range(2):
        report = services.classify_file(SAMPLES / "smiling-woman.jpg").report
        assert (report.label, report.thresholds) == (Label.INCONCLUSIVE, thresholds.portrait)
        assert report.probability is not None
        assert thresholds.label(report.probability) is Label.LIKELY_FAKE  # of any other picture
    assert services.classify_file(SAMPLES / "pagoda.jpg").report.thresholds == thresholds.of(portrait=False)


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_a_report_on_an_animation_says_that_one_frame_was_looked_at(services: Services, name: str) -> None:
    frames = [Image.new("RGB", (400, 300), colour) for colour in ("red", "lime")]
    for moving in (True, False):
        file = io.BytesIO()
        frames[0].save(file, name, save_all=moving, **({"append_images": frames[1:]} if moving else {}))
        for _ in range(2):  # fresh, and from the store
            found = services.classify_bytes(file.getvalue(), f"a.{name.lower()}").report.to_json()
            assert found["verdict"]["reason"].endswith("only the first frame was looked at.") is moving


def test_an_unknown_photo_is_an_error(services: Services) -> None:
    with pytest.raises(PhotoNotFound):
        services.classify_photo("nobody")


def test_status_does_not_wait_for_the_detector(toy: Path) -> None:
    go_on = threading.Event()

    def slow(settings: Settings) -> Detector:
        go_on.wait(30)
        return load_detector(settings)

    services = Services(Settings(model=str(toy), device="cpu"), slow)
    assert services.status()["state"] == "loading"
    go_on.set()
    services.wait()
    assert services.status()["state"] == "ready"


def test_without_a_checkpoint_there_is_no_verdict() -> None:
    def broken(_: Settings) -> Detector:
        raise CheckpointCorrupt("The file model.onnx does not have the sha256 that config.json gives.")

    services = Services(Settings(), broken)
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


@pytest.fixture
def unsplash() -> Iterator[Unsplash]:
    with Unsplash() as server:
        yield server


@pytest.fixture
def shop(toy: Path, unsplash: Unsplash, tmp_path: Path) -> Iterator[Services]:
    """Services on a local Unsplash whose files may have 2 MB."""
    settings = Settings(model=str(toy), device="cpu", cache=tmp_path, limits=Limits(bytes=2 * 2**20))
    services = Services(settings)
    catalog = UnsplashCatalog(KEY, unsplash.url, backoff=0.0, limits=settings.limits)
    services.catalog = catalog
    yield services
    catalog.close()


def test_a_sample_that_is_downloaded_is_its_file(services: Services) -> None:
    taken = services.download("pagoda", services.classify_photo("pagoda"))
    assert taken.path.read_bytes() == (SAMPLES / "pagoda.jpg").read_bytes()
    assert (taken.name, taken.size) == ("samples-pagoda.jpg", (SAMPLES / "pagoda.jpg").stat().st_size)
    assert taken.sha256 == hashlib.sha256(taken.path.read_bytes()).hexdigest()
    assert taken.agrees
    assert taken.path.is_relative_to(services.uploads.absolute())


def test_the_file_that_is_handed_over_is_the_one_that_is_judged(shop: Services, unsplash: Unsplash) -> None:
    photo = shop.search("cat").photos[0]
    seen = shop.classify_photo(photo.id)
    taken = shop.download(photo.id, seen, "ana")
    assert taken.sha256 == hashlib.sha256(taken.path.read_bytes()).hexdigest()
    assert taken.sha256 != seen.report.picture.sha256
    assert (taken.report.picture.bytes, taken.name) == (taken.path.stat().st_size, f"unsplash-{photo.id}.jpg")
    assert (taken.report.picture.source_kind, taken.report.picture.source_name) == ("unsplash", photo.id)
    assert taken.checked is seen.report
    assert unsplash.downloads == {photo.id: 1}
    assert [(entry.action, entry.sha256) for entry in shop.history("ana")] == [("downloaded", taken.sha256)]


def test_a_file_that_says_more_than_its_copy_gets_its_own_verdict_and_ending(
    shop: Services, unsplash: Unsplash
) -> None:
    # given a photo whose file states what its smaller copies have lost, and is no JPEG
    photo = shop.search("cat").photos[0]
    unsplash.full[photo.id] = files.png({"parameters": files.A1111})
    seen = shop.classify_photo(photo.id)
    # when it is downloaded
    taken = shop.download(photo.id, seen)
    # then the download carries both verdicts, and the record begins with that
    assert taken.path.read_bytes() == unsplash.full[photo.id]
    assert taken.name == f"unsplash-{photo.id}.png"
    assert taken.report.label is Label.DECLARED_AI
    assert taken.checked.label is not Label.DECLARED_AI
    assert not taken.agrees
    record = shop.record(taken).to_json()
    assert record["first"].startswith("The file that was handed over gets another verdict")
    assert record["picture"]["sha256"] == taken.sha256
    assert record["checked_copy"]["sha256"] == seen.report.picture.sha256


@pytest.mark.parametrize(
    ("file", "error", "sentence"),
    [
        (None, Unavailable, "status 503"),
        (bytes(2 * 2**20 + 1), PictureTooLarge, "too large to be checked here, so nothing was downloaded"),
        (b"<html>", UnsupportedPicture, "not a picture"),
    ],
)
def test_a_file_that_does_not_come_costs_nothing_else(
    shop: Services, unsplash: Unsplash, file: bytes | None, error: type[UnfakeError], sentence: str
) -> None:
    photo = shop.search("cat").photos[0]
    seen = shop.classify_photo(photo.id)
    unsplash.full[photo.id] = file
    with pytest.raises(error, match=sentence):
        shop.download(photo.id, seen, "ana")
    assert not list(shop.uploads.rglob("*.*"))
    assert shop.history("ana") == []
    del unsplash.full[photo.id]
    assert shop.download(photo.id, seen, "ana").path.is_file()


def test_a_picture_of_more_pixels_than_are_read_is_not_handed_over(shop: Services, unsplash: Unsplash) -> None:
    shop.settings = replace(shop.settings, limits=replace(shop.settings.limits, pixels=1_000_000))
    photo = shop.search("cat").photos[0]
    seen = shop.classify_photo(photo.id)
    buffer = io.BytesIO()
    Image.new("RGB", (1100, 1000)).save(buffer, "JPEG")
    unsplash.full[photo.id] = buffer.getvalue()
    with pytest.raises(PictureTooLarge, match="the photo’s own page has it"):
        shop.download(photo.id, seen)


def test_a_verdict_on_another_picture_opens_no_download(shop: Services, unsplash: Unsplash) -> None:
    one, other = shop.search("cat").photos[:2]
    for seen in (shop.classify_photo(other.id), shop.classify_file(SAMPLES / "pagoda.jpg", one.id)):
        with pytest.raises(InputError, match="another picture"):
            shop.download(one.id, seen)
    assert not unsplash.downloads


def test_a_photo_with_a_strange_id_gets_a_plain_file_name(shop: Services) -> None:
    photo = replace(shop.search("cat").photos[0], id="../../a b\u202e" + 300 * "x")
    picture = shop._taken(photo)
    kept = shop._keep(picture, photo)
    assert kept.parent.parent == shop.downloads
    assert kept.name.startswith("unsplash-_a_b_xxx")
    assert len(kept.name) == 100 + len(".jpg")


def test_what_was_downloaded_goes_after_an_hour(services: Services) -> None:
    old = services.download("pagoda", services.classify_photo("pagoda")).path
    long_ago = old.stat().st_mtime - KEPT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    new = services.download("espresso", services.classify_photo("espresso")).path
    assert (old.exists(), new.exists()) == (False, True)


def test_where_the_file_finds_no_place_there_is_a_sentence(services: Services) -> None:
    seen = services.classify_photo("hiker")
    digest = seen.report.picture.sha256
    (services.downloads / digest[:32]).mkdir(parents=True)
    (services.downloads / digest[:32] / "samples-hiker.jpg").mkdir()
    with pytest.raises(StoreError, match="no place"):
        services.download("hiker", seen)


def test_every_picture_has_a_record(services: Services) -> None:
    record = services.record(services.classify_file(SAMPLES / "pagoda.jpg")).to_json()
    assert record["picture"]["sha256"] == hashlib.sha256((SAMPLES / "pagoda.jpg").read_bytes()).hexdigest()
    assert record["checkpoint"]["thresholds"] == services.checkpoint.config.thresholds.to_json()
    assert len(record["checkpoint"]["figures"]) == 2
    assert (record["credit"], record["checked_copy"]) == (None, None)
    known = services.record(services.classify_photo("pagoda"), services.photo("pagoda")).to_json()
    assert known["credit"]["photo"] == "pagoda"
