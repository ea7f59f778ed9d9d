"""The configuration of `train.fit`: every key, its default and its range. A file needs to name only what differs.

A key that is not known, of a wrong type or out of its range is a ConfigError that names it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import timm

from train.errors import ConfigError
from train.meant import did_you_mean
from unfake.detector.views import ViewRule

T = TypeVar("T")

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _key(default: Any, check: Callable[[Any], bool], what: str) -> Any:
    return field(default=default, metadata={"check": check, "what": what})


def _whole(default: int, low: int, high: int = 2**31) -> Any:
    def check(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return _key(default, check, f"a whole number from {low} to {high}" if high < 2**31 else f"a whole number >= {low}")


def _number(default: float, low: float, high: float = math.inf) -> Any:
    bounds = f"a number from {low:g} to {high:g}" if high < math.inf else f"a number >= {low:g}"
    return _key(default, lambda value: _is_number(value) and low <= value <= high, bounds)


def _positive(default: float) -> Any:
    return _key(default, lambda value: _is_number(value) and value > 0, "a number above 0")


def _flag(default: bool) -> Any:
    return _key(default, lambda value: isinstance(value, bool), "true or false")


def _choice(default: Any, *others: Any) -> Any:
    values = (default, *others)
    # 1 == True in Python, but not in JSON.
    return _key(
        default,
        lambda value: any(value == v and type(value) is type(v) for v in values),
        "one of " + ", ".join(json.dumps(v) for v in values),
    )


def _numbers(default: tuple[float, ...], low: float) -> Any:
    def check(value: Any) -> bool:
        return (
            isinstance(value, list | tuple)
            and len(value) == len(default)
            and all(_is_number(v) and v > low for v in value)
        )

    return _key(default, check, f"{len(default)} numbers above {low:g}")


@dataclass(frozen=True)
class AugmentConfig:
    """What happens to a picture before the network sees it (see `train.fit.augment`); 0 leaves a transform out.

    ``delivery``: training pictures go through a random web delivery. ``validation_delivery``: validation and test
    pictures go through a fixed one. ``long_side`` px is the size that both begin with, at most; ``quality`` is the
    fixed one's JPEG. ``flip``, ``perspective``, ``erasing``: probabilities. ``rotation``, ``affine``: degrees.
    ``brightness`` to ``hue``: as torchvision's ColorJitter. ``translate``: share of the side. ``scale``: the
    affine's largest change of size, as a share. ``distortion``: of the perspective.
    """

    delivery: bool = _flag(True)
    validation_delivery: bool = _flag(True)
    long_side: int = _whole(1080, 64, 8192)
    quality: int = _whole(80, 1, 100)
    flip: float = _number(0.5, 0, 1)
    rotation: float = _number(15.0, 0, 180)
    brightness: float = _number(0.2, 0, 1)
    contrast: float = _number(0.2, 0, 1)
    saturation: float = _number(0.2, 0, 1)
    hue: float = _number(0.05, 0, 0.5)
    affine: float = _number(5.0, 0, 180)
    translate: float = _number(0.1, 0, 1)
    scale: float = _number(0.1, 0, 0.9)
    perspective: float = _number(0.5, 0, 1)
    distortion: float = _number(0.2, 0, 1)
    erasing: float = _number(0.2, 0, 1)


@dataclass(frozen=True)
class FitConfig:
    """One training. The defaults are those of EfficientNet-B7 at 600 px; `train/configs/b7.json` spells them out.

    ``pretrained``: true for the ImageNet weights on the Hub, a path for a file of weights on this machine,
    ``"package"`` for those that a Python package carries (see `train.fit.pretrained`), false for random ones.
    ``dropout`` 0.5 and ``weight_decay`` 1e-5 are those of Tan and Le (EfficientNet, ICML 2019) for B7.
    ``batch``: pictures a process and forward pass; ``accumulation``: passes an optimiser step, so a step sees
    batch x accumulation x processes pictures. ``validation_batch``: without gradients more fit.
    ``clip_norm``: longest gradient, 0 for any. ``plateau_*``: ReduceLROnPlateau on the validation loss.
    ``patience``: epochs without a better validation loss before the training stops.
    ``precision``: ``"auto"`` is bf16 or fp16 on CUDA, whichever the device computes fast, and fp32 elsewhere.
    ``checkpointing``: recompute activations in the backward pass, which saves memory and costs about a third more
    time; ``"auto"`` where one batch does not fit into the GPU's memory without (BatchNorm's running statistics then
    move twice a pass).
    ``deterministic``: cuDNN repeats its results exactly, at some cost; CPUs do so anyway.
    ``source_balance``: 0 shows each picture once an epoch. Above, an epoch draws as many pictures with repetition,
    both labels alike, and within a label a source of n pictures as often as n ** (1 - source_balance) says: 1 every
    source alike, 0.5 by the root of its size.
    ``save_minutes``, ``save_steps``: how often the state is saved within an epoch; 0 for not.
    """

    name: str = _key(
        "unfake-efficientnet-b7",
        lambda v: (
            isinstance(v, str) and 0 < len(v) <= 96 and v.replace("-", "").replace("_", "").replace(".", "").isalnum()
        ),
        "a plain name (letters, digits, - _ .)",
    )
    backbone: str = _key(
        "tf_efficientnet_b7",
        lambda v: isinstance(v, str) and "efficientnet" in v and bool(timm.is_model(v)),
        "an EfficientNet that timm knows (the app runs no other family)",
    )
    pretrained: bool | str = _key(
        True, lambda v: isinstance(v, bool) or (isinstance(v, str) and v != ""), 'true, false, "package" or a path'
    )
    image_size: int = _whole(600, 32, 2048)
    mean: tuple[float, ...] = _numbers(IMAGENET_MEAN, -1)
    std: tuple[float, ...] = _numbers(IMAGENET_STD, 0)
    dropout: float = _key(0.5, lambda v: _is_number(v) and 0 <= v < 1, "a number from 0 up to, not including, 1")
    epochs: int = _whole(15, 1)
    patience: int = _whole(5, 1)
    batch: int = _whole(2, 1)
    accumulation: int = _whole(8, 1)
    validation_batch: int = _whole(8, 1)
    learning_rate: float = _positive(1e-4)
    weight_decay: float = _number(1e-5, 0)
    label_smoothing: float = _key(0.05, lambda v: _is_number(v) and 0 <= v < 1, "a number from 0 up to 1")
    clip_norm: float = _number(5.0, 0)
    plateau_factor: float = _key(0.3, lambda v: _is_number(v) and 0 < v < 1, "a number between 0 and 1")
    plateau_patience: int = _whole(2, 0)
    precision: Literal["auto", "no", "fp16", "bf16"] = _choice("auto", "no", "fp16", "bf16")
    channels_last: bool = _flag(True)
    checkpointing: bool | Literal["auto"] = _choice("auto", True, False)
    compile: bool = _flag(False)
    deterministic: bool = _flag(False)
    source_balance: float = _number(0.0, 0, 1)
    workers: int = _whole(4, 0, 256)
    save_minutes: float = _number(10.0, 0)
    save_steps: int = _whole(0, 0)
    seed: int = _whole(20261123, 0)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def views(self) -> ViewRule:
        """The view rule of a network trained so: the whole picture, squashed."""
        return ViewRule("squash", self.image_size)

    def to_json(self) -> dict[str, Any]:
        """As it would stand in a file, every key spelled out."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


# What a resumed training may change: it does not move the course that the network takes, or only how long.
FREE = frozenset(
    {"epochs", "patience", "validation_batch", "precision", "checkpointing", "compile", "workers"}
    | {"save_minutes", "save_steps"}
)


def changed(old: Mapping[str, Any], new: FitConfig) -> list[str]:
    """Keys in which a configuration differs from a stored one so that the training cannot go on."""
    now = new.to_json()
    return sorted(key for key in {*old, *now} - FREE if old.get(key) != now.get(key))


def _read(kind: type[T], data: Any, where: str) -> T:
    if not isinstance(data, dict):
        raise ConfigError(f"{where or 'the configuration'} must be a JSON object")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}" if where else key
        if key not in known:
            raise ConfigError(f"unknown key {path!r}: {did_you_mean(key, known)}")
        if key == "augment":
            values[key] = _read(AugmentConfig, value, path)
            continue
        facts = known[key].metadata
        if not facts["check"](value):
            shown = json.dumps(value)
            raise ConfigError(f"{path!r} is {shown[:60]}, but must be {facts['what']}")
        values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def parse(data: Any) -> FitConfig:
    """A configuration from parsed JSON; raises ConfigError, naming the key."""
    return _read(FitConfig, data, "")


def read(path: Path) -> FitConfig:
    """A configuration from a JSON file; raises ConfigError, naming the file or the key."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    try:
        return parse(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
