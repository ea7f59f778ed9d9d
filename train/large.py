"""Make the larger checkpoint, a frozen tower with our head: ``python -m train.large CONFIG --features FEATURES ...``.

As `train.bundled`: for each fold of the protocol a head that has not seen the fold's sources is exported and measured
by what the app runs, and that calibrates and describes the head that has seen all. A head is fitted in seconds on what
`train.tower` kept; the time goes into measuring, and a command that was stopped goes on when it is run again.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from train import bundled, export
from train.errors import command
from train.predictions import Prediction
from train.probe import Seen, learn
from train.protocol import Protocol
from train.tower import fill
from unfake.detector.tower import TowerClassifier


def network(config: dict[str, Any], seen: Seen, weights: Path, held_out: list[str]) -> TowerClassifier:
    """The tower with a head that has not seen ``held_out``; raises RunError where ``weights`` are not the tower's."""
    model = TowerClassifier(config["backbone"], 2, config["blocks"])
    fill(model.backbone, config["backbone"], weights)
    head = learn(seen, config | {"tokens": [0], "kinds": ["near", "far"]}, held_out, config["boosted"], config["boost"])
    # Both logits, so that their difference is the margin.
    weight = torch.from_numpy(head.weight).float() / 2
    with torch.no_grad():
        model.classifier.weight.copy_(torch.stack((-weight, weight)))
        model.classifier.bias.copy_(torch.tensor((-head.bias / 2, head.bias / 2)))
    return model


def exported(run: Path, config: dict[str, Any], seen: Seen, weights: Path, held_out: list[str]) -> Path:
    """Fit and export, unless that is done; gives the checkpoint folder."""
    checkpoint = run / "checkpoint"
    if not (checkpoint / "config.json").is_file():
        network(config, seen, weights, held_out).save_pretrained(run / "model")
        used = seen.training(held_out)
        pictures = {(str(seen.source[i]), str(seen.label[i]), str(seen.picture[i])) for i in used}
        counts = Counter(source for source, _, _ in pictures)
        told = config | {"held_out": held_out, "training_sources": counts, "dropout": 0.0}
        (run / "config.json").write_text(json.dumps(told, indent=2))
        export.export(run, checkpoint)
    return checkpoint


def make(config: dict[str, Any], protocol: Protocol, features: Path, weights: Path, pool: Path, out: Path) -> Path:
    """Everything; gives the folder of the finished checkpoint."""
    seen = Seen.load(features)
    predictions: list[Prediction] = []
    headers: dict[str, float | None] = {}
    for name, sources in protocol.folds.items():
        checkpoint = exported(out / name, config, seen, weights, sources)
        found, reached = bundled.measured(checkpoint, sources, protocol, pool)
        predictions += found
        headers |= reached
    final = exported(out / "final", config, seen, weights, [])
    bundled.describe(final, predictions, headers, protocol, pool)
    return final


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="what train.tower wrote")
    parser.add_argument("--weights", type=Path, required=True, help="the tower's, as train.tower had them")
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv, as extract.py lays it out")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    protocol = Protocol.load(args.config.parent / config.pop("protocol"))
    protocol = replace(protocol, most=config.pop("most"))
    print(make(config, protocol, args.features, args.weights, args.pool, args.out))


if __name__ == "__main__":
    command(main)
