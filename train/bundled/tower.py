"""What a frozen CLIP image tower sees in the pool, kept for `head`: ``python -m train.bundled tower CONFIG ...``.

A forward pass of ViT-B/16 costs a CPU a quarter of a second, a linear head on what it gives nothing. So each picture's
views pass once, and every head, with any sources left out, is fitted on what is kept. All blocks are kept, not only the
last: what tells a generator lies in the intermediate ones (Koutlis and Papadopoulos, Leveraging Representations from
Intermediate Encoder-blocks for Synthetic Image Detection, ECCV 2024).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from tqdm import tqdm

from train.bundled.pairs import normaliser
from train.deliveries import DELIVERIES, deliver, draw
from train.errors import RunError
from train.measure.predictions import choose
from train.pool import Row, read_pool, shrunk
from train.reuse import listed, made_from
from unfake.detector.checkpoint import sha256_of
from unfake.detector.tower import passed_on
from unfake.detector.views import Pixels, ViewRule, cut

TRAINING = "training"
KINDS = {"near": (1280, 2), "far": (448, 1)}  # long side in px, and how many views at most
CHUNK = 64  # pictures in a file
BATCH = 16  # views


def fill(vit: nn.Module, backbone: str, weights: Path) -> None:
    """Load a tower, or its first blocks, from safetensors; raises RunError where some of its weights are missing."""
    missing = vit.load_state_dict(load_file(weights), strict=False).missing_keys
    if missing:
        raise RunError(f"{weights} does not hold the weights of {backbone}: {missing[0]} is missing")


class Tower(nn.Module):
    """A vision transformer of timm that gives what each block passes on, instead of classes."""

    def __init__(self, backbone: str, weights: Path, blocks: int = 0) -> None:
        """``weights``: safetensors; raises RunError where some of the backbone's are missing in it.

        ``blocks``: how many of the first to keep, 0 for all.
        """
        super().__init__()
        vit: Any = timm.create_model(backbone, pretrained=False, num_classes=0)
        vit.blocks = vit.blocks[: blocks or None]
        self.vit = vit
        fill(self.vit, backbone, weights)
        settings: dict[str, Any] = vit.default_cfg
        self.size = int(settings["input_size"][1])
        scale, shift = normaliser(settings["mean"], settings["std"])
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, views: Tensor) -> Tensor:
        """Uint8 ``[N, size, size, 3]`` to ``[N, blocks, 2, width]``: the class token, and the mean of the others."""
        pixels = views.permute(0, 3, 1, 2).float() * self.scale + self.shift  # type: ignore[operator]
        found = (torch.stack([tokens[:, 0], tokens[:, 1:].mean(1)], 1) for tokens in passed_on(self.vit, pixels))
        return torch.stack(list(found), 1)


@dataclass(frozen=True)
class View:
    """``kind``: ``near``, at the picture's own resolution, or ``far``, with most of the picture in it."""

    row: Row
    delivery: str
    kind: str
    pixels: Pixels


def training_views(row: Row, size: int, seed: int) -> Iterator[View]:
    """A near and a far crop of ``size`` px, each by a delivery of its own."""
    rng = np.random.default_rng([seed, int.from_bytes(row.name.encode()[-8:], "big")])
    pixels = shrunk(row.open(), KINDS["near"][0])
    for kind in KINDS:
        yield View(row, TRAINING, kind, deliver(pixels, size, draw(rng, float(kind == "far")), rng))


def measured_views(row: Row, size: int, deliveries: Sequence[str]) -> Iterator[View]:
    """Views of ``size`` px at the deliveries that are measured."""
    image = row.open()
    for delivery in deliveries:
        pixels = np.asarray(DELIVERIES[delivery](image))
        for kind, (long_side, most) in KINDS.items():
            for view in cut(pixels, ViewRule("crops", size, long_side, most)).pixels:
                yield View(row, delivery, kind, view)


def collect(config: dict[str, Any], pool: Path, weights: Path, out: Path) -> None:
    """Write what the tower sees, ``CHUNK`` pictures a file; files that are there are not made again.

    Raises RunError where those were made from other pictures, settings or weights.
    """
    rows = chosen(config, pool)
    tower = Tower(config["backbone"], weights).eval()
    settings = {key: config[key] for key in ("backbone", "deliveries", "seed")}
    pictures = [listed(row for row, _ in rows), [measured for _, measured in rows]]
    made_from(out, {"settings": settings, "pictures": pictures, "weights": sha256_of(weights)})
    for start in tqdm(range(0, len(rows), CHUNK), unit=" files"):
        file = out / f"{start:06d}.npz"
        if file.is_file():
            continue
        views: list[View] = []
        for row, measured in rows[start : start + CHUNK]:
            views += training_views(row, tower.size, config["seed"])
            if measured:
                views += measured_views(row, tower.size, config["deliveries"])
        pixels = torch.from_numpy(np.stack([v.pixels for v in views]))
        with torch.inference_mode():
            seen = [tower(pixels[i : i + BATCH]).half().numpy() for i in range(0, len(pixels), BATCH)]
        listing = [(v.row.source, v.row.label, v.row.name, v.delivery, v.kind) for v in views]
        temporary = out / "part.npz"
        np.savez(temporary, features=np.concatenate(seen), views=np.array(listing))
        temporary.replace(file)


def chosen(config: dict[str, Any], pool: Path) -> list[tuple[Row, bool]]:
    """Pictures, and whether to measure them.

    All of the sources in ``boosted``, at most ``older`` of each other source and label, and of the sources in
    ``measured`` at most ``most``: the same that every other recipe is measured on. In an order of which every
    beginning is a fair sample. Then at most ``portraits_most`` real pictures of each source in ``portraits``: most
    faces in the other sources are fake, and a head would take that for what tells them.
    """
    pool_rows = read_pool(pool)
    rows = [r for r in pool_rows if r.source not in config["unused"]]
    modern = [r for r in rows if r.source in config["boosted"]]
    others = choose([r for r in rows if r.source not in config["boosted"]], config["older"], 0)
    measured = choose([r for r in rows if r.source in config["measured"]], config["most"], 0)
    together = list(dict.fromkeys([*modern, *others, *measured]))
    to_measure, order = set(measured), np.random.default_rng(0).permutation(len(together))
    faces = [r for r in pool_rows if r.source in config["portraits"] and r.label == "real"]
    more, known = choose(faces, config["portraits_most"], 0), set(together)
    return [(together[i], together[i] in to_measure) for i in order] + [(r, False) for r in more if r not in known]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv")
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of the configuration's backbone")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    collect(json.loads(args.config.read_text()), args.pool, args.weights, args.out)
