"""All readers over the bytes of one file, none of which can cost more than its own line."""

from __future__ import annotations

import threading
from collections.abc import Callable

from unfake.evidence.provenance import credentials, exif, parameters, xmp
from unfake.evidence.provenance.container import LARGEST_PART, Container, joined, walk
from unfake.evidence.provenance.statement import Kind, Provenance, Says, State, Statement

SECONDS = 3.0
"""How long one reader may take before the report goes on without it."""

Reader = Callable[[], list[Statement]]
_WEIGHT = {
    State.TAMPERED: 0,
    State.TRUSTED: 1,
    State.UNKNOWN_SIGNER: 2,
    State.EXPIRED: 3,
    State.MALFORMED: 4,
    State.REVOKED: 5,
    State.STATED: 6,
    State.REMOTE: 7,
    State.WEAK: 8,
    State.INCOMPLETE: 9,
    State.UNREADABLE: 10,
    State.ABSENT: 11,
}


def read(data: bytes, anchors: str | None = None, seconds: float = SECONDS) -> Provenance:
    """What the bytes of a picture file say of its origin. ``anchors``: certificates (PEM) of a C2PA trust list.

    Raises nothing: a reader that fails, or takes more than ``seconds``, leaves a line that says so.

    >>> [statement.kind.value for statement in read(b"no picture").statements]
    ['nothing']
    """
    container: list[Container | None] = []

    def walked() -> list[Statement]:
        container.append(walk(data))
        return []

    found = guarded(walked, Kind.METADATA, "The file", seconds)
    if container and container[0]:
        found += _read(data, container[0], anchors, seconds)
    if not found:
        found = [Statement(Kind.NOTHING, State.ABSENT, Says.NOTHING, "The file")]
    return Provenance(tuple(sorted(found, key=lambda statement: _WEIGHT[statement.state])))


def _read(data: bytes, container: Container, anchors: str | None, seconds: float) -> list[Statement]:
    found: list[Statement] = []
    tags, comments = exif.Tags(), dict[str, str]()

    def exif_reader() -> list[Statement]:
        nonlocal tags
        tags = exif.parse(container.exif or b"")
        if container.mime == "image/tiff":
            container.xmp += [tags.xmp] if tags.xmp else []
            container.iptc = container.iptc or tags.iptc
            container.credentials |= tags.credentials
        comments["Exif"] = tags.comment
        return exif.statements(tags, container.several)

    if container.exif:
        found += guarded(exif_reader, Kind.CAMERA, "Exif", seconds)
    for packet in container.xmp[:4]:
        if len(packet) > LARGEST_PART:
            found.append(Statement(Kind.METADATA, State.UNREADABLE, Says.NOTHING, "XMP"))
            continue

        def xmp_reader(packet: bytes = packet) -> list[Statement]:
            parsed = xmp.parse(packet)
            lost: list[Statement] = []
            if parsed.extended:
                try:
                    parsed = parsed.with_more(xmp.parse(joined(container.extended, parsed.extended)))
                except ValueError:
                    lost = [Statement(Kind.METADATA, State.UNREADABLE, Says.NOTHING, "Extended XMP")]
            comments["XMP"] = parsed.comment
            return xmp.statements(parsed) + lost

        found += guarded(xmp_reader, Kind.METADATA, "XMP", seconds)
    iptc = container.iptc
    if iptc:
        found += guarded(lambda: exif.iptc_statements(iptc), Kind.METADATA, "IPTC", seconds)
    texts = {"PNG text": dict(reversed(container.text)), "Exif": exif_texts(tags)}
    for place, comment in comments.items():
        if parameters.looks_like_parameters(comment):
            texts.setdefault(place, {}).setdefault("parameters", comment)
    for place, text in texts.items():
        if text:
            reader = _parameters_reader(text, place)
            found += guarded(reader, Kind.PARAMETERS, place, seconds)
    if container.credentials:
        signed = guarded(
            lambda: credentials.statements(data, container.mime, anchors), Kind.CREDENTIALS, credentials.WHERE, seconds
        )
        found = [one for one in found if one.state is not State.REMOTE] + signed
    return found


def _parameters_reader(text: dict[str, str], place: str) -> Reader:
    return lambda: parameters.statements(text, place)


def exif_texts(tags: exif.Tags) -> dict[str, str]:
    """What ComfyUI writes into Exif where there is no PNG text: ``prompt:{…}`` and ``workflow:{…}``."""
    texts: dict[str, str] = {}
    for value in tags.first.values():
        if isinstance(value, str):
            name, mark, rest = value.partition(":")
            if mark and name.lower() in ("prompt", "workflow"):
                texts.setdefault(name.lower(), rest.strip("\0"))
    return texts


def guarded(reader: Reader, kind: Kind, where: str, seconds: float) -> list[Statement]:
    """What a reader finds within that many seconds, or the one line that says that it could not be read."""
    answer: list[list[Statement]] = []

    def work() -> None:
        try:
            answer.append(reader())
        except Exception:  # of whatever sort: the bytes are anybody's, and the readers several libraries'
            answer.append([Statement(kind, State.UNREADABLE, Says.NOTHING, where)])

    thread = threading.Thread(target=work, name=f"provenance {where}", daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else [Statement(kind, State.UNREADABLE, Says.NOTHING, where)]
