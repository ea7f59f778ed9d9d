"""A record: one check as plain data that knows how to become JSON and a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Self

from unfake.catalog.photo import Photo
from unfake.detector.calibration import Label, rounded
from unfake.detector.views import Pixels
from unfake.judgement import HEADLINES
from unfake.pages import data_uri, environment, jpeg
from unfake.record import reasons
from unfake.record.credit import credit
from unfake.report import PictureFacts, Report

SCHEMA = "unfake.record/2"
TEMPLATES = Path(__file__).parent / "templates"
PICTURE_SIDE = 640  # px on the long side of the picture in the page
PICTURE_QUALITY = 80  # JPEG

_CONTROL = re.compile(r"[^\n -\x7e\xa0-\U0010ffff]")

_pages = environment(TEMPLATES)


@dataclass(frozen=True)
class Record:
    """One check, and everything needed to answer for it later.

    ``report``: on the very file whose fingerprint the record gives. ``picture``: a small JPEG of it. ``figures``: how
    often the network is wrong (`unfake.record.figures`). ``photo``: of the catalog that it comes from. ``file_name``:
    under which it was handed over. ``checked``: the report on the copy that was checked before the file was fetched.
    """

    report: Report
    picture: bytes
    figures: tuple[str, ...] = ()
    photo: Photo | None = None
    file_name: str | None = None
    checked: Report | None = None

    @classmethod
    def of(
        cls,
        report: Report,
        pixels: Pixels,
        figures: Sequence[str] = (),
        photo: Photo | None = None,
        file_name: str | None = None,
        checked: Report | None = None,
    ) -> Self:
        """The record of a picture whose pixels, uint8 RGB ``[H, W, 3]`` of any size, are at hand."""
        return cls(report, jpeg(pixels, PICTURE_SIDE, PICTURE_QUALITY), tuple(figures), photo, file_name, checked)

    @property
    def first(self) -> str | None:
        """What has to be known before anything else: that file and checked copy get different verdicts; else None."""
        if self.checked is None:
            return None
        pairs = [(each.label, each.ground, each.headline) for each in (self.report, self.checked)]
        if pairs[0] == pairs[1]:
            return None
        return (
            f"The file that was handed over gets another verdict than the copy of it that was checked before: the file "
            f"“{self.report.headline}”, the copy “{self.checked.headline}”. This record is on the file."
        )

    def to_json(self) -> dict[str, Any]:
        """The record as plain data, schema ``unfake.record/2``; see docs/api.md. Dates are UTC, ISO 8601."""
        report = self.report
        data = {
            "schema": SCHEMA,
            "first": self.first,
            "date": report.when.astimezone(UTC).replace(microsecond=0).isoformat(),
            "picture": {"file_name": self.file_name, **_facts(report.picture)},
            "credit": self.photo and credit(self.photo),
            "verdict": {
                "label": report.label.value,
                "headline": report.headline,
                "ground": report.ground.value,
                "probability": rounded(report.probability),
                "pixels": report.pixels
                and {
                    "label": report.pixels.label.value,
                    "headline": HEADLINES[report.pixels.label],
                    "probability": rounded(report.pixels.probability),
                    "reason": report.pixels.reason,
                },
            },
            "reasons": list(reasons.reasons(report)),
            "evidence": [each.to_json() | {"sentence": each.sentence()} for each in report.provenance],
            "checked_copy": self.checked and _copy(self.checked),
            "checkpoint": {
                "id": report.checkpoint,
                "revision": report.revision,
                "runtime": report.runtime,
                "views": report.views,
                "thresholds": report.thresholds and report.thresholds.to_json(),
                "figures": list(self.figures),
            },
            "note": reasons.note(report),
        }
        return _clean(data)  # type: ignore[no-any-return]

    def to_html(self) -> str:
        """The same as one page that stands alone and prints on A4: no script, nothing loaded from elsewhere.

        Whatever comes from outside is escaped, and only http(s) is linked.
        """
        return _pages.get_template("record.html").render(
            record=self.to_json(),
            when=f"{self.report.when.astimezone(UTC):%Y-%m-%d, %H:%M:%S} UTC",
            picture=data_uri(self.picture, "image/jpeg"),
            thresholds=reasons.thresholds(self.report),
            network_looked=self.report.pixels is not None and self.report.pixels.label is not Label.NOT_APPLICABLE,
        )


def _facts(picture: PictureFacts) -> dict[str, Any]:
    return {
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "bytes": picture.bytes,
        "source": {"kind": picture.source_kind, "name": picture.source_name},
    }


def _copy(checked: Report) -> dict[str, Any]:
    verdict = {
        "label": checked.label.value,
        "headline": checked.headline,
        "ground": checked.ground.value,
        "probability": rounded(checked.probability),
    }
    return {**_facts(checked.picture), "verdict": verdict}


def _clean(value: Any) -> Any:
    """The same plain data with text that UTF-8 and a page can hold: no lone surrogates and no control characters."""
    match value:
        case str():
            return _CONTROL.sub(" ", value.encode(errors="replace").decode())
        case dict():
            return {key: _clean(each) for key, each in value.items()}
        case list():
            return [_clean(each) for each in value]
        case _:
            return value
