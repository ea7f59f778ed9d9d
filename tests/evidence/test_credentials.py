from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.evidence import files
from tests.evidence.signing import Authority, authority, created, sign
from tests.servers.pictures import PictureServer
from unfake.detector.calibration import Label
from unfake.detector.detector import Verdict
from unfake.errors import SettingsError
from unfake.evidence.provenance import Kind, Says, State, Statement, load_anchors, read
from unfake.evidence.provenance.credentials import state_of
from unfake.judgement import Ground, Judgement, judge

GENERATED = created("trainedAlgorithmicMedia", softwareAgent="Painter 3")
CAPTURED = created("digitalCapture")
FILLED = {
    "action": "c2pa.edited",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
}


@pytest.fixture(scope="module")
def service() -> Authority:
    return authority("Picture Service")


@pytest.fixture(scope="module")
def maker() -> Authority:
    return authority("Leica Camera AG")


def signed(data: bytes, *trusted: Authority) -> Statement:
    (found,) = [
        one for one in read(data, "".join(by.root for by in trusted) or None).statements if one.kind is Kind.CREDENTIALS
    ]
    return found


def judged(data: bytes, *trusted: Authority, pixels: Label = Label.INCONCLUSIVE) -> Judgement:
    return judge(read(data, "".join(by.root for by in trusted) or None), Verdict(pixels, 0.5, "By the pixels."))


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/webp", "image/avif", "image/tiff"])
def test_a_trusted_signer_settles_in_every_format(service: Authority, mime: str) -> None:
    file = io.BytesIO()
    files.pixels().save(file, mime.removeprefix("image/").upper())
    data = sign(file.getvalue(), service, [GENERATED], mime=mime)
    assert (signed(data, service).state, signed(data, service).says) == (State.TRUSTED, Says.AI)
    found = judged(data, service)
    assert (found.label, found.ground, found.headline) == (
        Label.DECLARED_AI,
        Ground.SIGNED,
        "AI-generated, says its signer",
    )
    assert "Picture Service" in found.reason
    assert "Painter 3" in found.reason


def test_a_signer_that_nobody_knows_only_states(service: Authority, maker: Authority) -> None:
    data = sign(files.jpeg(), service, [GENERATED])
    for trusted in ((), (maker,)):
        assert signed(data, *trusted).state is State.UNKNOWN_SIGNER
        found = judged(data, *trusted)
        assert (found.label, found.ground) == (Label.DECLARED_AI, Ground.STATED)
        assert "not on a trust list" in found.reason


@pytest.mark.parametrize("place", ["pixels", "after the end", "manifest"])
def test_a_tampered_file_settles_nothing_and_warns(service: Authority, place: str) -> None:
    whole = sign(files.jpeg(), service, [GENERATED])
    at = whole.index(b"Painter 3") if place == "manifest" else len(whole) - 40
    changed = whole + b"more" if place == "after the end" else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    assert (signed(changed, service).state, signed(changed, service).says) == (State.TAMPERED, Says.NOTHING)
    found = judged(changed, service)
    assert (found.label, found.ground, found.reason) == (Label.INCONCLUSIVE, Ground.PIXELS, "By the pixels.")
    assert found.warning is not None
    assert "Picture Service" in found.warning
    assert "changed after signing" in found.warning
    assert judged(whole, service).warning is None


def test_a_manifest_moved_to_another_picture_is_tampered(service: Authority) -> None:
    whole = sign(files.jpeg(), service, [GENERATED])
    file = io.BytesIO()
    Image.new("RGB", (96, 96), "teal").save(file, "JPEG")
    start, plain = whole.index(b"\xff\xeb"), file.getvalue()
    end = whole.index(b"\xff\xdb")
    assert signed(plain[:20] + whole[start:end] + plain[20:], service).state is State.TAMPERED


def test_a_statement_in_xmp_still_counts_beside_a_broken_signature(service: Authority) -> None:
    changed = sign(files.jpeg(xmp=files.source_type("trainedAlgorithmicMedia")), service, [CAPTURED]) + b"more"
    found = judged(changed, service)
    assert (found.label, found.ground) == (Label.DECLARED_AI, Ground.STATED)
    assert found.warning is not None


class TestCamera:
    def test_a_trusted_maker_settles(self, maker: Authority) -> None:
        data = sign(files.jpeg(), maker, [CAPTURED])
        found = judged(data, maker)
        assert (found.label, found.ground, found.headline) == (
            Label.DECLARED_CAMERA,
            Ground.SIGNED,
            "Taken by a camera, says its signer",
        )

    def test_an_unknown_one_does_not(self, maker: Authority, service: Authority) -> None:
        data = sign(files.jpeg(), maker, [CAPTURED])
        assert signed(data).says is Says.CAMERA
        assert judged(data).ground is Ground.PIXELS
        assert judged(data, service).ground is Ground.PIXELS

    def test_a_trusted_signer_that_makes_no_cameras_does_not(self, service: Authority) -> None:
        data = sign(files.jpeg(), service, [CAPTURED])
        assert signed(data, service).state is State.TRUSTED
        assert judged(data, service).ground is Ground.PIXELS

    def test_edits_after_it_are_named_and_do_not_settle(self, maker: Authority) -> None:
        data = sign(files.jpeg(), maker, [CAPTURED, {"action": "c2pa.color_adjustments"}])
        assert signed(data, maker).says is Says.EDITED
        assert signed(data, maker).detail["edits"] == "c2pa.color_adjustments"
        assert judged(data, maker).ground is Ground.PIXELS

    def test_a_change_of_format_is_no_edit(self, maker: Authority) -> None:
        data = sign(files.jpeg(), maker, [CAPTURED, {"action": "c2pa.converted"}])
        assert judged(data, maker).label is Label.DECLARED_CAMERA


class TestEdits:
    def test_an_edit_with_ai_is_told_from_a_generated_picture(self, service: Authority, maker: Authority) -> None:
        photo = sign(files.jpeg(), maker, [CAPTURED])
        data = sign(files.jpeg(), service, [{"action": "c2pa.opened"}, FILLED], parent=photo)
        found = judged(data, service, maker)
        assert found.label is Label.DECLARED_AI_EDIT
        assert "c2pa.edited" in found.reason

    def test_a_generated_picture_that_was_edited_stays_generated(self, service: Authority) -> None:
        data = sign(files.jpeg(), service, [GENERATED, {"action": "c2pa.cropped"}])
        found = judged(data, service)
        assert (found.label, signed(data, service).detail["edits"]) == (Label.DECLARED_AI, "c2pa.cropped")

    def test_what_a_parent_was_is_followed(self, service: Authority) -> None:
        parent = sign(files.jpeg(), service, [GENERATED])
        data = sign(files.jpeg(), service, [], parent=parent)
        assert judged(data, service).label is Label.DECLARED_AI

    def test_a_generated_part_in_a_photo_is_an_edit(self, service: Authority, maker: Authority) -> None:
        part = sign(files.jpeg(), service, [GENERATED])
        data = sign(files.jpeg(), maker, [CAPTURED, {"action": "c2pa.placed"}], component=part)
        assert judged(data, maker, service).label is Label.DECLARED_AI_EDIT

    def test_an_ingredient_that_was_tampered_with_is_not_followed(self, service: Authority) -> None:
        parent = sign(files.jpeg(), service, [GENERATED]) + b"more"
        data = sign(files.jpeg(), service, [], parent=parent)
        assert judged(data, service).ground is Ground.PIXELS

    @pytest.mark.parametrize("code", ["algorithmicMedia", "digitalCreation", "compositeSynthetic"])
    def test_other_signed_sources_settle_nothing(self, service: Authority, code: str) -> None:
        assert judged(sign(files.jpeg(), service, [created(code)]), service).ground is Ground.PIXELS


def test_a_remote_manifest_is_named_and_never_fetched(service: Authority) -> None:
    with PictureServer() as server:
        address = server.url("/manifest.c2pa")
        for mime, picture in (("image/jpeg", files.jpeg()), ("image/png", files.png())):
            data = sign(picture, service, [GENERATED], remote=address, mime=mime)
            found = signed(data, service)
            assert (found.state, found.detail["address"]) == (State.REMOTE, address)
            assert judged(data, service).ground is Ground.PIXELS
        assert server.paths == []


def test_a_manifest_that_is_none_costs_one_line() -> None:
    data = files.segment(files.jpeg(xmp=files.source_type("digitalCreation")), 0xEB, b"JP\0\1\0\0\0\1" + b"jumb" * 40)
    assert signed(data).state is State.UNREADABLE
    assert any(one.kind is Kind.METADATA for one in read(data).statements)


HOLDS = [{"code": "claimSignature.validated"}, {"code": "assertion.dataHash.match"}]


@pytest.mark.parametrize(
    ("passed", "failed", "state"),
    [
        (["signingCredential.trusted"], [], State.TRUSTED),
        ([], ["signingCredential.untrusted"], State.UNKNOWN_SIGNER),
        ([], ["signingCredential.untrusted", "signingCredential.expired"], State.EXPIRED),
        (["signingCredential.trusted"], ["signingCredential.expired"], State.EXPIRED),
        (["signingCredential.trusted"], ["assertion.action.malformed"], State.MALFORMED),
        (["signingCredential.trusted"], ["signingCredential.ocsp.revoked"], State.REVOKED),
        (["signingCredential.trusted"], ["assertion.dataHash.mismatch"], State.TAMPERED),
        (["signingCredential.trusted"], ["claimSignature.mismatch"], State.TAMPERED),
        (["signingCredential.trusted"], ["assertion.missing"], State.TAMPERED),
    ],
)
def test_the_states_by_the_status_codes_of_c2pa(passed: list[str], failed: list[str], state: State) -> None:
    results = {
        "success": [*HOLDS, *({"code": code} for code in passed)],
        "failure": [{"code": code} for code in failed],
    }
    assert state_of(results) is state


def test_without_a_signature_that_was_checked_nothing_holds() -> None:
    assert state_of({"success": [{"code": "signingCredential.trusted"}], "failure": []}) is State.UNREADABLE
    assert state_of({}) is State.UNREADABLE


def test_a_trust_list_has_to_hold_certificates(tmp_path: Path, service: Authority) -> None:
    file = tmp_path / "list.pem"
    with pytest.raises(SettingsError, match="cannot be read"):
        load_anchors(file)
    file.write_text("nothing")
    with pytest.raises(SettingsError, match="no certificate"):
        load_anchors(file)
    file.write_text(service.root)
    assert signed(sign(files.jpeg(), service, [GENERATED]), service).state is State.TRUSTED
    assert load_anchors(file) == service.root
