"""Our own checkpoint, in its place among the peers: ``--checkpoint FOLDER``, by default the bundled one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from unfake.detector.checkpoint import BUNDLED, load_folder
from unfake.detector.detector import Detector


class Peer:
    """The margin, less the one that reaches the checkpoint's threshold for "likely AI-generated".

    The app says so of fewer pictures than are over 0: its crops have to agree as well, and a re-encoded copy.
    """

    name = "unfake"

    def __init__(self, checkpoint: Path = BUNDLED) -> None:
        self._detector = Detector.load(load_folder(checkpoint), "cpu", "f32")
        config = self._detector.checkpoint.config
        odds = config.thresholds.likely_fake / (1 - config.thresholds.likely_fake)
        self._threshold = config.calibration.temperature * (float(np.log(odds)) - config.calibration.bias)

    def score(self, image: Image.Image) -> float:
        """Higher is more fake, and 0 is the checkpoint's own threshold."""
        return self._detector.read(np.asarray(image)).margin - self._threshold
