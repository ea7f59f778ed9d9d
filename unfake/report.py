"""What UnFake answers: plain data that knows how to become JSON, schema ``unfake.report/2``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from unfake import judgement as _judgement
from unfake.detector.calibration import Label, Thresholds, rounded
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.detector import Detection, Verdict
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.provenance import Provenance, Statement
from unfake.evidence.regions import Region
from unfake.intake import Picture
from unfake.judgement import Ground, Judgement

SCHEMA = "unfake.report/2"

HEADLINES = _judgement.HEADLINES

FIRST_FRAME = "The file is an animation, of which only the first frame was looked at."


def percent(probability: float) -> str:
    """A probability as people read it; never 0 % or 100 %, which no classifier can know.

    >>> percent(0.412), percent(0.0001), percent(1.0)
    ('41 %', 'under 1 %', 'over 99 %')
    """
    if probability < 0.01:  # noqa: PLR2004
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"  # noqa: PLR2004


@dataclass(frozen=True)
class PictureFacts:
    """The picture as it was received: ``sha256`` of its bytes, size in px and in bytes, and where it came from.

    ``animated``: it is an animation, of which the first frame was judged.
    """

    sha256: str
    width: int
    height: int
    format: str
    bytes: int
    source_kind: str
    source_name: str
    animated: bool = False


@dataclass(frozen=True)
class Report:
    """One picture, one verdict, and everything needed to check it again.

    ``probability``: calibrated probability of fake in [0, 1], None when not applicable or when the file's own
    statement decides. ``revision``: of the checkpoint. ``notice``: why another checkpoint than the one asked for
    speaks. ``timing_ms``: from bytes to report. ``ground``: what the verdict rests on. ``headline``: by the label
    unless given. ``warning``: a sentence to show first. ``pixels``: what the network says, whatever decides.
    ``provenance``: what the file says of itself, what weighs most first. ``thresholds``: of the checkpoint for such a
    picture, between which a probability is inconclusive; None where no checkpoint was asked. ``regions``: where each
    view lies, and what it alone says. ``when``: the check, UTC.
    """

    picture: PictureFacts
    label: Label
    probability: float | None
    reason: str
    checkpoint: str
    revision: str
    runtime: str
    views: int
    notice: str | None
    heatmap: Heatmap | None
    timing_ms: float
    ground: Ground = Ground.PIXELS
    headline: str = ""
    warning: str | None = None
    pixels: Verdict | None = None
    provenance: tuple[Statement, ...] = ()
    thresholds: Thresholds | None = None
    regions: tuple[Region, ...] = ()
    when: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)

    def __post_init__(self) -> None:
        """Fill in the headline."""
        if not self.headline:
            object.__setattr__(self, "headline", HEADLINES[self.label])

    def to_json(self) -> dict[str, Any]:
        """The documented object; see docs/api.md, "The report"."""
        facts, pixels = self.picture, self.pixels
        return {
            "schema": SCHEMA,
            "picture": {
                "sha256": facts.sha256,
                "width": facts.width,
                "height": facts.height,
                "format": facts.format,
                "bytes": facts.bytes,
                "source": {"kind": facts.source_kind, "name": facts.source_name},
            },
            "verdict": {
                "label": self.label.value,
                "probability": rounded(self.probability),
                "reason": self.reason,
                "ground": self.ground.value,
                "headline": self.headline,
                "warning": self.warning,
                "pixels": pixels
                and {
                    "label": pixels.label.value,
                    "probability": rounded(pixels.probability),
                    "reason": pixels.reason,
                },
            },
            "detector": {
                "checkpoint": self.checkpoint,
                "revision": self.revision,
                "runtime": self.runtime,
                "views": self.views,
                "notice": self.notice,
                "thresholds": self.thresholds and self.thresholds.to_json(),
            },
            "evidence": {
                "heatmap": self.heatmap.to_json() if self.heatmap else None,
                "views": [region.to_json() for region in self.regions],
                "provenance": [statement.to_json() for statement in self.provenance],
            },
            "timing_ms": round(self.timing_ms, 1),
        }


def write(
    picture: Picture,
    detection: Detection,
    provenance: Provenance,
    judgement: Judgement,
    checkpoint: Checkpoint,
    runtime: str,
    timing_ms: float,
) -> Report:
    """Put the report of one picture together."""
    facts = PictureFacts(
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        bytes=picture.bytes,
        source_kind=picture.source.kind,
        source_name=picture.source.name,
        animated=picture.animated,
    )
    return Report(
        picture=facts,
        label=judgement.label,
        probability=judgement.probability,
        reason=f"{judgement.reason} {FIRST_FRAME}" if picture.animated else judgement.reason,
        checkpoint=checkpoint.id,
        revision=checkpoint.revision,
        runtime=runtime,
        views=detection.views,
        notice=checkpoint.notice,
        heatmap=detection.heatmap,
        timing_ms=timing_ms,
        ground=judgement.ground,
        headline=judgement.headline,
        warning=judgement.warning,
        pixels=detection.verdict,
        provenance=provenance.statements,
        thresholds=checkpoint.config.thresholds.of(detection.portrait),
        regions=detection.regions,
    )
