"""XMP packets: the properties of the picture itself, never those of pictures that it was made from.

Source: Adobe XMP Specification, part 1 (RDF) and part 2 (namespaces); IPTC Photo Metadata Standard 2025.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from unfake.evidence.provenance.statement import Kind, Says, State, Statement
from unfake.evidence.provenance.vocabulary import CREDITS, is_editor, is_generator, source_type

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_MM = "{http://ns.adobe.com/xap/1.0/mm/}"
_EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
_IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_EXTENDED = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
_PROVENANCE = "{http://purl.org/dc/terms/}provenance"

_TOOLS = (
    _XMP + "CreatorTool",
    _PHOTOSHOP + "AISystemUsed",
    _IPTC + "AISystemUsed",
    "{http://ns.adobe.com/tiff/1.0/}Software",
)
_CREDITS = (_PHOTOSHOP + "Credit", _DC + "description", _PHOTOSHOP + "Headline")
_SOURCE_TYPES = (_IPTC + "DigitalSourceType", _IPTC + "DigitalSourceFileType")


@dataclass(frozen=True)
class Packet:
    """Properties of the picture by qualified name, and the programs in its history."""

    properties: dict[str, str] = field(default_factory=dict)
    history: tuple[str, ...] = ()

    @property
    def comment(self) -> str:
        """The user comment of Exif, where Draw Things and others keep their parameters."""
        return self.properties.get(_EXIF + "UserComment", "")

    @property
    def extended(self) -> str:
        """Name of the packet of JPEG that goes on where this one ends; empty where there is none."""
        return self.properties.get(_EXTENDED, "")

    def with_more(self, other: Packet) -> Packet:
        """Both as one; where both have a property, this one's counts."""
        history = tuple(dict.fromkeys((*self.history, *other.history)))
        return Packet({**other.properties, **self.properties}, history)


def parse(packet: bytes) -> Packet:
    """The packet; raises ValueError for XML that is broken or has a document type or entities of its own."""
    try:
        root = fromstring(packet.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except SyntaxError as problem:  # ParseError
        raise ValueError("the XMP packet is not well-formed XML") from problem
    rdf = root if root.tag == _RDF + "RDF" else root.find(_RDF + "RDF")
    properties: dict[str, str] = {}
    history: list[str] = []
    for description in rdf.findall(_RDF + "Description") if rdf is not None else ():
        for name, text in _properties(description):
            properties.setdefault(name, text)
        for event in description.iterfind(f"{_MM}History/{_RDF}Seq/{_RDF}li"):
            agent = event.get(_EVENT + "softwareAgent") or event.findtext(_EVENT + "softwareAgent")
            history += [agent] if agent else []
    return Packet(properties, tuple(dict.fromkeys(history)))


def _properties(description: Element) -> Iterator[tuple[str, str]]:
    yield from description.attrib.items()
    for child in description:
        items = child.findall(f"./*/{_RDF}li")
        resource = child.get(_RDF + "resource")
        text = items[0].text if items else resource or child.text
        yield child.tag, text or ""


def statements(packet: Packet) -> list[Statement]:
    """What the packet says of the origin, of editing, and of a signature that is kept elsewhere."""
    found: list[Statement] = []
    has = packet.properties.get
    tool = next((text for name in _TOOLS if (text := has(name))), "")
    credit = has(_CREDITS[0], "")
    detail = {"program": tool, "credit": credit}
    says = Says.NOTHING
    for name in _SOURCE_TYPES:
        known = source_type(has(name, ""))
        if known:
            detail["digital source type"], says = known
            break
    for name in _CREDITS:
        said = CREDITS.get(has(name, "").strip().rstrip(".").lower())
        if said and says is not Says.AI:
            detail["credit"], says = has(name, ""), said
    if says not in (Says.AI, Says.AI_EDIT) and is_generator(tool):
        says = Says.AI
    if says is Says.CAMERA:
        found.append(Statement(Kind.METADATA, State.WEAK, says, "XMP", detail))
    elif says is not Says.NOTHING or "digital source type" in detail:
        found.append(Statement(Kind.METADATA, State.STATED, says, "XMP", detail))
    editors = [name for name in (*packet.history, tool) if is_editor(name)]
    if editors:
        programs = {"programs": ", ".join(dict.fromkeys(editors))}
        found.append(Statement(Kind.EDITING, State.WEAK, Says.EDITED, "XMP", programs))
    address = has(_PROVENANCE, "")
    if address.lower().startswith(("http://", "https://")):
        found.append(Statement(Kind.CREDENTIALS, State.REMOTE, Says.NOTHING, "XMP", {"address": address}))
    return found
