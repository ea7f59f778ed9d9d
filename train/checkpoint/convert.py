"""A run folder from the ``.pth`` file of an older training: ``python -m train.checkpoint convert OLD.pth --out RUN``.

The file holds the tensors of an EfficientNet trunk (``base_model.*``, or under any other prefix) and of a linear head
with two classes. Nothing but tensors is taken from it, and a pickle that holds other objects is refused unread.
`train.checkpoint.export` takes the run folder from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from train.checkpoint.layouts import LAYOUTS, Layout, Trunk, epsilon
from train.errors import RunError
from train.modes import open_up
from unfake.detector.config import EFFICIENTNETS
from unfake.detector.model import DeepfakeClassifier
from unfake.detector.views import ViewRule

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LABELS = ("real", "fake")
_WRAPPERS = ("model_state_dict", "state_dict", "model", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile

State = dict[str, Tensor]


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(each, Tensor) for each in value.values())


def read_state(path: Path) -> State:
    """The tensors in a ``.pth`` file by name, out of what they are wrapped in. Raises RunError."""
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds: missing, damaged, or a pickle of other objects
        raise RunError(
            f"{path.name} is not a file of weights alone ({type(error).__name__}), and nothing else is read: "
            "save the model's state_dict() by itself, in the program that made it"
        ) from error
    if not _is_state(data) and isinstance(data, Mapping):
        data = next((data[key] for key in _WRAPPERS if _is_state(data.get(key))), None)
    if not _is_state(data):
        raise RunError(f"{path.name} holds no table of tensors, by itself or under {', '.join(_WRAPPERS)}")
    state = {str(key): tensor for key, tensor in data.items()}
    while prefix := next((each for each in _PREFIXES if all(key.startswith(each) for key in state)), None):
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def find_trunk(state: State) -> tuple[Layout, str]:
    """The layout of the trunk, and what its names begin with. Raises RunError."""
    found = [
        (layout, key.removesuffix(layout.stem))
        for key in state
        for layout in LAYOUTS
        if key == layout.stem or key.endswith(f".{layout.stem}")
    ]
    if len(found) != 1:
        names = ", ".join(layout.stem for layout in LAYOUTS)
        what = "no EfficientNet" if not found else "more than one EfficientNet"
        raise RunError(
            f"the file holds {what}: among its names, such as {next(iter(state))!r}, one of {names} is sought"
        )
    return found[0]


def _take_trunk(state: State, layout: Layout, prefix: str, backbone: nn.Module) -> State:
    """The trunk's tensors under timm's names, taken out of ``state``. RunError names the first that does not fit."""
    wanted, taken, shape = backbone.state_dict(), {}, Trunk.of(backbone)
    for key in [key for key in state if key.startswith(prefix)]:
        name = layout.translate(key.removeprefix(prefix), shape)
        if name not in wanted:
            continue
        if state[key].shape != wanted[name].shape:
            found, needed = tuple(state[key].shape), tuple(wanted[name].shape)
            raise RunError(f"{key} is {found}, and {name} of this backbone {needed}: name another with --backbone")
        taken[name] = state.pop(key).to(wanted[name].dtype)
    counters = {name: tensor for name, tensor in wanted.items() if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in taken and name not in counters]
    if missing:
        raise RunError(f"the file has nothing for {missing[0]} of this backbone: name another with --backbone")
    return counters | taken


def _take_head(state: State, features: int) -> State:
    """Weight and bias of the one linear layer with two outputs, taken out of ``state``. Raises RunError."""
    found = [key for key, tensor in state.items() if key.endswith(".weight") and tensor.shape == (2, features)]
    if len(found) != 1:
        raise RunError(
            f"one linear layer from {features} features to 2 classes is needed, and the file has {len(found)}; "
            f"beyond the trunk it begins with {next(iter(state), 'nothing')}"
        )
    bias = found[0].removesuffix("weight") + "bias"
    if bias not in state or state[bias].shape != (2,):
        raise RunError(f"the file has no bias for {found[0]}")
    return {"weight": state.pop(found[0]).float(), "bias": state.pop(bias).float()}


def _check_rest(state: State, trunk: State, prefix: str) -> None:
    """Raise RunError for a tensor that would be lost, unless it plays no part.

    It plays none where it is the trunk's own ImageNet head (another head follows), or one of the trunk's tensors once
    more, as a module kept under two names leaves it.
    """
    heads = tuple(f"{prefix}{name}." for name in ("classifier", "_fc"))
    for key, tensor in state.items():
        if key.startswith(heads) and tensor.shape[0] == 1000:
            continue
        alike = (known for known in trunk.values() if known.shape == tensor.shape)
        if not any(torch.equal(tensor.to(known.dtype), known) for known in alike):
            raise RunError(f"{key} fits nowhere in this network: it would be lost, and the answers with it")


@dataclass(frozen=True)
class Converted:
    """The network, and what was taken for granted about the file."""

    model: DeepfakeClassifier
    backbone: str
    layout: Layout


def convert(
    path: Path, backbone: str | None = None, labels: tuple[str, ...] = LABELS, dropout: float = 0.5
) -> Converted:
    """The network in a ``.pth`` file, in evaluation mode; its answers are those of the original.

    ``backbone``: a timm name; the file does not tell it. ``labels``: what the original's classes 0 and 1 are. Raises
    RunError.
    """
    state = read_state(path)
    layout, prefix = find_trunk(state)
    name = backbone or layout.default
    if not name.startswith(layout.padding):
        raise RunError(
            f"the names are those of {layout.name}, which pads as timm's {layout.padding}* do, not as {name}"
        )
    if not name.startswith(EFFICIENTNETS) or not timm.is_model(name):
        raise RunError(f"timm knows no EfficientNet {name!r}")
    model = DeepfakeClassifier(name, 2, dropout, pretrained=False).eval()
    trunk = _take_trunk(state, layout, prefix, model.backbone)
    head = _take_head(state, model.classifier.in_features)
    _check_rest(state, trunk, prefix)
    ours = float(model.backbone.get_submodule("bn1").eps)  # type: ignore[arg-type]
    # Variances carry the difference between the two libraries: var + epsilon stays what it was.
    difference = (epsilon(layout, name) or ours) - ours
    trunk |= {key: tensor + difference for key, tensor in trunk.items() if key.endswith("running_var")}
    model.backbone.load_state_dict(trunk)
    order = [labels.index(label) for label in LABELS]
    model.classifier.load_state_dict({key: tensor[order] for key, tensor in head.items()})
    return Converted(model, name, layout)


def write_run(converted: Converted, path: Path, out: Path, name: str, size: int, held_out: list[str]) -> None:
    """Write ``out/model`` and ``out/config.json``, which `train.checkpoint.export` takes.

    Raises RunError if they exist, or if no view can have that size.
    """
    try:
        views = ViewRule("squash", size).to_json()
    except ValueError as error:
        raise RunError(f"{error}: give the --size that the file was trained on") from error
    if (out / "config.json").exists() or (out / "model").exists():
        raise RunError(f"{out} holds a run already: choose another folder")
    converted.model.save_pretrained(out / "model")
    open_up(out / "model")
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    recipe: dict[str, Any] = {
        "name": name,
        "backbone": converted.backbone,
        "dropout": converted.model.dropout.p,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "views": views,
        "training_sources": {},
        "held_out": held_out,
        "unused": [],
        "local_edits": [],
        "steps": 0,
        "batch": 0,
        "learning_rate": 0.0,
        "seed": 0,
        "note": f"Converted from {path.name} (sha256 {digest}); what it was trained on is not known.",
    }
    (out / "config.json").write_text(json.dumps(recipe, indent=2) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the .pth file")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--backbone", help="timm name (the file does not tell it); by default a B7")
    parser.add_argument("--labels", nargs=2, choices=LABELS, default=LABELS, help="what its classes 0 and 1 are")
    parser.add_argument("--size", type=int, default=600, help="px of the squashed view it was trained on")
    parser.add_argument("--dropout", type=float, default=0.5, help="for training on; it changes no answer")
    parser.add_argument("--name", default="unfake-efficientnet-b7", help="of the checkpoint")
    parser.add_argument("--held-out", nargs="*", default=[], help="sources that its training never saw")
    args = parser.parse_args()
    if args.labels[0] == args.labels[1]:
        parser.error("--labels: the two classes have two names")
    converted = convert(args.file, args.backbone, tuple(args.labels), args.dropout)
    write_run(converted, args.file, args.out, args.name, args.size, args.held_out)
    print(
        f"{args.out}: {converted.backbone} from {converted.layout.name} names, classes {' and '.join(args.labels)}, "
        f"{args.size} px squashed, ImageNet normalisation. The file states none of these: check them by measuring."
    )
