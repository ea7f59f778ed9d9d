"""phorensics 0.1.1: fixed rules on spectrum, error levels and noise; no weights (MIT, by its classifier only)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image


class Peer:
    """Its percentage of "fake", less the 50 from which the package says so."""

    name = "phorensics"

    def __init__(self) -> None:
        from phorensics import ImageScanner  # type: ignore[import-not-found]  # noqa: PLC0415

        self._scanner = ImageScanner

    def score(self, image: Image.Image) -> float:
        """Higher is more fake, and 0 is the package's threshold."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            image.save(path)
            return float(self._scanner(str(path), force_cpu=True).analyze()["Fake_Prob"]) - 50
