"""What a frozen tower passes on for the protocol's pictures, kept, so that any head is measured in seconds.

The folds of `large` share their tower and differ in the head alone. So each picture of the protocol passes the
tower once: by the app's own views, at each delivery, and at each once more re-encoded. What a head makes of that is
what `Detector.read` gives, but for rounding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from train.bundled.head import Head, flattened
from train.bundled.tower import Tower
from train.deliveries import DELIVERIES
from train.measure.predictions import Prediction
from train.pool import Row
from train.reuse import listed, made_from
from unfake.detector.decision import Reading, reencode
from unfake.detector.detector import obstacle
from unfake.detector.views import Pixels, ViewRule, cut

CHUNK = 16  # pictures in a file
FIRST, AGAIN = "first", "again"


def views_of(row: Row, rule: ViewRule) -> Iterator[tuple[str, str, Pixels]]:
    """Delivery, `FIRST` or `AGAIN`, and views ``[N, size, size, 3]``; none where the app would give no verdict."""
    try:
        image = row.open()
    except (OSError, ValueError, SyntaxError) as error:
        print(f"left out: {row.path}: {error}", flush=True)
        return
    for delivery, deliver in DELIVERIES.items():
        pixels = np.asarray(deliver(image))
        if obstacle(pixels) is None:
            yield delivery, FIRST, cut(pixels, rule).pixels
            yield delivery, AGAIN, cut(reencode(pixels), rule).pixels


def collect(rows: list[Row], rule: ViewRule, tower: Tower, out: Path) -> None:
    """Write what ``tower`` passes on, ``CHUNK`` pictures a file; files that are there are not made again.

    Raises RunError where those were made from other pictures, views or weights.
    """
    weights = [hashlib.sha256(tensor.numpy().tobytes()).hexdigest() for tensor in tower.vit.state_dict().values()]
    made_from(out, {"pictures": listed(rows), "views": rule.to_json(), "weights": weights})
    order = np.random.default_rng(0).permutation(len(rows))  # every beginning is a fair sample
    for start in tqdm(range(0, len(rows), CHUNK), unit=" files"):
        file = out / f"{start:06d}.npz"
        if file.is_file():
            continue
        tokens = [np.zeros((0, len(tower.vit.blocks), tower.vit.embed_dim), np.float16)]
        listing: list[tuple[str, str, str, str, str]] = []
        for row in (rows[i] for i in order[start : start + CHUNK]):
            for delivery, turn, views in views_of(row, rule):
                with torch.inference_mode():
                    tokens.append(tower(torch.from_numpy(views))[:, :, 0].half().numpy())
                listing += [(row.source, row.label, delivery, row.name, turn)] * len(views)
        temporary = out / "part.npz"
        np.savez(temporary, tokens=np.concatenate(tokens), views=np.array(listing).reshape(-1, 5))
        temporary.replace(file)


@dataclass(frozen=True)
class ProtocolViews:
    """``tokens`` ``[N, blocks, width]``: class tokens of views; ``key``: the same number for views of one turn.

    A turn is one picture at one delivery, as it is or re-encoded: ``turns`` says which (source, label, delivery,
    picture, `FIRST` or `AGAIN`).
    """

    tokens: NDArray[np.float16]
    key: NDArray[np.int64]
    turns: list[tuple[str, str, str, str, str]]

    @classmethod
    def load(cls, folder: Path) -> ProtocolViews:
        """What `collect` wrote."""
        parts = [np.load(file) for file in sorted(folder.glob("[0-9]*.npz"))]
        turns, key = np.unique(np.concatenate([p["views"] for p in parts]), axis=0, return_inverse=True)
        named = [(str(s), str(la), str(d), str(p), str(t)) for s, la, d, p, t in turns]
        return cls(np.concatenate([p["tokens"] for p in parts]), key.reshape(-1), named)

    def predictions(self, head: Head, blocks: tuple[int, ...], sources: list[str], part: str) -> list[Prediction]:
        """What a head on ``blocks`` reads off the pictures of ``sources``; ``part``: its network's id."""
        wanted = [number for number, turn in enumerate(self.turns) if turn[0] in sources]
        index = np.flatnonzero(np.isin(self.key, wanted))
        margins = head(flattened(self.tokens[index][:, list(blocks)]))
        order = np.argsort(self.key[index], kind="stable")
        numbers, starts = np.unique(self.key[index][order], return_index=True)
        read: dict[tuple[str, ...], Reading] = {}
        for number, each in zip(numbers, np.split(margins[order], starts[1:]), strict=True):
            read[self.turns[number]] = Reading.of(np.stack((-each / 2, each / 2), 1).astype(np.float32))
        found: list[Prediction] = []
        for (source, label, delivery, picture, turn), first in read.items():
            if turn == FIRST:
                again = read[source, label, delivery, picture, AGAIN]
                margin, error, margin_again, error_again = (
                    round(n, 4) for n in (first.margin, first.error, again.margin, again.error)
                )
                found.append(
                    Prediction(source, label, delivery, picture, margin, error, margin_again, error_again, part)
                )
        return found
