"""What a checkpoint's ``config.json`` says, read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unfake.detector.calibration import Calibration, Thresholds
from unfake.detector.views import ViewRule
from unfake.errors import CheckpointCorrupt, CheckpointMismatch

SCHEMA = "unfake.checkpoint/1"
LABELS = ("real", "fake")
EFFICIENTNETS, TRANSFORMERS = ("efficientnet_", "tf_efficientnet"), ("vit_", "eva")
CONFIG, ONNX, SAFETENSORS = "config.json", "model.onnx", "model.safetensors"
METRICS, CARD = "metrics.json", "README.md"
PLOTS = ("plots/roc.svg", "plots/reliability.svg", "plots/sources.svg")

_HASHED = frozenset({ONNX, SAFETENSORS, METRICS, CARD})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_LONGEST_QUOTE = 60
_LARGEST_INTEGER = 2**31
_MOST_BLOCKS = 64


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_INTEGER


def _is_number(value: Any) -> bool:
    # abs(...) < inf is false for NaN and infinity, which Python's JSON reader lets through.
    return (isinstance(value, float) and abs(value) < float("inf")) or _is_integer(value)


def _is_dropout(value: Any) -> bool:
    return _is_number(value) and 0 <= value < 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return _is_text(value) and _NAME.fullmatch(value) is not None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_mean(value: Any) -> bool:
    return isinstance(value, list) and len(value) == len("RGB") and all(map(_is_number, value))


def _is_std(value: Any) -> bool:
    return _is_mean(value) and min(value) > 0


def _is_blocks(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _MOST_BLOCKS and all(_is_integer(v) and v >= 0 for v in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_hashes(value: Any) -> bool:
    if not _is_table(value) or not {ONNX, SAFETENSORS} <= value.keys() <= _HASHED:
        return False
    return all(_is_text(each) and _SHA256.fullmatch(each) for each in value.values())


def _field(data: Mapping[str, Any], path: str, accepts: Callable[[Any], bool], what: str) -> Any:
    """The value at a dotted ``path``; CheckpointCorrupt unless it is there and ``accepts`` it."""
    value: Any = data
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not accepts(value):
        raise CheckpointCorrupt(f"The field {path} of {CONFIG} is missing or is not {what}.")
    return value


def _views(data: Mapping[str, Any]) -> ViewRule:
    kind = _field(data, "views.kind", _is_text, "text")
    numbers = {"size": _field(data, "views.size", _is_integer, "a whole number")}
    for key in ("long_side", "max_views", "far_side", "far_views"):
        if (kind == "crops" and not key.startswith("far_")) or key in data["views"]:
            numbers[key] = _field(data, f"views.{key}", _is_integer, "a whole number")
    diagonal = "diagonal" in data["views"] and _field(data, "views.diagonal", _is_bool, "true or false")
    try:
        return ViewRule(kind, **numbers, diagonal=diagonal)
    except ValueError as error:
        raise CheckpointMismatch(f"The view rule of {CONFIG} cannot be followed: {error}.") from error


def _calibration(data: Mapping[str, Any]) -> Calibration:
    keys = ("temperature", "bias")
    try:
        return Calibration(*(_field(data, f"calibration.{key}", _is_number, "a number") for key in keys))
    except ValueError as error:
        raise CheckpointCorrupt(f"The calibration in {CONFIG} gives no probability: {error}.") from error


def _thresholds(data: Mapping[str, Any], place: str = "thresholds") -> Thresholds:
    given = _field(data, place, _is_table, "an object").keys()
    keys = ["likely_real", "likely_fake", *({"widening", "shift"} & given)]
    reencoding = "reencoding" not in given or _field(data, f"{place}.reencoding", _is_bool, "true or false")
    portrait = _thresholds(data, f"{place}.portrait") if "portrait" in given and place == "thresholds" else None
    try:
        numbers = {key: _field(data, f"{place}.{key}", _is_number, "a number") for key in keys}
        return Thresholds(**numbers, reencoding=reencoding, portrait=portrait)
    except ValueError as error:
        raise CheckpointCorrupt(f"The thresholds in {CONFIG} give no label: {error}.") from error


@dataclass(frozen=True)
class CheckpointConfig:
    """What ``config.json`` says.

    ``backbone``: a timm name. ``blocks``: of a vision transformer, what the linear layer reads (`tower`); none for an
    EfficientNet. ``dropout``: probability in [0, 1). ``mean``, ``std``: per channel RGB, of
    pixels scaled to [0, 1]. ``files``: sha256 by file name. ``training``: free; data and hyper-parameters.
    """

    name: str
    backbone: str
    num_classes: int
    dropout: float
    labels: tuple[str, ...]
    views: ViewRule
    mean: tuple[float, ...]
    std: tuple[float, ...]
    calibration: Calibration
    thresholds: Thresholds
    files: Mapping[str, str]
    training: Mapping[str, Any]
    blocks: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> CheckpointConfig:
        """Read a parsed ``config.json``; keys that are not known are left aside.

        CheckpointMismatch: another schema (or none: some other program's file), other labels or classes, a
        backbone of another family, a view rule that cannot be followed. CheckpointCorrupt: a field that is
        missing, of a wrong type or out of its range, such as a sha256 that is none.
        """
        if not isinstance(data, Mapping):
            raise CheckpointCorrupt(f"The file {CONFIG} does not hold a JSON object.")
        if data.get("schema") != SCHEMA:
            raise CheckpointMismatch(f"The file {CONFIG} does not follow the schema {SCHEMA}.")
        config = cls(
            name=_field(data, "name", _is_name, "a plain name"),
            backbone=_field(data, "backbone", _is_text, "text"),
            num_classes=_field(data, "num_classes", _is_integer, "a whole number"),
            dropout=float(_field(data, "dropout", _is_dropout, "a number from 0 up to 1")),
            labels=tuple(_field(data, "labels", _is_texts, "a list of texts")),
            views=_views(data),
            mean=tuple(_field(data, "normalisation.mean", _is_mean, "three numbers")),
            std=tuple(_field(data, "normalisation.std", _is_std, "three positive numbers")),
            calibration=_calibration(data),
            thresholds=_thresholds(data),
            files=dict(_field(data, "files", _is_hashes, f"the sha256 of {ONNX}, {SAFETENSORS} and no stray file")),
            training=dict(_field(data, "training", _is_table, "a JSON object")),
            blocks=tuple(_field(data, "blocks", _is_blocks, "a list of numbers of blocks") if "blocks" in data else ()),
        )
        config._check_runnable()
        return config

    def _check_runnable(self) -> None:
        if not self.backbone.startswith(TRANSFORMERS if self.blocks else EFFICIENTNETS):
            shown = self.backbone[:_LONGEST_QUOTE]
            family = "a vision transformer, of which blocks are read" if self.blocks else "an EfficientNet"
            raise CheckpointMismatch(f"The backbone {shown!r} is not {family}.")
        if self.num_classes != len(LABELS) or self.labels != LABELS:
            raise CheckpointMismatch(f"The classes of the checkpoint are not {' and '.join(LABELS)}, in that order.")

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``config.json``; ``from_json`` gives the same configuration back."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "backbone": self.backbone,
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "labels": list(self.labels),
            "views": self.views.to_json(),
            "normalisation": {"mean": list(self.mean), "std": list(self.std)},
            "calibration": self.calibration.to_json(),
            "thresholds": self.thresholds.to_json(),
            "files": dict(self.files),
            "training": dict(self.training),
            **({"blocks": list(self.blocks)} if self.blocks else {}),
        }
