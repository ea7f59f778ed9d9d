"""A network that nobody trained, as a checkpoint: for tests of what is done around a network, not of what it says.

It is an EfficientNet, so that it has a map, as small as timm makes one. Its margins differ from picture to picture by
about 1, and under its thresholds nearly all pictures are inconclusive. Its card and figures are those of the bundled
checkpoint.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.models import register_model
from timm.models.efficientnet import EfficientNet, _gen_efficientnet
from torch import nn

from train.checkpoint.export import export, write_config
from unfake.detector.checkpoint import BUNDLED
from unfake.detector.config import CARD, METRICS
from unfake.detector.model import DeepfakeClassifier, ServingGraph
from unfake.detector.views import ViewRule, cut

NAME = "unfake-toy"
RECIPE: dict[str, Any] = {
    "name": NAME,
    "backbone": "tf_efficientnet_toy",
    "dropout": 0.0,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "views": {"kind": "crops", "size": 224, "long_side": 1280, "max_views": 12},
    "training_sources": {},
    "seed": 0,
}
THRESHOLDS = {"likely_real": 0.05, "likely_fake": 0.95, "widening": 0.5, "reencoding": True}


@register_model
def tf_efficientnet_toy(pretrained: bool = False, **given: Any) -> EfficientNet:
    """As timm's ``tf_efficientnet_…``, with a tenth of B0's channels."""
    found: EfficientNet = _gen_efficientnet(  # type: ignore[no-untyped-call]
        "tf_efficientnet_toy", channel_multiplier=0.1, depth_multiplier=0.1, pad_type="same", **given
    )
    return found


def network(pictures: list[Path]) -> DeepfakeClassifier:
    """Random weights, with the statistics of batch normalisation and the scale of the head set by some pictures."""
    torch.manual_seed(0)
    model = DeepfakeClassifier(RECIPE["backbone"], 2, 0.0, pretrained=False)
    rule = ViewRule(**RECIPE["views"])
    views = np.concatenate([cut(np.asarray(Image.open(each).convert("RGB")), rule).pixels for each in pictures])
    graph = ServingGraph(model, RECIPE["mean"], RECIPE["std"])
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over what it has seen
    with torch.no_grad():
        graph.train()(torch.from_numpy(views))
        logits = graph.eval()(torch.from_numpy(views))[0]
        margins = logits[:, 1] - logits[:, 0]
        model.classifier.weight /= margins.std()
        model.classifier.bias.copy_(torch.tensor([0.5, -0.5]) * (margins.mean() / margins.std()))
    return model


def make(folder: Path, pictures: list[Path]) -> Path:
    """Write the checkpoint to ``folder``; gives that."""
    with torch.random.fork_rng():
        network(pictures).save_pretrained(folder / "run" / "model")
    (folder / "run" / "config.json").write_text(json.dumps(RECIPE))
    export(folder / "run", folder)
    shutil.rmtree(folder / "run")
    for name in (CARD, METRICS, "plots"):
        copy = shutil.copytree if (BUNDLED / name).is_dir() else shutil.copy
        copy(BUNDLED / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    write_config(folder, config | {"thresholds": THRESHOLDS})
    return folder
