"""What a picture's file tells without its pixels, and how well that alone tells the label.

A detector that learns from a corpus in which real pictures are large JPEGs and fakes small PNGs learns the files. The
area under the ROC curve of `header_auc` says how far a corpus, or the pictures on which a model was measured, invites
that: 0.5 where files tell nothing, 1 where they tell all (Grommelt et al., Fake or JPEG?, 2024).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")
FEATURES = ("width", "height", "aspect", "bits_per_pixel", "jpeg_quality", "exif", *FORMATS, "other")

# Recommendation ITU-T T.81 (1992), Annex K, Tables K.1 (luminance) and K.2 (chrominance), row by row.
# fmt: off
_LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])
_CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
])
# fmt: on


def _scaled(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """``[100, 64]``: a table at the qualities 1 to 100.

    The formula of the Independent JPEG Group's library (jcparam.c: jpeg_quality_scaling, jpeg_add_quant_table).
    """
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((table * scale[:, None] + 50) // 100, 1, 255)


_TABLES = (_scaled(_LUMINANCE), _scaled(_CHROMINANCE))


def jpeg_quality(tables: dict[int, list[int]]) -> int | None:
    """The IJG quality, 1 to 100, whose tables lie nearest to these (None where there are none).

    ``tables``: quantisation tables by number, row by row, as Pillow's ``Image.quantization`` has them. Encoders that
    use tables of their own, as cameras and Photoshop do, get the quality that quantises most alike: the smallest sum
    of differences, relative to the standard's table.
    """
    distance = np.zeros(100)
    for number, standard in enumerate(_TABLES):
        found = np.asarray(tables.get(number, ()))
        if found.shape == (64,):
            distance += (np.abs(standard - found) / standard[49]).sum(1)  # at quality 50 it is the standard's own
    return int(distance.argmin()) + 1 if distance.any() else None


@dataclass(frozen=True)
class Header:
    """``format``: Pillow's name. ``size``: bytes. ``jpeg_quality``: None for what is no JPEG. ``exif``: any tag."""

    width: int
    height: int
    format: str
    size: int
    jpeg_quality: int | None
    exif: bool

    @classmethod
    def of(cls, content: bytes) -> Header:
        """From an encoded picture, of which only the beginning is read; raises OSError where Pillow cannot."""
        with Image.open(io.BytesIO(content)) as image:
            return cls.of_image(image, len(content))

    @classmethod
    def of_image(cls, image: Image.Image, size: int) -> Header:
        """From a picture that Pillow has opened and not decoded yet."""
        name = "JPEG" if image.format == "MPO" else image.format or ""  # what phones write: a JPEG with a second one
        quality = jpeg_quality(getattr(image, "quantization", {})) if name == "JPEG" else None
        return cls(image.width, image.height, name, size, quality, bool(image.info.get("exif")))

    def vector(self) -> NDArray[np.float64]:
        """``[10]``, in the order of `FEATURES`; -1 stands for no JPEG quality."""
        pixels = max(1, self.width * self.height)
        kind = self.format if self.format in FORMATS else "other"
        return np.array(
            [
                self.width,
                self.height,
                self.width / max(1, self.height),
                8 * self.size / pixels,
                -1 if self.jpeg_quality is None else self.jpeg_quality,
                self.exif,
                *(kind == each for each in (*FORMATS, "other")),
            ],
            dtype=np.float64,
        )


def header_auc(
    vectors: NDArray[np.float64],
    fake: NDArray[np.bool_],
    groups: Sequence[int] | NDArray[np.int64],
    *,
    most: int = 10_000,
    folds: int = 5,
    seed: int = 0,
) -> float | None:
    """Area under the ROC curve of a random forest that sees only file headers, predicted out of fold.

    ``vectors`` ``[N, 10]``: of `Header.vector`. ``fake`` ``[N]``. ``groups`` ``[N]``: what must not lie on both sides
    of a fold. Where there are more than ``most``, half of that number is drawn from each label. None where a label
    has fewer pictures or groups than there are ``folds``: it cannot be measured then. Below 0.5 is chance.
    """
    # The processes that open pictures read headers too, and need none of this.
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict  # noqa: PLC0415

    from train.measure.metrics import auc  # noqa: PLC0415

    groups = np.asarray(groups)
    rng = np.random.default_rng(seed)
    chosen = []
    for label in (False, True):
        members = np.nonzero(fake == label)[0]
        if len(fake) > most:
            members = rng.permutation(members)[: most // 2]
        if len(np.unique(groups[members])) < folds:
            return None
        chosen.append(members)
    index = np.sort(np.concatenate(chosen))
    labels = fake[index]
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=3, random_state=seed)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = cross_val_predict(forest, vectors[index], labels, groups=groups[index], cv=split, method="predict_proba")
    return auc(labels, found[:, 1])
