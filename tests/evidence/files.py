"""Pictures with metadata, each written where and how its program writes it."""

from __future__ import annotations

import hashlib
import io
import json
import zlib

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, PngImagePlugin

A1111 = (
    "a fox in the snow\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 96x96, Model hash: abc123, Model: dream"
)
COMFY = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 96, "height": 96, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 42,
            "steps": 20,
            "cfg": 7.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["2", 0],
            "latent_image": ["3", 0],
        },
    },
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "ComfyUI"}},
}
pillow_heif.register_heif_opener()

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def pixels() -> Image.Image:
    """A small picture with something in it, the same in every run."""
    return Image.fromarray(np.random.default_rng(13).integers(0, 256, (96, 96, 3), dtype=np.uint8))


def jpeg(exif: Image.Exif | None = None, xmp: str = "") -> bytes:
    """A JPEG with these pieces of metadata."""
    file = io.BytesIO()
    pixels().save(file, "JPEG", exif=(exif or Image.Exif()).tobytes(), **({"xmp": xmp.encode()} if xmp else {}))
    return file.getvalue()


def png(text: dict[str, str] | None = None, xmp: str = "", packed: bool = False) -> bytes:
    """A PNG with these texts, as tEXt or packed as zTXt, and an XMP packet as iTXt."""
    info = PngImagePlugin.PngInfo()
    for name, value in (text or {}).items():
        info.add_text(name, value, zip=packed)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    file = io.BytesIO()
    pixels().save(file, "PNG", pnginfo=info)
    return file.getvalue()


def other(format_name: str, exif: Image.Exif | None = None, xmp: str = "") -> bytes:
    """The picture as WEBP, TIFF, AVIF, HEIF or GIF."""
    file = io.BytesIO()
    more = {"exif": exif.tobytes()} if exif else {}
    if format_name == "TIFF":
        pixels().save(file, "TIFF", tiffinfo={700: xmp.encode()} if xmp else {})
    else:
        pixels().save(file, format_name, **more, **({"xmp": xmp.encode()} if xmp else {}))
    return file.getvalue()


def gif(xmp: str) -> bytes:
    """A GIF with an XMP packet where Adobe's programs write it: unblocked, with its 258 bytes of trailer."""
    file = io.BytesIO()
    pixels().convert("P").save(file, "GIF")
    data = file.getvalue()
    at = 13 + (3 << (data[10] & 7) + 1)
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return data[:at] + b"\x21\xff\x0bXMP DataXMP" + xmp.encode() + trailer + data[at:]


def xmp(inside: str = "", **attributes: str) -> str:
    """An XMP packet about the picture; the attributes are properties, ``_`` for the colon."""
    properties = " ".join(f'{name.replace("_", ":", 1)}="{value}"' for name, value in attributes.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
        f'xmlns:dcterms="http://purl.org/dc/terms/" {properties}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    )


def extended_xmp(packet: str, size: int = 400) -> tuple[str, list[bytes]]:
    """Name of an extended packet, and the segments of APP1 that hold it, each with so many bytes of it."""
    data = packet.encode()
    guid = hashlib.md5(data, usedforsecurity=False).hexdigest().upper()
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid.encode() + len(data).to_bytes(4)
    return guid, [head + at.to_bytes(4) + data[at : at + size] for at in range(0, len(data), size)]


def with_segments(picture: bytes, segments: list[bytes]) -> bytes:
    """A JPEG with these segments of APP1 at its start, in their order."""
    for content in reversed(segments):
        picture = segment(picture, 0xE1, content)
    return picture


def source_type(code: str) -> str:
    """An XMP packet with that digital source type."""
    return xmp(Iptc4xmpExt_DigitalSourceType=SOURCE_TYPE + code)


def exif(comment: str = "", code: bytes = b"UNICODE\0", encoding: str = "utf-16-be", **tags: object) -> Image.Exif:
    """Exif with these tags by name, and a user comment."""
    found = Image.Exif()
    inner = {ExifTags.Base.UserComment.value: code + comment.encode(encoding)} if comment else {}
    for name, value in tags.items():
        tag = ExifTags.Base[name].value
        if name in ("ExposureTime", "FNumber", "LensModel", "DateTimeOriginal", "MakerNote"):
            inner[tag] = value  # type: ignore[assignment]
        else:
            found[tag] = value
    if inner:
        found[ExifTags.IFD.Exif] = inner
    return found


def chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def iptc(credit: str) -> bytes:
    """A JPEG with an IPTC block in APP13 that credits somebody."""
    block = b"\x1c\x02\x00\x00\x02\x00\x04" + b"\x1c\x02" + bytes([110]) + len(credit).to_bytes(2) + credit.encode()
    resource = b"8BIM\x04\x04\0\0" + len(block).to_bytes(4) + block + b"\0" * (len(block) % 2)
    return segment(jpeg(), 0xED, b"Photoshop 3.0\0" + resource)


def segment(picture: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment at its start."""
    return picture[:2] + bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content + picture[2:]


def comfy(*changes: tuple[str, object]) -> dict[str, str]:
    """ComfyUI's texts for its graph, nodes replaced as given (None: taken out)."""
    graph: dict[str, object] = dict(COMFY)
    for name, node in changes:
        if node is None:
            graph.pop(name)
        else:
            graph[name] = node
    return {"prompt": json.dumps(graph), "workflow": json.dumps({"nodes": [], "links": []})}
