"""What UnFake can do, with no screen in it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from unfake import batch, folders, intake, record, report
from unfake.batch import Member
from unfake.catalog import choice as catalogs
from unfake.catalog.photo import Catalog, Colour, OrderBy, Orientation, Photo, ResultPage
from unfake.decoding.codec import Needed
from unfake.decoding.pool import Opened, shared
from unfake.detector import choice as checkpoints
from unfake.detector.calibration import Label
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.detector import Detection, Detector, Verdict
from unfake.detector.views import Pixels
from unfake.errors import (
    CheckpointCorrupt,
    InputError,
    PhotoNotFound,
    PictureTooLarge,
    StoreError,
    UnfakeError,
)
from unfake.evidence import faces, provenance, stability
from unfake.evidence.faces import Faces
from unfake.evidence.stability import CopyVerdict, Stability
from unfake.flight import SingleFlight
from unfake.intake import Picture, Source
from unfake.judgement import judge
from unfake.record import Record
from unfake.report import Report
from unfake.settings import Settings
from unfake.store import Action, HistoryEntry, VerdictStore, spreadsheet_cell, verdict_key

STATUS_SCHEMA = "unfake.status/1"
# Pictures of a scan that are fetched at once: enough to keep two cores busy while a picture server answers.
FETCHERS = 4
THUMBNAIL = 96  # px on the long side of a picture in a table
FACES_SIDE = 2048  # px on the long side that a picture keeps at least, when faces are cut from it
LOOKED_BACK = 1000  # entries of a visitor's own history in which a photo is looked for
SHOWN = 960  # px on the long side of a picture that is only shown any more
KEPT_SECONDS = 3600.0  # uploads: Gradio deletes its own after an hour, and what an earlier process left goes as well
KEPT_BYTES = 2 * 2**30  # downloads: the oldest go first
LONGEST_STEM = 100  # characters of a file name before its ending
ENDINGS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
    "GIF": ".gif",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "HEIC": ".heic",
    "AVIF": ".avif",
}
ILLUSTRATION = "This is an illustration and not a photograph, so the question does not apply."


@dataclass(frozen=True, eq=False)
class Examination:
    """A picture, as small as it is shown, and the report on it."""

    picture: Picture
    report: Report


@dataclass(frozen=True, eq=False)
class Check:
    """One photo of a scan: the report on it, or the sentence that says why there is none. Light: no pixels."""

    photo: Photo
    report: Report | None
    error: str | None


@dataclass(frozen=True, eq=False)
class Answer:
    """One picture of a batch: the report on it, or the sentence that says why there is none.

    ``thumbnail``: uint8 RGB ``[H, W, 3]``, small.
    """

    COLUMNS: ClassVar = (
        "name",
        "label",
        "ground",
        "probability_of_fake",
        "headline",
        "reason",
        "checkpoint",
        "sha256",
        "error",
    )

    name: str
    report: Report | None
    error: str | None
    thumbnail: Pixels | None = None

    def cells(self) -> list[str]:
        """A row of a table with these columns, safe to open in a spreadsheet."""
        report, found = self.report, [""] * 7
        if report is not None:
            number = "" if report.probability is None else f"{report.probability:.4f}"
            reason = " ".join(filter(None, (report.warning, report.reason)))
            what = (report.label.value, report.ground.value, number, report.headline, reason)
            found = [*what, report.checkpoint, report.picture.sha256]
        return [spreadsheet_cell(each) for each in (self.name, *found, self.error or "")]


@dataclass(frozen=True, eq=False)
class Download:
    """A photo that is handed over: its file on this disk for an hour, judged by its very bytes.

    ``path``: the file; its name is the one to save it under. ``examination``: of that file. ``checked``: the report on
    the copy that was examined before, which may be smaller and may have got another verdict.
    """

    photo: Photo
    path: Path
    examination: Examination
    checked: Report

    @property
    def name(self) -> str:
        """The name to save the file under, its ending by its real format."""
        return self.path.name

    @property
    def report(self) -> Report:
        """The report on the file."""
        return self.examination.report

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.report.picture.sha256

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.report.picture.bytes

    @property
    def agrees(self) -> bool:
        """Whether the file gets the verdict, on the same ground, that the copy got before."""
        return (self.report.label, self.report.ground) == (self.checked.label, self.checked.ground)


def load_detector(settings: Settings) -> Detector:
    """The detector that the settings ask for, or the bundled one with a notice; raises CheckpointError."""
    checkpoint = checkpoints.choose(settings.model, settings.space_author, settings.hub_token)
    how = (settings.device, settings.precision, settings.cache)
    try:
        return Detector.load(checkpoint, *how)
    except CheckpointCorrupt as error:
        if checkpoint.origin == "bundled":
            raise
        asked = f"The checkpoint {checkpoint.repository or checkpoint.folder.name} was asked for"
        return Detector.load(checkpoints.bundled_instead(asked, error), *how)


class Services:
    """The app's abilities. The detector loads in the background; whoever needs it first waits for it.

    ``uploads``: folder for files that people bring; in it ``downloads``, for those that they take. ``notices``:
    sentences on folders that are not what was asked for.

    ``visitor``, wherever it stands, is the opaque key of a browser: what it does is kept in its own history. Without
    one nothing is kept but the verdict.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[Settings], Detector] = load_detector,
    ) -> None:
        cache, *notices = folders.usable(settings.cache)
        settings = self.settings = replace(settings, cache=cache)
        self.uploads, notice = folders.usable(settings.uploads or cache / "uploads")
        folders.sweep(self.uploads, KEPT_SECONDS)
        self.downloads = self.uploads.absolute() / "downloads"
        self.notices = [said for said in (*notices, notice) if said]
        self.catalog: Catalog
        self.catalog, self.catalog_notice = catalogs.choose(
            settings.unsplash_key, settings.unsplash_url, settings.cache, settings.limits
        )
        self.store = VerdictStore(settings.store)
        self._detections = SingleFlight[Detection]()
        self._anchors = provenance.load_anchors(settings.trust_list) if settings.trust_list else None
        shared().warm()
        starter = ThreadPoolExecutor(1, thread_name_prefix="detector")
        self._detector: Future[Detector] = starter.submit(load, settings)
        starter.shutdown(wait=False)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that speaks; waits while it loads, raises CheckpointError if it could not be loaded."""
        return self._detector.result().checkpoint

    def classify_file(self, path: Path, name: str | None = None, visitor: str | None = None) -> Examination:
        """Classify a local file; raises PictureError, CheckpointError."""
        source = Source("upload", name or path.name)
        return self._examine(lambda: intake.from_path(path, source, self.settings.limits, opener=self._open), visitor)

    def classify_bytes(self, data: bytes, name: str, visitor: str | None = None) -> Examination:
        """Classify a picture in memory; raises PictureError, CheckpointError."""
        return self._examine(partial(self._uploaded, data, name), visitor)

    def classify_url(self, address: str, visitor: str | None = None) -> Examination:
        """Classify the picture at an http(s) address; raises AddressError, PictureError, CheckpointError."""
        return self._examine(lambda: intake.from_url(address, self.settings.limits, opener=self._open), visitor)

    def classify_photo(self, photo_id: str, visitor: str | None = None) -> Examination:
        """Classify a photo of the catalog; raises CatalogError, PictureError, CheckpointError."""
        photo = self.photo(photo_id)
        return self._examine(lambda: self._read(photo), visitor, photo)

    def seen_photo(self, photo_id: str, visitor: str) -> Examination | None:
        """What this visitor was told of a photo, told again: its picture is read anew, and nothing is classified.

        None where the visitor was told nothing, or picture or checkpoint are others by now, or the store has forgotten.
        Raises CatalogError, PictureError, CheckpointError, StoreError.
        """
        photo, checkpoint = self.photo(photo_id), self.checkpoint.id
        told = {
            entry.sha256
            for entry in self.store.history(visitor, LOOKED_BACK)
            if (entry.name, entry.action, entry.checkpoint) == (photo.id, "classified", checkpoint)
        }
        if not told:
            return None
        picture = self._read(photo)
        if picture.sha256 not in told:
            return None
        if photo.kind != "illustration" and self.store.get(*self._key(self._detector.result(), picture)) is None:
            return None
        return self._examine(lambda: picture, None, photo)

    def scan(self, photos: Sequence[Photo], visitor: str | None = None) -> Iterator[Check]:
        """Classify photos of the catalog as their pictures arrive, several fetched at once; one failure stops no other.

        Raises CheckpointError when there is no detector. Closing the iterator drops what has not begun.
        """
        self.wait()
        pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="scan")
        try:
            waiting = {pool.submit(self._read, photo): photo for photo in photos}
            for arrived in as_completed(waiting):
                photo = waiting.pop(arrived)  # a finished one holds its pixels, which the pool counts
                try:
                    yield Check(photo, self._judged(arrived.result, visitor, photo)[1], None)
                except UnfakeError as error:
                    yield Check(photo, None, str(error))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def classify_batch(
        self, paths: Sequence[Path], visitor: str | None = None, names: Sequence[str] | None = None
    ) -> Iterator[Answer]:
        """Classify files, and what is in folders and ZIP files, one after another; one failure stops no other.

        ``names``: what the files are called by their owner, where that is not their path.
        Raises CheckpointError when there is no detector. Closing the iterator stops it.
        """
        self.wait()
        for member in batch.members(paths, self.settings.limits, names):
            yield self.answer(member, visitor)

    def answer(self, member: Member, visitor: str | None = None, *, thumbnail: bool = True) -> Answer:
        """Classify one picture of many; what goes wrong with it stands in the answer."""
        try:
            picture, found = self._judged(partial(self._uploaded, member.read(), member.name), visitor)
        except UnfakeError as error:
            return Answer(member.name, None, str(error))
        return Answer(member.name, found, None, picture.shrunk(THUMBNAIL).pixels if thumbnail else None)

    def stability(self, data: bytes) -> Stability:
        """What the network says of a picture file as it came, and of copies as they travel, none of them kept.

        Raises PictureError, CheckpointError.
        """
        detector = self._detector.result()
        picture = self._uploaded(data, "")
        first = self._detect(detector, picture).verdict
        verdicts = [CopyVerdict(stability.ORIGINAL, stability.AS_IT_CAME, first.label, first.probability, first.reason)]
        whole = self._uploaded(data, "", stability.LARGEST)
        for copy in stability.COPIES:
            found = detector.detect(copy.of(whole.pixels)).verdict
            verdicts.append(CopyVerdict(copy.name, copy.says, found.label, found.probability, found.reason))
        return Stability(picture.sha256, detector.checkpoint.id, tuple(verdicts))

    def faces(self, data: bytes) -> Faces:
        """Faces in a picture file, and what the network reads off each; no part of any verdict.

        Raises PictureError, FacesFailed, CheckpointError.
        """
        detector = self._detector.result()
        picture = self._uploaded(data, "", FACES_SIDE)
        found = faces.shared().find(picture.pixels)
        size = (picture.width, picture.height)
        read = faces.read_faces(found, picture.pixels, size, detector.probability)
        return Faces(picture.sha256, detector.checkpoint.id, read, picture.shrunk(SHOWN).pixels)

    def search(
        self,
        query: str,
        page: int = 1,
        per_page: int = 12,
        *,
        orientation: str | None = None,
        colour: str | None = None,
        order_by: str | None = None,
    ) -> ResultPage:
        """Photos of the catalog that match; raises CatalogError."""
        return self.catalog.search(
            query,
            page,
            per_page,
            orientation=cast(Orientation | None, orientation),
            colour=cast(Colour | None, colour),
            order_by=cast(OrderBy | None, order_by),
        )

    def photo(self, photo_id: str) -> Photo:
        """One photo of the catalog; raises PhotoNotFound."""
        return self.catalog.photo(photo_id)

    def photo_bytes(self, photo_id: str) -> bytes:
        """The file of a photo that is judged; raises CatalogError."""
        return self.catalog.read(self.photo(photo_id))

    def download(self, photo_id: str, found: Examination | Check, visitor: str | None = None) -> Download:
        """Take a photo that was checked: its catalog is told, and the file that comes is judged and kept for an hour.

        Raises:
            InputError: what was found is on another picture, or is no verdict.
            CatalogError, PictureError: the file does not come, or cannot be checked.
            CheckpointError: there is no detector. StoreError: there is no place for the file.
        """
        photo, checked = self.photo(photo_id), found.report
        seen = checked and (checked.picture.source_kind, checked.picture.source_name)
        if checked is None or seen != (self.catalog.name, photo.id):
            raise InputError("The verdict in hand is on another picture: check this photo first.")
        if photo.plus:
            raise PhotoNotFound(
                "This is an Unsplash+ photo: it can only be downloaded on Unsplash, with a subscription."
            )
        try:
            picture, judged = self._judged(lambda: self._taken(photo), None, photo)
        except PictureTooLarge as error:
            raise PictureTooLarge(
                "The full-size file is too large to be checked here, so nothing was downloaded; the photo’s own page "
                "has it."
            ) from error
        path = self._keep(picture, photo)
        self._remember(visitor, judged, "downloaded")
        return Download(photo, path, Examination(picture.shrunk(SHOWN), judged), checked)

    def record(self, found: Examination | Download, photo: Photo | None = None) -> Record:
        """The record of a check, to be kept: of any picture, or of a file that was handed over.

        ``photo``: of the catalog that an examined picture is; a download names its own. Raises CheckpointError.
        """
        figures = record.figures(self.checkpoint.metrics())
        if isinstance(found, Download):
            examined = found.examination
            return Record.of(examined.report, examined.picture.pixels, figures, found.photo, found.name, found.checked)
        return Record.of(found.report, found.picture.pixels, figures, photo)

    def history(self, visitor: str) -> list[HistoryEntry]:
        """What this visitor checked and downloaded, newest first; raises StoreError."""
        return self.store.history(visitor)

    def forget(self, visitor: str) -> None:
        """Delete this visitor's history; raises StoreError."""
        self.store.forget(visitor)

    def status(self) -> dict[str, Any]:
        """What runs here, without waiting: state (loading, ready, failed), checkpoint, runtime, catalog, store."""
        found: dict[str, Any] = {
            "schema": STATUS_SCHEMA,
            "state": "loading",
            "error": None,
            "checkpoint": None,
            "runtime": None,
            "catalog": {
                "name": self.catalog.name,
                "notice": self.catalog_notice,
                "remaining": self.catalog.remaining,
                "limit": self.catalog.limit,
            },
            "store": self.store.status(),
            "notices": self.notices,
        }
        if not self._detector.done():
            return found
        try:
            detector = self._detector.result()
        except UnfakeError as error:
            return found | {"state": "failed", "error": str(error)}
        except Exception as error:  # the page must say that there is no detector, whatever broke
            return found | {"state": "failed", "error": f"The detector did not start ({type(error).__name__})."}
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

    def _open(self, data: bytes, most_pixels: int, long_side: int = 0) -> Opened:
        """Decode a stranger's file to the pixels that the checkpoint's views are cut from; raises PictureError.

        ``long_side``: px that something else than the views needs.
        """
        views = self.checkpoint.config.views
        return shared().open(data, most_pixels, Needed(max(views.long_side, views.size, long_side), views.size))

    def _of(self, photo: Photo, data: bytes) -> Picture:
        """A photo of the catalog, from one of its files."""
        source = Source(self.catalog.name, photo.id)
        return intake.from_bytes(data, source, self.settings.limits, opener=self._open)

    def _read(self, photo: Photo) -> Picture:
        return self._of(photo, self.catalog.read(photo))

    def _taken(self, photo: Photo) -> Picture:
        return self._of(photo, self.catalog.download(photo))

    def _keep(self, picture: Picture, photo: Photo) -> Path:
        folders.sweep(self.downloads, KEPT_SECONDS, KEPT_BYTES)
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{self.catalog.name}-{photo.id}")[:LONGEST_STEM]
        try:
            return folders.keep(self.downloads, stem + ENDINGS[picture.format], picture.data, picture.sha256)
        except OSError as error:
            raise StoreError("There is no place for the file on this server, so nothing was downloaded.") from error

    def _uploaded(self, data: bytes, name: str, long_side: int = 0) -> Picture:
        opener = partial(self._open, long_side=long_side)
        return intake.from_bytes(data, Source("upload", name), self.settings.limits, opener=opener)

    def _examine(self, read: Callable[[], Picture], visitor: str | None, photo: Photo | None = None) -> Examination:
        picture, found = self._judged(read, visitor, photo)
        return Examination(picture.shrunk(SHOWN), found)

    def _judged(
        self, read: Callable[[], Picture], visitor: str | None, photo: Photo | None = None
    ) -> tuple[Picture, Report]:
        started = time.perf_counter()
        picture = read()
        detector = self._detector.result()
        if photo is not None and photo.kind == "illustration":
            detection = Detection(Verdict(Label.NOT_APPLICABLE, None, ILLUSTRATION), 0, None)
        else:
            detection = self._detect(detector, picture)
        stated = provenance.read(picture.data, self._anchors)
        judgement = judge(stated, detection.verdict)
        elapsed = 1000 * (time.perf_counter() - started)
        runtime = detector.runtime.name
        found = report.write(picture, detection, stated, judgement, detector.checkpoint, runtime, elapsed)
        self._remember(visitor, found, "classified")
        return picture, found

    def _key(self, detector: Detector, picture: Picture) -> tuple[str, str, str]:
        """What the verdict on these bytes by this very checkpoint is kept under."""
        return picture.sha256, verdict_key(detector.checkpoint), detector.runtime.name

    def _detect(self, detector: Detector, picture: Picture) -> Detection:
        """The stored verdict on these bytes by this very checkpoint, or a fresh one, made once for all who wait."""
        key = self._key(detector, picture)

        def known_or_made() -> Detection:
            known = self.store.get(*key)
            if known is not None:
                return known
            detection = detector.detect(picture.pixels)
            self.store.put(*key, detection)
            return detection

        return self._detections.call(key, known_or_made)

    def _remember(self, visitor: str | None, found: Report, action: Action) -> None:
        if visitor:
            self.store.remember(visitor, HistoryEntry.of(found, action))
