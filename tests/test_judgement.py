from __future__ import annotations

import pytest

from unfake.detector.calibration import Label
from unfake.detector.detector import Verdict
from unfake.evidence.provenance import Kind, Provenance, Says, State, Statement
from unfake.judgement import HEADLINES, TABLE, Ground, judge

BY_PIXELS = {
    Label.LIKELY_REAL: Verdict(Label.LIKELY_REAL, 0.03, "It looks real."),
    Label.INCONCLUSIVE: Verdict(Label.INCONCLUSIVE, 0.5, "It is unclear."),
    Label.LIKELY_FAKE: Verdict(Label.LIKELY_FAKE, 0.98, "It looks generated."),
    Label.NOT_APPLICABLE: Verdict(Label.NOT_APPLICABLE, None, "It is too small."),
}


def one(kind: Kind, state: State, says: Says) -> Provenance:
    return Provenance((Statement(kind, state, says, "here", {"signer": "Somebody"}),))


SIGNED_AI = one(Kind.CREDENTIALS, State.TRUSTED, Says.AI)
STATED_AI = one(Kind.METADATA, State.STATED, Says.AI)
CAMERA = one(Kind.CREDENTIALS, State.TRUSTED, Says.CAMERA)


@pytest.mark.parametrize("pixels", BY_PIXELS.values(), ids=str)
@pytest.mark.parametrize("kind", Kind)
def test_a_file_settles_by_the_table_alone(kind: Kind, pixels: Verdict) -> None:
    for state in State:
        for says in Says:
            check_against_the_table(Statement(kind, state, says, "here", {"signer": "Somebody"}), pixels)


def check_against_the_table(statement: Statement, pixels: Verdict) -> None:
    found = judge(Provenance((statement,)), pixels)
    word = statement.kind in (Kind.CREDENTIALS, Kind.METADATA, Kind.PARAMETERS)
    held = statement.state in (State.UNKNOWN_SIGNER, State.EXPIRED, State.MALFORMED, State.STATED)
    trusted = statement.kind is Kind.CREDENTIALS and statement.state is State.TRUSTED
    labels = {Says.AI: Label.DECLARED_AI, Says.AI_EDIT: Label.DECLARED_AI_EDIT, Says.CAMERA: Label.DECLARED_CAMERA}
    if trusted and statement.says in labels:
        assert (found.label, found.ground) == (labels[statement.says], Ground.SIGNED)
    elif word and held and statement.says in (Says.AI, Says.AI_EDIT):
        assert (found.label, found.ground) == (labels[statement.says], Ground.STATED)
    else:
        assert (found.label, found.ground, found.probability) == (pixels.label, Ground.PIXELS, pixels.probability)
        assert found.reason == pixels.reason
        assert found.headline == HEADLINES[pixels.label]
        return
    assert found.by == statement
    assert found.probability is None  # the network's number does not stand beside another's word


def test_a_signature_comes_before_a_statement_and_a_statement_before_a_camera() -> None:
    edit = Statement(Kind.METADATA, State.STATED, Says.AI_EDIT, "XMP")
    pixels = BY_PIXELS[Label.INCONCLUSIVE]
    assert judge(Provenance((edit, *SIGNED_AI.statements)), pixels).label is Label.DECLARED_AI
    assert judge(Provenance((*CAMERA.statements, edit)), pixels).label is Label.DECLARED_AI_EDIT


@pytest.mark.parametrize(
    ("provenance", "label"),
    [
        (STATED_AI, Label.LIKELY_REAL),
        (SIGNED_AI, Label.LIKELY_REAL),
        (CAMERA, Label.LIKELY_FAKE),
    ],
)
def test_a_contradiction_is_said_with_who_decides_and_why(provenance: Provenance, label: Label) -> None:
    reason = judge(provenance, BY_PIXELS[label]).reason
    assert "The network disagrees" in reason
    assert "The statement decides, because" in reason


def test_agreement_and_silence_of_the_network_are_no_contradiction() -> None:
    for label, words in ((Label.LIKELY_FAKE, "finds the same"), (Label.INCONCLUSIVE, "would be inconclusive")):
        reason = judge(STATED_AI, BY_PIXELS[label]).reason
        assert words in reason
        assert "disagrees" not in reason
    assert "network" not in judge(STATED_AI, BY_PIXELS[Label.NOT_APPLICABLE]).reason


@pytest.mark.parametrize("state", [State.TAMPERED, State.REVOKED])
def test_a_broken_signature_warns_whatever_the_verdict_is(state: State) -> None:
    broken = one(Kind.CREDENTIALS, state, Says.NOTHING)
    for pixels in BY_PIXELS.values():
        assert "Somebody" in (judge(broken, pixels).warning or "")
        assert judge(Provenance((*broken.statements, *STATED_AI.statements)), pixels).warning
    assert judge(STATED_AI, BY_PIXELS[Label.INCONCLUSIVE]).warning is None


def test_each_headline_names_who_says_it() -> None:
    assert [row.headline for row in TABLE] == [
        "AI-generated, says its signer",
        "Edited with AI, says its signer",
        "AI-generated, says the file",
        "Edited with AI, says the file",
        "Taken by a camera, says its signer",
    ]
    assert HEADLINES.keys() == set(Label)
