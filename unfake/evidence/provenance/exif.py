"""Exif and IPTC-IIM: traces of a camera, of programs, and what generators write there.

Source: Exif 2.32; IPTC-IIM 4.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image

from unfake.evidence.provenance.statement import Kind, Says, State, Statement
from unfake.evidence.provenance.vocabulary import CREDITS, is_editor, is_generator

_CODES = {b"ASCII\0\0\0": ("utf-8",), b"UNICODE\0": ("utf-16-be", "utf-16-le"), b"JIS\0\0\0\0\0": ("iso2022_jp",)}
_CODE_LENGTH = 8
_XMP_TAG, _IPTC_TAG, _C2PA_TAG = 0x02BC, 0x83BB, 0xCD41
_IIM_START, _IIM_CREDIT, _IIM_PROGRAM = b"\x1c\x02", 110, 65
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_XAI_SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/=_-]{40,}")


@dataclass(frozen=True)
class Tags:
    """The tags of the first directory, and those of the Exif directory."""

    first: dict[int, Any] = field(default_factory=dict)
    exif: dict[int, Any] = field(default_factory=dict)

    def text(self, tag: int) -> str:
        """A tag as text; empty where it is missing."""
        value = self.first.get(tag, self.exif.get(tag, ""))
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        return str(value).strip(" \0\t\r\n")

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet of a TIFF file."""
        value = self.first.get(_XMP_TAG)
        return value if isinstance(value, bytes) else None

    @property
    def iptc(self) -> bytes | None:
        """The IPTC block of a TIFF file."""
        value = self.first.get(_IPTC_TAG)
        return value if isinstance(value, bytes) else None

    @property
    def credentials(self) -> bool:
        """Whether a TIFF file has a C2PA manifest."""
        return _C2PA_TAG in self.first

    @property
    def comment(self) -> str:
        """The user comment, by the character code that it names."""
        value = self.exif.get(ExifTags.Base.UserComment, b"")
        if not isinstance(value, bytes):
            return str(value)
        code, body = value[:_CODE_LENGTH], value[_CODE_LENGTH:]
        if code not in _CODES:
            code, body = b"ASCII\0\0\0", body if not code.strip(b"\0") else value
        texts = [body.decode(name, errors="replace") for name in _CODES[code]]
        return min(texts, key=_strangeness).strip("\0 ")


def _strangeness(text: str) -> int:
    """Letters outside ASCII: UTF-16 read in the wrong byte order is full of them."""
    return sum(not letter.isascii() for letter in text)


def parse(block: bytes) -> Tags:
    """The tags of a TIFF block; raises what Pillow raises for a damaged one."""
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return Tags(dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif)))


def statements(tags: Tags, several: bool) -> list[Statement]:
    """What Exif says of a generator, of a camera (``several``: more pictures follow in the file) and of editing."""
    found: list[Statement] = []
    base = ExifTags.Base
    software, description = tags.text(base.Software), tags.text(base.ImageDescription)
    make, model = tags.text(base.Make), tags.text(base.Model)
    if _XAI_SIGNATURE.fullmatch(description) and _UUID.fullmatch(tags.text(base.Artist)):
        detail = {"program": "Grok (the signature that xAI writes)"}
        found.append(Statement(Kind.METADATA, State.STATED, Says.AI, "Exif", detail))
    elif is_generator(software) or is_generator(make):
        detail = {"program": software or make}
        found.append(Statement(Kind.METADATA, State.STATED, Says.AI, "Exif", detail))
    elif make and model and ":" not in (make[:9] + model[:7]):
        found.append(Statement(Kind.CAMERA, State.WEAK, Says.CAMERA, "Exif", _camera(tags, several)))
    if is_editor(software):
        found.append(Statement(Kind.EDITING, State.WEAK, Says.EDITED, "Exif", {"programs": software}))
    return found


def _camera(tags: Tags, several: bool) -> dict[str, str]:
    base = ExifTags.Base
    exposure, aperture = tags.text(base.ExposureTime), tags.text(base.FNumber)
    return {
        "camera": f"{tags.text(base.Make)} {tags.text(base.Model)}",
        "lens": tags.text(base.LensModel),
        "exposure": f"{exposure} s" if exposure else "",
        "aperture": f"f/{aperture}" if aperture else "",
        "taken": tags.text(base.DateTimeOriginal),
        "maker note": "present" if base.MakerNote in tags.exif else "",
        "further pictures in the file": "present" if several else "",
    }


def iptc_statements(block: bytes) -> list[Statement]:
    """What an IPTC block credits, and the program that it names."""
    found: dict[int, str] = {}
    at = 0
    while block[at : at + 1] == _IIM_START[:1] and at + 5 <= len(block):
        number, size = block[at + 2], int.from_bytes(block[at + 3 : at + 5])
        if block[at : at + 2] == _IIM_START and number in (_IIM_CREDIT, _IIM_PROGRAM):
            found.setdefault(number, block[at + 5 : at + 5 + size].decode(errors="replace"))
        at += 5 + size
    credit, program = found.get(_IIM_CREDIT, ""), found.get(_IIM_PROGRAM, "")
    says = CREDITS.get(credit.strip().rstrip(".").lower()) or (Says.AI if is_generator(program) else None)
    if says is None:
        return []
    return [Statement(Kind.METADATA, State.STATED, says, "IPTC", {"credit": credit, "program": program})]
