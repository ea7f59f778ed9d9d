"""The labelled pool as training crops: decoded once into one file, drawn from at random ever after."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from train.deliveries import deliver, draw
from train.pool import LABELS, Row, shrunk
from train.reuse import listed, made_from
from unfake.detector.views import Pixels, ViewRule


def _decode(task: tuple[Row, ViewRule]) -> Pixels | None:
    row, rule = task
    try:
        image = row.open()
    except (OSError, ValueError, SyntaxError) as error:
        print(f"left out: {row.path}: {error}", flush=True)
        return None
    return shrunk(image, rule.long_side)


class PixelStore:
    """Decoded pictures, shrunk as the view rule says, end to end in one memory-mapped file."""

    def __init__(self, folder: Path) -> None:
        """Open a store that `build` has written."""
        self.entries: list[dict[str, object]] = json.loads((folder / "entries.json").read_text())
        self._bytes: NDArray[np.uint8] = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")

    def without(self, sources: set[str]) -> PixelStore:
        """The same store as if it had no picture of ``sources``."""
        rest = copy(self)
        rest.entries = [e for e in self.entries if e["source"] not in sources]
        return rest

    def __getitem__(self, index: int) -> Pixels:
        """Pixels uint8 ``[H, W, 3]`` of entry ``index``."""
        entry = self.entries[index]
        start, height, width = int(entry["start"]), int(entry["height"]), int(entry["width"])  # type: ignore[call-overload]
        return self._bytes[start : start + height * width * 3].reshape(height, width, 3)

    @classmethod
    def build(cls, rows: list[Row], rule: ViewRule, folder: Path, workers: int = 2) -> PixelStore:
        """Decode ``rows`` into ``folder``, or open what is there; raises RunError if other rows or views made that."""
        made_from(folder, {"pictures": listed(rows), "views": rule.to_json()})
        done = folder / "done"
        if done.is_file():
            return cls(folder)
        entries, start = [], 0
        with (folder / "pixels.bin").open("wb") as out, ProcessPoolExecutor(workers) as pool:
            for row, pixels in zip(rows, pool.map(_decode, ((r, rule) for r in rows), chunksize=8), strict=True):
                if pixels is None:
                    continue
                out.write(pixels.tobytes())
                height, width = pixels.shape[:2]
                entries.append(
                    {
                        "source": row.source,
                        "label": row.label,
                        "name": row.name,
                        "start": start,
                        "height": height,
                        "width": width,
                    }
                )
                start += pixels.size
        (folder / "entries.json").write_text(json.dumps(entries))
        done.touch()
        return cls(folder)


def source_weights(entries: list[dict[str, object]], boosted: frozenset[str], boost: float) -> NDArray[np.float64]:
    """Chance of each entry within its label: by source as the root of its size, times ``boost`` for some sources.

    The root lies between drawing every picture alike, which lets one large old set rule, and every source alike,
    which shows the pictures of a tiny set hundreds of times.
    """
    counts: dict[tuple[object, object], int] = {}
    for e in entries:
        counts[e["source"], e["label"]] = counts.get((e["source"], e["label"]), 0) + 1
    return np.array(
        [(boost if e["source"] in boosted else 1.0) / math.sqrt(counts[e["source"], e["label"]]) for e in entries]
    )


@dataclass(frozen=True)
class PairConfig:
    """How pairs are drawn: px a side, sources drawn ``boost`` times as often, and the shares of `PairedCrops`."""

    size: int
    boosted: frozenset[str] = frozenset()
    boost: float = 1.0
    matched: float = 0.0
    wide: float = 0.0


class PairedCrops(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of (uint8 ``[2, size, size, 3]``, labels ``[2]``): a real and a fake crop each.

    The delivery is drawn once for both, so that nothing in it can tell the label. A share ``matched`` of the pairs
    has both pictures from one source, so that the subjects of other sources cannot tell it either.
    """

    def __init__(self, store: PixelStore, config: PairConfig, seed: int) -> None:
        self.store, self.config, self.seed = store, config, seed
        weights = source_weights(store.entries, config.boosted, config.boost)
        self.members = [self._members(weights, {label}) for label in LABELS]
        both = {str(e["source"]) for e in store.entries if e["label"] == "real"}
        both &= {str(e["source"]) for e in store.entries if e["label"] == "fake"}
        self.sources = sorted(both)
        self.by_source = {s: [self._members(weights, {label}, {s}) for label in LABELS] for s in self.sources}
        chances = np.array([sum(weights[index].sum() for index, _ in self.by_source[s]) for s in self.sources])
        self.chances = chances / chances.sum() if len(chances) else chances

    def _members(
        self, weights: NDArray[np.float64], labels: set[str], sources: set[str] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        index = np.array(
            [
                i
                for i, e in enumerate(self.store.entries)
                if e["label"] in labels and (sources is None or e["source"] in sources)
            ]
        )
        if not len(index):
            raise ValueError(f"the pool has no {' or '.join(labels)} pictures")
        return index, weights[index] / weights[index].sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            delivery = draw(rng, self.config.wide)
            members = self.members
            if self.sources and rng.random() < self.config.matched:
                members = self.by_source[self.sources[int(rng.choice(len(self.sources), p=self.chances))]]
            pair = [
                deliver(self.store[int(rng.choice(index, p=chances))], self.config.size, delivery, rng)
                for index, chances in members
            ]
            yield torch.from_numpy(np.stack(pair)), torch.tensor([0, 1])
