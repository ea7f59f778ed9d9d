"""All pictures written anew in the same way, where a configuration asks for it. Runs in processes of its own."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from train.corpus.scan import LIMITS
from train.errors import CorpusError
from unfake.errors import PictureError
from unfake.intake import Source, from_bytes


@dataclass(frozen=True)
class Reencoding:
    """How pictures of both labels are written. ``long_side``: px at most, None for as it is. ``quality``: 1 to 100."""

    long_side: int | None
    quality: int


def reencode(task: tuple[str, bytes, Reencoding]) -> bytes:
    """A picture as a JPEG without metadata: upright, sRGB, no larger than asked for, colours at full resolution.

    The name in the task is for the CorpusError that is raised where the picture cannot be opened.
    """
    name, content, how = task
    try:
        image = Image.fromarray(from_bytes(content, Source("upload", name), LIMITS).pixels)
    except PictureError as error:
        raise CorpusError(f"{name} cannot be re-encoded: {error}") from None
    if how.long_side is not None:
        image.thumbnail((how.long_side, how.long_side), Image.Resampling.LANCZOS, reducing_gap=None)
    file = BytesIO()
    image.save(file, "JPEG", quality=how.quality, subsampling=0)
    return file.getvalue()
