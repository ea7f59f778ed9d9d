"""The one table that joins what a file says of itself with what the network sees.

=====================================================================  ====================  ======
what is found                                                          verdict               ground
=====================================================================  ====================  ======
intact signature, signer on the trust list: generated                  ``declared_ai``       signed
the same: edited with AI                                               ``declared_ai_edit``  signed
the file states it: intact signature of another signer, expired or
malformed ones too, IPTC, XMP, complete parameters: generated          ``declared_ai``       stated
the same: edited with AI                                               ``declared_ai_edit``  stated
intact signature, maker of cameras on the trust list: taken by a
camera, no edits after                                                 ``declared_camera``   signed
anything else, Exif of a camera and broken signatures included         the network's         pixels
=====================================================================  ====================  ======

The first row that fits decides. A statement that a picture is generated is believed without a trusted signature,
because nobody gains by forging it; one that it is a photograph is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unfake.detector.calibration import Label
from unfake.detector.detector import Verdict
from unfake.evidence.provenance import Kind, Provenance, Says, State, Statement

HEADLINES = {
    Label.LIKELY_REAL: "Likely real",
    Label.INCONCLUSIVE: "Inconclusive",
    Label.LIKELY_FAKE: "Likely AI-generated or manipulated",
    Label.NOT_APPLICABLE: "No verdict on this picture",
    Label.DECLARED_AI: "AI-generated, says the file",
    Label.DECLARED_AI_EDIT: "Edited with AI, says the file",
    Label.DECLARED_CAMERA: "Taken by a camera, says its signer",
}
"""A verdict in words where the ground is not at hand: a signed one is at least stated."""


AI = frozenset({Label.LIKELY_FAKE, Label.DECLARED_AI, Label.DECLARED_AI_EDIT})
"""Verdicts that warn of AI, whatever their ground."""


class Ground(StrEnum):
    """What a verdict rests on: a trusted signature, the file's own word, or the network's look at the pixels."""

    SIGNED = "signed"
    STATED = "stated"
    PIXELS = "pixels"


@dataclass(frozen=True)
class Row:
    """A row of the table: a statement of these kinds, in these states, that says this, gives that verdict."""

    kinds: frozenset[Kind]
    states: frozenset[State]
    says: Says
    label: Label
    ground: Ground
    headline: str

    def fits(self, statement: Statement) -> bool:
        """Whether the statement is one that this row is about."""
        return statement.kind in self.kinds and statement.state in self.states and statement.says is self.says


@dataclass(frozen=True)
class Judgement:
    """A verdict with its ground.

    ``probability``: the network's, of fake, where the ground is the pixels; else None. ``warning``: a sentence that
    comes first whatever the verdict is. ``by``: the statement that decided.
    """

    label: Label
    ground: Ground
    probability: float | None
    headline: str
    reason: str
    warning: str | None = None
    by: Statement | None = None


_CREDENTIALS = frozenset({Kind.CREDENTIALS})
_WORD = frozenset({Kind.CREDENTIALS, Kind.METADATA, Kind.PARAMETERS})
_TRUSTED = frozenset({State.TRUSTED})
_GIVEN = frozenset({State.UNKNOWN_SIGNER, State.EXPIRED, State.MALFORMED, State.STATED})

_CAMERA = "Taken by a camera, says its signer"

TABLE = (
    Row(_CREDENTIALS, _TRUSTED, Says.AI, Label.DECLARED_AI, Ground.SIGNED, "AI-generated, says its signer"),
    Row(_CREDENTIALS, _TRUSTED, Says.AI_EDIT, Label.DECLARED_AI_EDIT, Ground.SIGNED, "Edited with AI, says its signer"),
    Row(_WORD, _GIVEN, Says.AI, Label.DECLARED_AI, Ground.STATED, "AI-generated, says the file"),
    Row(_WORD, _GIVEN, Says.AI_EDIT, Label.DECLARED_AI_EDIT, Ground.STATED, "Edited with AI, says the file"),
    Row(_CREDENTIALS, _TRUSTED, Says.CAMERA, Label.DECLARED_CAMERA, Ground.SIGNED, _CAMERA),
)
"""The table above but its last row, in its order."""

_WARNINGS = {
    State.TAMPERED: (
        "The file carries a signature{signer} that does not fit it: one of the two was changed after signing. "
        "Whatever was signed no longer holds."
    ),
    State.REVOKED: "The file carries a signature{signer} whose certificate was revoked, so it settles nothing.",
}
_FLAWS = {
    State.UNKNOWN_SIGNER: " The signature fits the file, but its signer is not on a trust list here.",
    State.EXPIRED: " The signature fits the file, but its signer is not on a trust list here, and has expired since.",
    State.MALFORMED: " The signature fits the file, but what was signed breaks other rules of C2PA.",
}
_SAID = {
    Says.AI: "the picture is AI-generated",
    Says.AI_EDIT: "the picture was edited with AI",
    Says.CAMERA: "the picture was taken by a camera",
}
_WHY = {
    Ground.SIGNED: "The signature fits the very bytes of this file, and its signer is on the trust list.",
    Ground.STATED: "Anyone could write that, but hardly anyone gains by it, so it is believed before the pixels.",
}
_CONTRADICTED = {
    (Says.AI, Label.LIKELY_REAL),
    (Says.AI_EDIT, Label.LIKELY_REAL),
    (Says.CAMERA, Label.LIKELY_FAKE),
}


def judge(provenance: Provenance, pixels: Verdict) -> Judgement:
    """The verdict on a picture, by the first row of the table that fits what its file says, else by its pixels."""
    warning = next((_warning(one) for one in provenance.statements if one.state in _WARNINGS), None)
    for row in TABLE:
        for statement in provenance.statements:
            if row.fits(statement):
                reason = _reason(row, statement, pixels)
                return Judgement(row.label, row.ground, None, row.headline, reason, warning, statement)
    headline = HEADLINES[pixels.label]
    return Judgement(pixels.label, Ground.PIXELS, pixels.probability, headline, pixels.reason, warning)


def _warning(statement: Statement) -> str:
    signer = statement.detail.get("signer")
    return _WARNINGS[statement.state].format(signer=f" of {signer}" if signer else "")


def _reason(row: Row, statement: Statement, pixels: Verdict) -> str:
    """Who says it, why that decides, and what the network makes of the pixels."""
    detail = statement.detail
    who = f"The signer, {detail['signer']}," if detail.get("signer") else f"The file ({statement.where})"
    how = next((detail[key] for key in ("made by", "tool", "program", "credit") if detail.get(key)), "")
    said = f"{who} says that {_SAID[row.says]}{f' ({how})' if how else ''}."
    edits = f" Steps named: {detail['edits']}." if row.says is Says.AI_EDIT and detail.get("edits") else ""
    flaw = _FLAWS.get(statement.state, "")
    return f"{said}{edits}{flaw} {_WHY[row.ground]}{_network(row, pixels)}"


def _network(row: Row, pixels: Verdict) -> str:
    if pixels.probability is None:
        return ""
    if (row.says, pixels.label) in _CONTRADICTED:
        finding = HEADLINES[pixels.label].lower().replace("ai-", "AI-")
        return (
            f" The network disagrees: by the pixels alone it finds the picture {finding}. The statement decides, "
            "because the network only estimates, and is often wrong on what it was not trained on."
        )
    if pixels.label is Label.INCONCLUSIVE:
        return " By the pixels alone it would be inconclusive."
    return " The network, by the pixels alone, finds the same."
