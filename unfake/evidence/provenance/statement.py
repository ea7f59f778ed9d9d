"""A statement that a file makes about its origin, and how far it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

LONGEST_DETAIL = 4000
"""Characters of one detail, such as a prompt; the rest is cut off."""


class Kind(StrEnum):
    """Which sort of statement it is."""

    CREDENTIALS = "content_credentials"
    METADATA = "metadata"
    PARAMETERS = "generation_parameters"
    CAMERA = "camera"
    EDITING = "editing"
    NOTHING = "nothing"


class State(StrEnum):
    """How far a statement holds.

    Of Content Credentials: ``trusted`` (intact, signer on the trust list), ``unknown_signer`` (intact, signer not on
    it), ``expired`` (the same, and the certificate has expired with no trusted time stamp), ``malformed`` (intact, but
    breaks another rule of C2PA), ``tampered`` (changed since signing), ``revoked``, ``remote`` (kept at an address that
    is named and not fetched). Of all: ``stated`` (anyone can write it), ``incomplete`` (too little to say anything),
    ``weak`` (can be copied from another picture), ``unreadable``, ``absent``.
    """

    TRUSTED = "trusted"
    UNKNOWN_SIGNER = "unknown_signer"
    EXPIRED = "expired"
    MALFORMED = "malformed"
    TAMPERED = "tampered"
    REVOKED = "revoked"
    REMOTE = "remote"
    STATED = "stated"
    INCOMPLETE = "incomplete"
    WEAK = "weak"
    UNREADABLE = "unreadable"
    ABSENT = "absent"


class Says(StrEnum):
    """What is said about the picture's origin."""

    AI = "ai_generated"
    AI_EDIT = "edited_with_ai"
    CAMERA = "taken_by_camera"
    EDITED = "edited"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Statement:
    """One statement. ``where``: the place in the file. ``detail``: what else it says, by name; as text for people."""

    kind: Kind
    state: State
    says: Says
    where: str
    detail: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Cut long details, leave out empty ones, and what no UTF-8 can hold."""
        kept = {name: _clean(text) for name, text in self.detail.items()}
        object.__setattr__(self, "detail", MappingProxyType({name: text for name, text in kept.items() if text}))

    def to_json(self) -> dict[str, Any]:
        """``{kind, state, says, where, detail}``."""
        return {
            "kind": self.kind.value,
            "state": self.state.value,
            "says": self.says.value,
            "where": self.where,
            "detail": dict(self.detail),
        }

    def sentence(self) -> str:
        """The statement in one line for people, without its long details.

        >>> Statement(Kind.METADATA, State.STATED, Says.AI, "XMP", {"credit": "Made with Google AI"}).sentence()
        'XMP: says that the picture is AI-generated (credit: Made with Google AI); anyone can write this.'
        """
        shown = [f"{name}: {text}" for name, text in self.detail.items() if name not in _FOLDED]
        inside = f" ({', '.join(shown)})" if shown else ""
        said = _STATE_SAYS.get(self.state) or _SAYS[self.says]
        return f"{self.where}: {said}{inside}{_RELIANCE.get(self.state, '')}."


@dataclass(frozen=True)
class Provenance:
    """All that a file says of itself, what weighs most first; never empty."""

    statements: tuple[Statement, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The statements as plain data."""
        return [statement.to_json() for statement in self.statements]


_FOLDED = ("prompt", "negative prompt")
_SAYS = {
    Says.AI: "says that the picture is AI-generated",
    Says.AI_EDIT: "says that the picture was edited with AI",
    Says.CAMERA: "says that the picture was taken by a camera",
    Says.EDITED: "says that the picture was edited",
    Says.NOTHING: "says nothing about AI or a camera",
}
_STATE_SAYS = {
    State.TAMPERED: "do not fit the file, one of the two was changed after signing, so nothing that they say holds",
    State.REVOKED: "the certificate of the signer was revoked",
    State.REMOTE: "the signature is kept elsewhere and was not fetched",
    State.UNREADABLE: "could not be read",
    State.ABSENT: "nothing is stated here, which means nothing by itself: web sites and messengers strip it",
}
_RELIANCE = {
    State.TRUSTED: "; the signature holds and its signer is on the trust list",
    State.UNKNOWN_SIGNER: "; the signature holds, its signer is not on a trust list",
    State.EXPIRED: "; the signature holds, its signer is not on a trust list and the certificate has expired",
    State.MALFORMED: "; the signature holds, but the manifest breaks other rules of C2PA",
    State.STATED: "; anyone can write this",
    State.INCOMPLETE: "; too little to rely on",
    State.WEAK: "; this can be copied from another picture",
}


def _clean(text: str) -> str:
    shown = "".join(letter for letter in text if letter in "\n\t" or letter.isprintable()).strip()
    return shown[:LONGEST_DETAIL].encode(errors="replace").decode()
