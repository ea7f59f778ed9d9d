"""Content Credentials: whether the signature holds, who signed, and what the signed manifests say of the origin.

Read by c2pa-python, which checks the certificate, the signature, and the hash over the very bytes of the file. Nothing
is fetched: no remote manifest, no revocation list. Thumbnails and what an ingredient says of itself outside the signed
manifests are not used. Source: C2PA Technical Specification 2.2, sections 15 (validation) and 18.15 (actions).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import c2pa  # type: ignore[import-untyped]

from unfake.errors import SettingsError
from unfake.evidence.provenance.statement import Kind, Says, State, Statement
from unfake.evidence.provenance.vocabulary import CREDITS, is_generator, source_type

WHERE = "Content Credentials"
_DEEPEST = 8  # manifests of ingredients that are followed, one inside another
_HARMLESS = frozenset(
    {
        "c2pa.created",
        "c2pa.opened",
        "c2pa.published",
        "c2pa.converted",
        "c2pa.transcoded",
        "c2pa.repackaged",
        "c2pa.watermarked",
        "c2pa.watermarked.bound",
        "c2pa.watermarked.unbound",
        "c2pa.metadata",
        "c2pa.edited.metadata",
    }
)
"""Actions that leave the picture as it is."""
_NO_NETWORK = {
    "remote_manifest_fetch": False,
    "ocsp_fetch": False,
    "verify_trust": True,
    "verify_timestamp_trust": True,
}
_MAKERS = ("canon", "fujifilm", "google", "leica", "nikon", "panasonic", "samsung", "sony", "xiaomi")


def load_anchors(file: Path) -> str:
    """The certificates of a trust list; raises SettingsError for a file that has none."""
    try:
        text = file.read_text("ascii")
    except (OSError, ValueError) as problem:
        raise SettingsError(f"UNFAKE_TRUST_LIST names {file.name}, which cannot be read as PEM.") from problem
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"UNFAKE_TRUST_LIST names {file.name}, which has no certificate in PEM.")
    return text


def statements(data: bytes, mime: str, anchors: str | None = None) -> list[Statement]:
    """What the manifest in the bytes of a file says. ``anchors``: certificates (PEM) of a trust list.

    Raises c2pa.C2paError for a manifest that cannot be read.
    """
    settings: dict[str, Any] = {"verify": _NO_NETWORK}
    if anchors:
        settings["trust"] = {"trust_anchors": anchors}
    with c2pa.Context.from_dict(settings) as context, c2pa.Reader(mime, io.BytesIO(data), context=context) as reader:
        store = json.loads(reader.json())
    return [_statement(store)]


def _statement(store: Mapping[str, Any]) -> Statement:
    results = store.get("validation_results") or {}
    state = state_of(results.get("activeManifest") or {})
    manifests, active = store.get("manifests") or {}, store.get("active_manifest", "")
    manifest = manifests.get(active) or {}
    signature = manifest.get("signature_info") or {}
    detail = {
        "signer": signature.get("issuer") or signature.get("common_name") or "",
        "signed": signature.get("time") or "",
        "program": _program(manifest),
    }
    if state in (State.TAMPERED, State.REVOKED, State.UNREADABLE):
        return Statement(Kind.CREDENTIALS, state, Says.NOTHING, WHERE, detail)
    broken = {_manifest_of(uri) for uri in _broken_ingredients(results)}
    says, more = _origin(manifests, active, broken, _DEEPEST)
    if says is Says.CAMERA and not _is_maker(detail["signer"]):
        more["note"] = "the signer is not known as a maker of cameras"
        says = Says.NOTHING
    return Statement(Kind.CREDENTIALS, state, says, WHERE, detail | more)


def state_of(active: Mapping[str, list[Mapping[str, str]]]) -> State:
    """The state by C2PA's status codes: what was hashed has to match, whatever is wrong with the certificate."""
    failed = {status.get("code", "") for status in active.get("failure") or ()}
    passed = {status.get("code", "") for status in active.get("success") or ()}
    if any(code.endswith((".mismatch", ".inaccessible", ".missing")) or "hash" in code.lower() for code in failed):
        return State.TAMPERED
    if "signingCredential.ocsp.revoked" in failed:
        return State.REVOKED
    hashed = passed & {"assertion.dataHash.match", "assertion.bmffHash.match", "assertion.boxesHash.match"}
    if "claimSignature.validated" not in passed or not hashed:
        return State.UNREADABLE
    if "signingCredential.trusted" in passed and not failed:
        return State.TRUSTED
    if "signingCredential.expired" in failed:
        return State.EXPIRED
    return State.MALFORMED if "signingCredential.trusted" in passed else State.UNKNOWN_SIGNER


def _program(manifest: Mapping[str, Any]) -> str:
    infos = manifest.get("claim_generator_info") or [{}]
    return str(infos[0].get("name") or manifest.get("claim_generator") or "")


def _is_maker(signer: str) -> bool:
    return signer.lower().startswith(_MAKERS)


def _broken_ingredients(results: Mapping[str, Any]) -> Iterator[str]:
    """Addresses inside the manifests of ingredients that were found changed."""
    for delta in results.get("ingredientDeltas") or ():
        for status in (delta.get("validationDeltas") or {}).get("failure") or ():
            code = status.get("code", "")
            if code.endswith((".mismatch", ".missing")) or "hash" in code.lower():
                yield status.get("url", "")


def _manifest_of(uri: str) -> str:
    """The label of the manifest in ``self#jumbf=/c2pa/LABEL/…``."""
    parts = uri.partition("=")[2].strip("/").split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "c2pa" else ""


def _actions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions = (assertion.get("data") or {}).get("actions") or ()
            found += [action for action in actions if isinstance(action, dict)]
    return found


def _agent(action: Mapping[str, Any]) -> str:
    agent = action.get("softwareAgent") or ""
    return str(agent.get("name") or "") if isinstance(agent, dict) else str(agent)


def _origin(manifests: Mapping[str, Any], label: str, broken: set[str], depth: int) -> tuple[Says, dict[str, str]]:
    """What a manifest says of the picture's origin, with the manifests of what it was made from; and its details."""
    manifest = manifests.get(label) or {}
    actions = _actions(manifest)
    says, detail = Says.NOTHING, dict[str, str]()
    made_from = [i for i in manifest.get("ingredients") or () if i.get("active_manifest") not in (None, *broken)]
    parents = [i for i in made_from if i.get("relationship") == "parentOf"] or (made_from if not actions else [])
    if depth and len(parents) == 1:
        says, detail = _origin(manifests, parents[0]["active_manifest"], broken, depth - 1)
    for action in actions:
        found = _of_action(action)
        if found is None:
            continue
        code, said = found
        creates = action.get("action") == "c2pa.created"
        if said in (Says.AI, Says.AI_EDIT) and not creates and says is not Says.AI:
            says = Says.AI_EDIT  # a step that used a model on something else
        elif creates:
            says = said
        else:
            continue
        detail |= {"digital source type": code, "made by": _agent(action)}
    if says is not Says.AI and len(made_from) > len(parents) and depth:
        parts = [_origin(manifests, i["active_manifest"], broken, depth - 1)[0] for i in made_from if i not in parents]
        if any(part in (Says.AI, Says.AI_EDIT) for part in parts):
            says = Says.AI_EDIT
    edits = [str(action.get("action")) for action in actions if action.get("action") not in _HARMLESS]
    if edits:
        detail["edits"] = ", ".join(dict.fromkeys([*filter(None, [detail.get("edits")]), *edits]))
        if says in (Says.CAMERA, Says.NOTHING):
            says = Says.EDITED
    return says, detail


def _of_action(action: Mapping[str, Any]) -> tuple[str, Says] | None:
    """The digital source type of an action, and what it says; by its words where it has none."""
    known = source_type(str(action.get("digitalSourceType") or ""))
    if known or action.get("digitalSourceType"):
        return known
    if action.get("action") == "c2pa.created":
        said = CREDITS.get(str(action.get("description") or "").strip().lower())
        if said or is_generator(_agent(action)):
            return "", said or Says.AI
    return None
