"""Measure, calibrate and describe a checkpoint: ``python -m train.fit evaluate CHECKPOINT --corpus CORPUS``.

The validation split sets temperature, bias and thresholds; the test split gives the figures, at three deliveries. Both
come from the sources that the training has seen: the figures say nothing of other generators (docs/protocol.md does
it by leaving sources out), and the card says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from datasets import Image as ImageFeature
from PIL import Image

from train.fit.data import LABELS, load_corpus, texts
from train.measure import calibrate, card
from train.measure.predictions import choose, header_aucs, measure, save
from train.measure.protocol import Protocol
from unfake.detector.checkpoint import load_folder
from unfake.detector.config import CARD
from unfake.intake import Limits, Source, from_bytes

SPLITS = ("validation", "test")
_LIMITS = Limits(bytes=2**31, pixels=2**31)


@cache
def _files(corpus: Path, split: str) -> ImageFeature:
    return load_corpus(corpus)[split].select_columns(["image"]).cast_column("image", ImageFeature(decode=False))


@dataclass(frozen=True)
class CorpusPicture:
    """Picture ``index`` of a split: an example for `train.measure.predictions`."""

    corpus: Path
    part: str
    index: int
    source: str
    label: str
    name: str

    def read(self) -> bytes:
        """The file as it is; raises OSError."""
        file = _files(self.corpus, self.part)[self.index]["image"]
        return file["bytes"] if file["bytes"] is not None else Path(file["path"]).read_bytes()

    def open(self) -> Image.Image:
        """The picture as the app would read it; raises PictureError or OSError."""
        return Image.fromarray(from_bytes(self.read(), Source("upload", self.name), _LIMITS).pixels)


def pictures(corpus: Path, split: str) -> Iterator[CorpusPicture]:
    """All pictures of a split."""
    rows = load_corpus(corpus)[split]
    names = texts(rows, "sha256") if "sha256" in rows.column_names else [str(i) for i in range(len(rows))]
    for index, (source, label, name) in enumerate(zip(texts(rows, "source"), rows["label"][:], names, strict=True)):
        yield CorpusPicture(corpus.resolve(), split, index, source, LABELS[label], name)


def evaluate(checkpoint: Path, corpus: Path, most: int, seed: int = 0, processes: int = 2) -> None:
    """Write predictions, metrics, calibrated configuration, plots and card into the checkpoint's folder.

    Raises CorpusError, and RunError where the checkpoint does not tell the labels apart at all.
    """
    load_folder(checkpoint)
    chosen = {split: choose(pictures(corpus, split), most, seed) for split in SPLITS}
    found = measure(checkpoint, [each for split in SPLITS for each in chosen[split]], processes)
    save(found, checkpoint / card.PREDICTIONS)
    protocol = Protocol.of_splits(found, most, seed)
    calibrate.calibrate(checkpoint, found, protocol, header_aucs(chosen["test"]))
    card.write(checkpoint)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder that train.checkpoint.export wrote")
    parser.add_argument("--corpus", type=Path, required=True, help="folder that train.corpus has built")
    parser.add_argument("--most", type=int, default=250, help="pictures of a source and label, at most")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    evaluate(args.checkpoint, args.corpus, args.most, processes=args.processes)
    checkpoint = load_folder(args.checkpoint)
    auc = checkpoint.metrics()["headline"]["web"]["auc"]
    print(f"{checkpoint.id}: AUC at web {auc[0]:.3f} ({auc[1]:.3f} to {auc[2]:.3f}); the rest is in {CARD}")
