"""The corpus as batches: a `datasets.DatasetDict` on disk in, tensors out, in an order that can be taken up anywhere.

The corpus builder has opened each picture once, so a scan of all pictures at the start (hours on a large corpus) would
only find what a disk has damaged since. A picture that cannot be read is therefore skipped when it is met, named in one
sentence and counted: in training the next picture of the same label takes its place, in validation and test it
is left out of the figures. Where more than one picture in twenty is met so, the training stops.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from datasets import ClassLabel, DatasetDict, load_from_disk
from datasets import Image as ImageFeature
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from train.errors import CorpusError
from unfake.errors import PictureError
from unfake.intake import Limits, Source, from_bytes

LABELS = ["real", "fake"]
REQUIRED = ("train", "validation")
Transform = Callable[[Image.Image, Sequence[int]], Tensor]
Key = tuple[int, int, int]
"""Epoch, place in the epoch's order, and picture: what the augmentation's chance is made of."""

_LIMITS = Limits(bytes=2**31, pixels=2**31)  # the builder has its own; what is in the corpus is to be read
_LOOK_ON = 100  # pictures to try in place of an unreadable one


def load_corpus(folder: Path) -> DatasetDict:
    """The corpus that `train.corpus` has built, checked.

    Raises CorpusError: no such corpus, no split for training or validation, a column missing, other labels than real
    and fake, or a split that lacks one of them.
    """
    try:
        found = load_from_disk(str(folder))
    except Exception as error:  # datasets lets through what it meets: missing or damaged files, JSON, Arrow
        raise CorpusError(
            f"{folder} is no corpus that can be read ({type(error).__name__}): build one with python -m train.corpus"
        ) from error
    if not isinstance(found, DatasetDict) or not set(REQUIRED) <= set(found):
        raise CorpusError(f"{folder} has no splits {' and '.join(REQUIRED)}: build it anew with python -m train.corpus")
    for name, split in found.items():
        missing = [c for c in ("image", "label", "source") if c not in split.column_names]
        if missing:
            raise CorpusError(f"the split {name} of {folder} has no column {', '.join(missing)}")
        feature = split.features["label"]
        if not isinstance(feature, ClassLabel) or feature.names != LABELS:
            raise CorpusError(f"the labels of {folder} are not {LABELS[0]} and {LABELS[1]}, in this order")
        labels = Counter(split["label"][:])
        for number, label in enumerate(LABELS):
            if not labels[number]:
                raise CorpusError(
                    f"the split {name} of {folder} has no {label} pictures: the network needs both labels"
                )
    return found


def texts(split: Any, column: str) -> list[str]:
    """A column of a split as texts, class labels by their names."""
    feature = split.features[column]
    values = split[column][:]
    return [feature.int2str(v) for v in values] if isinstance(feature, ClassLabel) else [str(v) for v in values]


class Sample(NamedTuple):
    """One picture for the network. ``valid``: it was read. ``problem``: why it, or the one asked for, could not be."""

    pixels: Tensor
    label: int
    number: int
    valid: bool
    problem: str


class Batch(NamedTuple):
    """``pixels`` float ``[B, 3, H, W]``; ``labels``, ``indices`` in the split (int64) and ``valid`` (bool) ``[B]``."""

    pixels: Tensor
    labels: Tensor
    indices: Tensor
    valid: Tensor
    problems: list[str]


def collate(samples: list[Sample]) -> Batch:
    """One batch of samples."""
    return Batch(
        torch.stack([s.pixels for s in samples]),
        torch.tensor([s.label for s in samples]),
        torch.tensor([s.number for s in samples]),
        torch.tensor([s.valid for s in samples]),
        [s.problem for s in samples if s.problem],
    )


class Pictures(Dataset[Sample]):
    """One split. ``labels`` int64 ``[N]``, ``sources`` and ``names`` N texts each; samples by `Key` or by number.

    A key (training) lets the next picture of the label stand in for an unreadable one; a number (validation) does not.
    Nothing is raised here for a picture: an error in a loader's process would lose its sentence on the way.
    """

    def __init__(self, corpus: DatasetDict, split: str, transform: Transform, seed: int) -> None:
        rows = corpus[split].with_format(None)
        self.labels: NDArray[np.int64] = np.array(rows["label"][:], dtype=np.int64)
        self.sources = texts(rows, "source")
        self.names = texts(rows, "sha256") if "sha256" in rows.column_names else [""] * len(rows)
        self.transform, self.seed, self.split = transform, seed, split
        # Not decoded by datasets: the app's own intake reads the file as it will read it in service (sRGB, upright).
        self._files = rows.select_columns(["image"]).cast_column("image", ImageFeature(decode=False))

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image.Image:
        """The picture, RGB; raises PictureError or OSError where it cannot be read."""
        file = self._files[index]["image"]
        data = file["bytes"] if file["bytes"] is not None else Path(file["path"]).read_bytes()
        return Image.fromarray(from_bytes(data, Source("upload", self.describe(index)), _LIMITS).pixels)

    def describe(self, index: int) -> str:
        """A name for people: split, number, source and the beginning of the sha256."""
        return f"{self.split} picture {index} of source {self.sources[index]} {self.names[index][:12]}".rstrip()

    def __getitem__(self, key: Key | int) -> Sample:
        if isinstance(key, tuple):
            epoch, place, number = key
            return self._readable(number, (self.seed, epoch, place, number))
        return self._sample(key, ())

    def _sample(self, number: int, seed: Sequence[int]) -> Sample:
        label = int(self.labels[number])
        try:
            return Sample(self.transform(self.image(number), seed), label, number, True, "")
        except (PictureError, OSError) as error:
            blank = self.transform(Image.new("RGB", (64, 64)), seed)
            return Sample(blank, label, number, False, f"{self.describe(number)} cannot be read: {error}")

    def _readable(self, number: int, seed: Sequence[int]) -> Sample:
        """The picture's sample, or that of the next readable one of its label; neither where there is none near."""
        wanted = found = self._sample(number, seed)
        if not wanted.valid:
            alike = np.flatnonzero(self.labels == wanted.label)
            place = int(np.searchsorted(alike, number))
            for step in range(1, min(_LOOK_ON, len(alike))):
                found = self._sample(int(alike[(place + step) % len(alike)]), seed)
                if found.valid:
                    break
        return found._replace(problem=wanted.problem)


def epoch_order(pictures: Pictures, seed: int, epoch: int, balance: float) -> NDArray[np.int64]:
    """The pictures of an epoch in their order, int64 ``[N]``.

    With ``balance`` 0 a permutation. Above, N draws with repetition: half of each label, and within a label a source
    of n pictures in proportion to n ** (1 - balance).
    """
    rng = np.random.default_rng([seed, epoch])
    count = len(pictures)
    if not balance:
        return rng.permutation(count)
    keys = list(zip(pictures.labels.tolist(), pictures.sources, strict=True))
    sizes = Counter(keys)
    chances = np.array([float(sizes[key]) ** -balance for key in keys])
    for label in (0, 1):
        of = pictures.labels == label
        chances[of] /= 2 * chances[of].sum()
    return rng.choice(count, size=count, p=chances / chances.sum())


def digest(order: NDArray[np.int64]) -> str:
    """What an order is recognised by: 64 hexadecimal digits."""
    return hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()


class EpochBatches(Sampler[list[Key]]):
    """One process's batches of an epoch: batch i of a round of ``processes`` batches goes to process i.

    The order is filled up from its own beginning, so that all batches are full and all processes have as many. From
    ``first`` on: a resumed epoch leaves out the batches that it has seen, and nothing else differs.
    """

    def __init__(
        self, order: NDArray[np.int64], epoch: int, batch: int, rank: int = 0, processes: int = 1, first: int = 0
    ) -> None:
        self.order, self.epoch, self.batch = order, epoch, batch
        self.rank, self.processes, self.first = rank, processes, first
        self.count = -(-len(order) // (batch * processes))

    def __len__(self) -> int:
        return self.count - self.first

    def __iter__(self) -> Iterator[list[Key]]:
        for number in range(self.first, self.count):
            start = (number * self.processes + self.rank) * self.batch
            places = range(start, start + self.batch)
            yield [(self.epoch, place, int(self.order[place % len(self.order)])) for place in places]


def facts(corpus: DatasetDict) -> dict[str, Any]:
    """What a run notes about its corpus: pictures by split, label and source, and a fingerprint of them all.

    Two corpora with the same fingerprint have the same pictures (by sha256, where the corpus has that column) under
    the same labels in the same order.
    """
    print_of = hashlib.sha256()
    splits = {}
    for name in sorted(corpus):
        rows = corpus[name].with_format(None)
        labels = [LABELS[v] for v in rows["label"][:]]
        sources = texts(rows, "source")
        hashes = texts(rows, "sha256") if "sha256" in rows.column_names else [""] * len(rows)
        print_of.update(json.dumps([name, labels, sources, hashes]).encode())
        by_source: dict[str, dict[str, int]] = {s: dict.fromkeys(LABELS, 0) for s in sorted(set(sources))}
        for source, label in zip(sources, labels, strict=True):
            by_source[source][label] += 1
        splits[name] = {"pictures": len(labels), **Counter(labels), "sources": by_source}
    return {"fingerprint": print_of.hexdigest(), "splits": splits}
