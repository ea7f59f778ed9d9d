"""What UnFake can do, with no screen in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from unfake import intake, report
from unfake.catalog.photo import Catalog, Orientation, Photo, ResultPage
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.choice import bundled_instead, choose
from unfake.detector.detector import Detector
from unfake.errors import CheckpointCorrupt, UnfakeError
from unfake.intake import Picture, Source
from unfake.report import Report
from unfake.settings import Settings

STATUS_SCHEMA = "unfake.status/1"


@dataclass(frozen=True, eq=False)
class Examination:
    """A picture and the report on it."""

    picture: Picture
    report: Report


def load_detector(settings: Settings) -> Detector:
    """The detector that the settings ask for, or the bundled one with a notice; raises CheckpointError."""
    checkpoint = choose(settings.model, settings.space_author, settings.hub_token)
    how = (settings.device, settings.precision, settings.cache)
    try:
        return Detector.load(checkpoint, *how)
    except CheckpointCorrupt as error:
        if checkpoint.origin == "bundled":
            raise
        asked = f"The checkpoint {checkpoint.repository or checkpoint.folder.name} was asked for"
        return Detector.load(bundled_instead(asked, error), *how)


class Services:
    """The app's abilities. The detector loads in the background; whoever needs it first waits for it."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        load: Callable[[Settings], Detector] = load_detector,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        starter = ThreadPoolExecutor(1, thread_name_prefix="detector")
        self._detector: Future[Detector] = starter.submit(load, settings)
        starter.shutdown(wait=False)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that speaks; waits while it loads, raises CheckpointError if it could not be loaded."""
        return self._detector.result().checkpoint

    def classify_file(self, path: Path, name: str | None = None) -> Examination:
        """Classify a local file; raises PictureError, CheckpointError."""
        source = Source("upload", name or path.name)
        return self._examine(lambda: intake.from_path(path, source, self.settings.limits))

    def classify_bytes(self, data: bytes, name: str) -> Examination:
        """Classify a picture in memory; raises PictureError, CheckpointError."""
        return self._examine(lambda: intake.from_bytes(data, Source("upload", name), self.settings.limits))

    def classify_url(self, address: str) -> Examination:
        """Classify the picture at an http(s) address; raises AddressError, PictureError, CheckpointError."""
        return self._examine(lambda: intake.from_url(address, self.settings.limits))

    def classify_photo(self, photo_id: str) -> Examination:
        """Classify a photo of the catalog; raises CatalogError, PictureError, CheckpointError."""

        def read() -> Picture:
            photo = self.photo(photo_id)
            source = Source(self.catalog.name, photo.id)
            return intake.from_bytes(self.catalog.read(photo), source, self.settings.limits)

        return self._examine(read)

    def search(self, query: str, page: int = 1, per_page: int = 12, orientation: str | None = None) -> ResultPage:
        """Photos of the catalog that match; raises CatalogError."""
        return self.catalog.search(query, page, per_page, orientation=cast(Orientation | None, orientation))

    def photo(self, photo_id: str) -> Photo:
        """One photo of the catalog; raises PhotoNotFound."""
        return self.catalog.photo(photo_id)

    def status(self) -> dict[str, Any]:
        """What runs here, without waiting: state (loading, ready, failed), checkpoint, runtime, catalog."""
        found: dict[str, Any] = {
            "schema": STATUS_SCHEMA,
            "state": "loading",
            "error": None,
            "checkpoint": None,
            "runtime": None,
            "catalog": {"name": self.catalog.name},
        }
        if not self._detector.done():
            return found
        try:
            detector = self._detector.result()
        except UnfakeError as error:
            return found | {"state": "failed", "error": str(error)}
        except Exception as error:  # the page must say that there is no detector, whatever broke
            return found | {
                "state": "failed",
                "error": f"The detector did not start ({type(error).__name__}).",
            }
        checkpoint = detector.checkpoint
        return found | {
            "state": "ready",
            "checkpoint": {
                "id": checkpoint.id,
                "name": checkpoint.config.name,
                "origin": checkpoint.origin,
                "repository": checkpoint.repository,
                "revision": checkpoint.revision,
                "notice": checkpoint.notice,
                "thresholds": checkpoint.config.thresholds.to_json(),
            },
            "runtime": detector.runtime.name,
        }

    def wait(self) -> None:
        """Wait until the detector is loaded or has failed; raises what it failed with."""
        self._detector.result()

    def _examine(self, read: Callable[[], Picture]) -> Examination:
        started = time.perf_counter()
        picture = read()
        detector = self._detector.result()
        detection = detector.detect(picture.pixels)
        elapsed = 1000 * (time.perf_counter() - started)
        return Examination(
            picture, report.write(picture, detection, detector.checkpoint, detector.runtime.name, elapsed)
        )
