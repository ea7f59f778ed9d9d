"""Make ``unfake-clip``, a frozen tower with our head: ``python -m train.bundled large CONFIG --features FEATURES ...``.

As `lite0`: for each fold of the protocol a head that has not seen the fold's sources is exported and measured on them,
and that calibrates and describes the head that has seen all. A head is fitted in seconds on what `tower` keeps, and
measured in seconds on what `protocol_views` keeps; the time goes into that, and a command that was stopped goes on when
it is run again. ``python -m train.measure check CHECKPOINT --pool POOL --runs OUT`` holds it against the app.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from train.bundled import lite0, tower
from train.bundled.head import Head, Seen, learn
from train.bundled.protocol_views import ProtocolViews, collect
from train.bundled.tower import Tower, fill
from train.checkpoint import export
from train.measure.predictions import Prediction, choose, header_aucs
from train.measure.protocol import Protocol
from train.reuse import made_from
from unfake.detector.checkpoint import Checkpoint, load_folder, sha256_of
from unfake.detector.tower import TowerClassifier
from unfake.detector.views import ViewRule


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
    """Fit and export, unless that is done; gives the checkpoint folder.

    Raises RunError where ``run`` was made by another configuration or from other pictures.
    """
    used = seen.training(held_out)
    pictures = {(str(seen.source[i]), str(seen.label[i]), str(seen.picture[i])) for i in used}
    counts = Counter(source for source, _, _ in sorted(pictures))
    told = config | {"held_out": held_out, "training_sources": counts, "dropout": 0.0}
    made_from(run, {"settings": told, "pictures": sorted(pictures), "weights": sha256_of(weights)})
    checkpoint = run / "checkpoint"
    if not (checkpoint / "config.json").is_file():
        network(config, seen, weights, held_out).save_pretrained(run / "model")
        (run / "config.json").write_text(json.dumps(told, indent=2))
        export.export(run, checkpoint)
    return checkpoint


def head_of(checkpoint: Checkpoint) -> Head:
    """The linear layer of a tower's checkpoint, as its margin."""
    state = load_file(checkpoint.safetensors_path)
    weight, bias = state["classifier.weight"].double().numpy(), state["classifier.bias"].double().numpy()
    return Head(weight[1] - weight[0], float(bias[1] - bias[0]))


def make(config: dict[str, Any], protocol: Protocol, features: Path, weights: Path, pool: Path, out: Path) -> Path:
    """Everything; gives the folder of the finished checkpoint."""
    seen = Seen.load(features)
    held_out = [source for sources in protocol.folds.values() for source in sources]
    rows = choose(lite0.rows_of(pool, held_out), protocol.most, protocol.seed)
    whole = Tower(config["backbone"], weights, max(config["blocks"]) + 1).eval()
    collect(rows, ViewRule(**config["views"]), whole, out / "protocol_views")
    kept = ProtocolViews.load(out / "protocol_views")
    predictions: list[Prediction] = []
    for name, sources in protocol.folds.items():
        fold = load_folder(exported(out / name, config, seen, weights, sources))
        predictions += kept.predictions(head_of(fold), fold.config.blocks, sources, fold.id)
    final = exported(out / "final", config, seen, weights, [])
    lite0.describe(final, predictions, header_aucs(rows), protocol, pool)
    return final


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="what train.bundled.tower wrote, or will")
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of the configuration's backbone")
    parser.add_argument("--pool", type=Path, required=True, help="folder with index.tsv")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    protocol = Protocol.load(args.config.parent / config.pop("protocol"))
    protocol = replace(protocol, most=config.pop("most"))
    what_to_see = json.loads((args.config.parent / config.pop("tower")).read_text())
    tower.collect(what_to_see, args.pool, args.weights, args.features)
    print(make(config, protocol, args.features, args.weights, args.pool, args.out))
