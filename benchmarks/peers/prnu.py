"""prnu 0.1.0: a ResNet-18 on the noise residual of the central 512 px (GPL-3.0-only; weights within)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image


class Peer:
    """Probability of "AI", less the 0.5 from which the package says so."""

    name = "prnu"

    def __init__(self) -> None:
        from prnu.ai_predictor import Model  # type: ignore[import-not-found]  # noqa: PLC0415

        self._model = Model()
        if not self._model.load():
            raise RuntimeError("prnu found no weights in its package")

    def score(self, image: Image.Image) -> float | None:
        """Higher is more fake, 0 is the package's threshold; None for a picture with a side under 512 px."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            image.save(path)
            probability = self._model.predict(str(path))
        return None if probability is None else float(probability) - 0.5
