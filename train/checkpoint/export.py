"""From a trained network to a checkpoint folder: ``python -m train.checkpoint export RUN --out FOLDER``."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from train.checkpoint.compact import halve, halve_graph, plain_splits, quantise, refer_graph
from train.errors import RunError, read_object
from train.modes import open_up
from unfake.detector.checkpoint import sha256_of
from unfake.detector.config import METRICS, ONNX, SAFETENSORS, SCHEMA
from unfake.detector.model import ServingGraph, load_network
from unfake.detector.tower import TowerClassifier
from unfake.errors import sentence

OPSET = 18


class FixedPlaces(nn.Module):
    """Rotary position embeddings of one size of view, where a tower of timm would compute them for each anew."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table.detach().clone(), persistent=False)

    def get_embed(self, shape: object = None) -> Tensor:
        """What the tower asks for; ``shape``, its grid, is always the same."""
        table: Tensor = self.get_buffer("table")
        return table


def _fix_places(vit: Any, size: int) -> None:
    """Let a tower that takes any size read a table instead: OpenVINO cannot split what it computes on the way."""
    if getattr(vit, "rope", None) is not None and vit.dynamic_img_size:
        vit.rope = FixedPlaces(vit.rope.get_embed(shape=vit.patch_embed.dynamic_feat_size((size, size))))


def write_onnx(graph: ServingGraph, size: int, path: Path) -> None:
    """Export uint8 ``[N, size, size, 3]`` to logits and map, any N, with fp16 kernels.

    A tower's matrices are read from the ``model.safetensors`` that lies beside ``path`` already.
    """
    if isinstance(graph.model, TowerClassifier):
        _fix_places(graph.model.backbone, size)
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            graph,
            (example,),
            raw,
            input_names=["views"],
            output_names=["logits", "map"],
            dynamic_shapes={"views": {0: batch}},
            opset_version=OPSET,
            optimize=False,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(raw)
    if isinstance(graph.model, TowerClassifier):
        plain_splits(model)
        refer_graph(model, "model.", path.with_name(SAFETENSORS))
    halve_graph(model, {f"model.{name}" for name in graph.model.state_dict()})
    model.producer_name, model.producer_version, model.doc_string = "unfake", "", ""
    for node in model.graph.node:  # stack traces and paths of the exporting machine
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, path)
    onnx.checker.check_model(str(path))


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write ``config.json`` with the sha256 of the files that lie beside it."""
    files = {n: sha256_of(folder / n) for n in (SAFETENSORS, ONNX, METRICS) if (folder / n).is_file()}
    (folder / "config.json").write_text(json.dumps(config | {"files": files}, indent=2) + "\n")


def _training(recipe: dict[str, Any]) -> dict[str, Any]:
    """What the card says of the training: from a run of `train.bundled`, `train.fit` or `convert`."""
    if "corpus" in recipe:
        by_label = recipe["corpus"]["splits"]["train"]["sources"]
        counts = {source: sum(labels.values()) for source, labels in by_label.items()}
        note = (
            f"Batches of {recipe['batch']} x {recipe['accumulation']} whole pictures at {recipe['image_size']} px, at "
            f"most {recipe['epochs']} epochs, the best by validation loss kept."
        )
    else:
        counts, note = recipe["training_sources"], recipe.get("note", "")
    return {
        "pictures": sum(counts.values()),
        "sources": sorted(counts),
        "held_out": recipe.get("held_out", []),
        "seed": recipe["seed"],
        "note": note,
        **({"licence": recipe["licence"]} if "licence" in recipe else {}),
    }


def export(run: Path, out: Path) -> None:
    """Write weights, graph and a configuration that is not calibrated yet (see `train.measure.calibrate`).

    Raises RunError where the run's configuration or network cannot be read.
    """
    recipe = read_object(run / "config.json")
    try:
        model = load_network(run / "model")
    except Exception as error:  # torch and safetensors raise many kinds on damaged files
        reason = sentence(error) if isinstance(error, OSError) else type(error).__name__
        raise RunError(f"{run / 'model'} holds no network that can be read: {reason}") from error
    stored = (quantise if isinstance(model, TowerClassifier) else halve)(model.state_dict())
    model.load_state_dict(stored)
    out.mkdir(parents=True, exist_ok=True)
    save_file(stored, out / "model.safetensors", metadata={"format": "pt"})
    open_up(out)
    graph = ServingGraph(model, recipe["mean"], recipe["std"]).eval()
    write_onnx(graph, recipe["views"]["size"], out / "model.onnx")
    config = {
        "schema": SCHEMA,
        "name": recipe["name"],
        "backbone": recipe["backbone"],
        "num_classes": 2,
        "dropout": recipe["dropout"],
        "labels": ["real", "fake"],
        "views": recipe["views"],
        "normalisation": {"mean": recipe["mean"], "std": recipe["std"]},
        "calibration": {"temperature": 1.0, "bias": 0.0},
        "thresholds": {"likely_real": 0.0, "likely_fake": 1.0},
        "training": _training(recipe),
        **({"blocks": recipe["blocks"]} if "blocks" in recipe else {}),
    }
    write_config(out, config)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder that train.fit or train.checkpoint convert wrote")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    export(args.run, args.out)
    for file in sorted(args.out.iterdir()):
        print(f"{file.stat().st_size:>10,} {file.name}")
