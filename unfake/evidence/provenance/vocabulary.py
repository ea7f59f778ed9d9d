"""Words that files use for their origin, and what they say."""

from __future__ import annotations

import re

from unfake.evidence.provenance.statement import Says

SOURCE_TYPES = {
    "trainedalgorithmicmedia": Says.AI,
    "compositewithtrainedalgorithmicmedia": Says.AI_EDIT,
    "digitalcapture": Says.CAMERA,
    "computationalcapture": Says.CAMERA,
    "negativefilm": Says.CAMERA,
    "positivefilm": Says.CAMERA,
    "print": Says.CAMERA,
    "minorhumanedits": Says.EDITED,
    "humanedits": Says.EDITED,
    "algorithmicallyenhanced": Says.EDITED,
    "composite": Says.EDITED,
    "compositecapture": Says.EDITED,
    "compositesynthetic": Says.EDITED,
    "algorithmicmedia": Says.NOTHING,
    "digitalart": Says.NOTHING,
    "digitalcreation": Says.NOTHING,
    "datadrivenmedia": Says.NOTHING,
    "softwareimage": Says.NOTHING,
    "screencapture": Says.NOTHING,
    "virtualrecording": Says.NOTHING,
}
"""IPTC NewsCodes, Digital Source Type, with the retired ones, in lower case. ``algorithmicMedia`` is made by rules
(a fractal), not by a trained model, and a synthetic part of a composite may be a drawing."""

CREDITS = {
    "made with google ai": Says.AI,
    "edited with google ai": Says.AI_EDIT,
    "imagined with ai": Says.AI,
    "ai generated image": Says.AI,
}
"""What services write as the credit or the description, in lower case: Google, Meta, Microsoft."""

_GENERATORS = re.compile(
    r"(adobe firefly|midjourney|dall[-·. ]?e\b|chatgpt|gpt-4o|gpt-image|openai|sora\b|bing image creator"
    r"|image creator from designer|image creator from microsoft designer|google imagen|google gemini|imagefx|grok\b"
    r"|stable diffusion|novelai|invokeai|comfyui|fooocus|swarmui|draw things|flux\.?1|ideogram|leonardo\.ai"
    r"|recraft|runway\b|imagine with meta ai)",
    re.IGNORECASE,
)
_EDITORS = re.compile(
    r"photoshop|lightroom|camera raw|gimp|affinity|snapseed|canva|capture one|luminar|pixelmator|darktable|rawtherapee"
    r"|paint\.net|microsoft paint|picasa|topaz|photopea|picsart|facetune|vsco|meitu|acdsee|paintshop|krita|imagemagick",
    re.IGNORECASE,
)
_URI = re.compile(r"(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/)?(\w+)/?", re.IGNORECASE | re.ASCII)


def source_type(value: str) -> tuple[str, Says] | None:
    """The code of a digital source type, given as IPTC's address or as the bare code, and what it says.

    >>> source_type("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")
    ('trainedAlgorithmicMedia', <Says.AI: 'ai_generated'>)
    >>> source_type("not trainedAlgorithmicMedia") is None
    True
    """
    found = _URI.fullmatch(value.strip())
    says = SOURCE_TYPES.get(found[1].lower()) if found else None
    return (found[1], says) if found and says else None


def is_generator(software: str) -> bool:
    """Whether the name of a program begins with that of one that does nothing but generate pictures."""
    return _GENERATORS.match(software.strip()) is not None


def is_editor(software: str) -> bool:
    """Whether a program of that name edits pictures."""
    return _EDITORS.search(software) is not None
