"""Whether a face fills a picture: such a portrait gets thresholds of its own.

Photographers light and retouch faces more than anything else, and generators draw them best, so the network errs more
often on them (docs/experiments.md, "Thresholds for portraits").
"""

from __future__ import annotations

from unfake.detector.views import Pixels
from unfake.evidence import faces

SIDE = 256  # px of the square in which the face is looked for: one that fills the picture is large in it
FILLS = 0.5  # height of a face, of the picture's short side, from which it fills the picture


def face_share(pixels: Pixels) -> float:
    """Height of the largest upright face as a share of the picture's short side, 0 where none is found.

    ``pixels``: uint8 RGB ``[H, W, 3]``. Raises FacesFailed.
    """
    found = faces.shared(SIDE).find(pixels, turned=False)
    if not found:
        return 0.0
    height, width = pixels.shape[:2]
    _, top, _, bottom = found[0].box
    return float((bottom - top) * height / min(height, width))
