"""Make ``unfake-lite0`` from the pool, all of it: ``python -m train.bundled lite0 CONFIG --pool POOL --out RUNS``.

One network starts everything; then for each fold of the protocol one that leaves the fold's sources out, and one that
leaves none out. The folds' networks are measured on what they left out, and that calibrates and describes the last
one. Each step is skipped where its result is there, so a stopped command goes on when it is run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from train.bundled import pairs
from train.bundled.description import describe
from train.checkpoint import export
from train.measure import calibrate
from train.measure.predictions import Prediction, choose, header_aucs, load, measure, save
from train.measure.protocol import Protocol
from train.pool import Row, read_pool
from train.reuse import listed, made_from
from unfake.detector.checkpoint import load_folder

STAGES = ("start", "from_start", "from_imagenet")


def recipe(config: dict[str, Any], stage: str, held_out: list[str], start: Path | None) -> dict[str, Any]:
    """A configuration for `train.bundled.pairs`: what all networks share, what the stage sets, and what is left out."""
    shared: dict[str, Any] = {k: v for k, v in config.items() if k not in STAGES}
    own = {"held_out": held_out, "start": str(start / "model") if start else None}
    return {**shared, **config[stage], **own}


def network(run: Path, settings: dict[str, Any], pool: Path, pixels: Path) -> Path:
    """Train and export, unless that is done; gives the checkpoint folder. ``pixels``: the pool decoded."""
    pairs.train(settings, pool, pixels, run, resume=True)
    checkpoint = run / "checkpoint"
    if not (checkpoint / "config.json").is_file():
        export.export(run, checkpoint)
    return checkpoint


Measured = tuple[list[Prediction], dict[str, float | None]]


def measured(checkpoint: Path, sources: list[str], protocol: Protocol, pool: Path) -> Measured:
    """Predictions on the sources that a network left out, and what their headers tell, unless that is done."""
    predictions, headers = checkpoint.parent / "predictions.csv", checkpoint.parent / calibrate.HEADERS
    rows = choose(rows_of(pool, sources), protocol.most, protocol.seed)
    made_from(predictions.parent, {"pictures": listed(rows), "networks": load_folder(checkpoint).id}, predictions.name)
    if not headers.is_file():
        save(measure(checkpoint, rows), predictions)
        headers.write_text(json.dumps(header_aucs(rows)))
    return load(predictions), json.loads(headers.read_text())


def rows_of(pool: Path, sources: Collection[str]) -> list[Row]:
    """The pool's pictures of some sources."""
    return [row for row in read_pool(pool) if row.source in sources]


def make(config: dict[str, Any], protocol: Protocol, pool: Path, out: Path) -> Path:
    """Everything; gives the folder of the finished checkpoint."""
    pixels, start = out / "pixels", out / "start"
    pairs.train(recipe(config, "start", config["start"]["held_out"], None), pool, pixels, start, resume=True)
    predictions: list[Prediction] = []
    headers: dict[str, float | None] = {}
    for name, sources in protocol.folds.items():
        # A network may only start from one that has not seen the fold's sources either.
        unseen = set(sources) <= set(config["start"]["held_out"])
        stage = "from_start" if unseen else "from_imagenet"
        settings = recipe(config, stage, sources, start if unseen else None)
        checkpoint = network(out / name, settings, pool, pixels)
        found, reached = measured(checkpoint, sources, protocol, pool)
        predictions += found
        headers |= reached
    final = network(out / "final", recipe(config, "from_start", [], start), pool, pixels)
    describe(final, predictions, headers, protocol, rows_of(pool, protocol.calibrated_on))
    return final


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv")
    parser.add_argument("--out", type=Path, required=True, help="for runs and the decoded pool, about 15 GB")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    protocol = Protocol.load(args.config.parent / config.pop("protocol"))
    print(make(config, protocol, args.pool, args.out))
