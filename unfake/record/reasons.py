"""Why a verdict is what it is, in plain words, what weighs most first."""

from __future__ import annotations

from unfake.detector.calibration import Label
from unfake.evidence.provenance import Kind
from unfake.judgement import Ground
from unfake.report import Report, percent

GROUNDS = {
    Ground.SIGNED: "This rests on a signature in the file that fits its bytes, by a signer on the trust list.",
    Ground.STATED: "This rests on what the file says of itself; no signature that is trusted here vouches for it.",
    Ground.PIXELS: "This rests on what a neural network estimates from the pixels alone.",
}
NOTES = {
    Ground.SIGNED: (
        "A signature tells who vouches for a picture, not that what it shows, or what is said of it, is true. "
        "This record shows that the picture with this fingerprint was checked, when, and what its file stated."
    ),
    Ground.STATED: (
        "This is what the file says of itself and not proof: without a signature by somebody you trust, anyone could "
        "have written it. This record shows that the picture with this fingerprint was checked, when, and what its "
        "file stated."
    ),
    Ground.PIXELS: (
        "This is an estimate by a neural network and not proof: it can be wrong in both directions. This record shows "
        "that the picture with this fingerprint was checked, when, by which network, and what it answered."
    ),
}
NO_VERDICT = (
    "No verdict was given, neither for nor against this picture. This record shows only that the picture with this "
    "fingerprint was looked at, and when."
)


def reasons(report: Report) -> tuple[str, ...]:
    """The sentences, each of which claims no more than the verdict's ground carries."""
    found = [report.warning, report.reason]
    if report.label is not Label.NOT_APPLICABLE:
        found.append(GROUNDS[report.ground])
    if report.probability is not None:
        found.append(
            f"The estimated probability that the picture is generated or manipulated is {percent(report.probability)}."
        )
    if report.ground is Ground.PIXELS:
        found.append(_unsettled(report))
    found.append(report.notice)
    return tuple(sentence for sentence in found if sentence)


def note(report: Report) -> str:
    """What the record is worth, by the ground of its verdict."""
    return NO_VERDICT if report.label is Label.NOT_APPLICABLE else NOTES[report.ground]


def thresholds(report: Report) -> str | None:
    """From where on the network gives a verdict, in words; None where no network was asked.

    >>> from unfake.detector.calibration import Thresholds
    >>> from unfake.report import PictureFacts
    >>> facts = PictureFacts("ab" * 32, 100, 80, "JPEG", 5000, "upload", "a.jpg")
    >>> thresholds(Report(facts, Label.INCONCLUSIVE, 0.5, "Between.", "net@1", "r", "cpu", 4, None, None, 1.0,
    ...                   thresholds=Thresholds(0.115, 0.9)))
    'likely real up to 11.5 %, likely AI-generated or manipulated from 90 %, inconclusive between'
    """
    if report.thresholds is None:
        return None
    low, high = (
        f"{round(100 * each, 1):g} %" for each in (report.thresholds.likely_real, report.thresholds.likely_fake)
    )
    return f"likely real up to {low}, likely AI-generated or manipulated from {high}, inconclusive between"


def _unsettled(report: Report) -> str | None:
    if not report.provenance:
        return None
    if all(statement.kind is Kind.NOTHING for statement in report.provenance):
        return (
            "The file carries no statement of its origin, which by itself means nothing: web sites and messengers "
            "strip such statements."
        )
    return "What the file says of itself stands under “Evidence”; it does not settle the question."
