"""What is left out when, and which figures count: the measuring protocol as data (see docs/protocol.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from train.errors import ConfigError
from train.meant import did_you_mean
from train.measure.predictions import Prediction

TOGETHER = "all pictures"


@dataclass(frozen=True)
class Protocol:
    """``folds``: sources that one network leaves out together, by the fold's name; none where one network was
    measured on a test split of the sources that it was trained on, and calibrated on their validation split.

    ``paired``: sources with modern fakes and reals of their own; the headline is their mean. ``calibrated_on``:
    sources whose predictions set temperature, bias and thresholds. ``portraits_and_cameras``: real pictures that must
    not be called fake. ``local_edits``: sources whose fakes are edited photos; they are reported, never fitted on.
    ``false_alarms`` and ``misses``: the goal at *web* for reals called fake and fakes called real, by networks that
    the thresholds were not fitted on. ``asked_false_alarms`` and ``asked_misses``: what the fit is asked for, on
    ``calibrated_on``: less, because networks differ more than the pictures of one. ``most``: pictures measured of a
    source and label. ``deliveries``: names of `train.deliveries.DELIVERIES`; ``web`` is always among them.
    ``asked_false_alarms_of_portraits`` and ``asked_misses_of_portraits``: the same for pictures that a face fills, by
    default as of all: to call a real person's portrait generated does most harm, and a generated face real nearly as
    much. ``also_left_out``: by fold, sources of several generators of which it
    leaves out one; another fold measures them.
    """

    name: str
    folds: dict[str, list[str]]
    paired: list[str]
    calibrated_on: list[str]
    portraits_and_cameras: list[str]
    local_edits: list[str]
    false_alarms: float
    misses: float
    asked_false_alarms: float
    asked_misses: float
    most: int
    seed: int
    asked_false_alarms_of_portraits: float | None = None
    asked_misses_of_portraits: float | None = None
    deliveries: list[str] = field(default_factory=lambda: ["clean", "web", "hard"])
    also_left_out: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Protocol:
        """Read it; raises ConfigError where it does not hold together."""
        try:
            data = json.loads(path.read_text())
            known = [each.name for each in fields(cls)]
            for key in data:
                if key not in known:
                    raise ConfigError(f"{path}: unknown key {key!r}: {did_you_mean(key, known)}")
            found = cls(**data)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path} is not a protocol: {error}") from error
        left_out = [source for sources in found.folds.values() for source in sources]
        twice = {source for source in left_out if left_out.count(source) > 1}
        named = {*found.paired, *found.calibrated_on, *found.portraits_and_cameras}
        if twice or not named <= set(left_out):
            problem = sorted(twice) or sorted(named - set(left_out))
            raise ConfigError(f"{path}: {', '.join(problem)} must be in exactly one fold")
        return found

    @classmethod
    def of_splits(cls, predictions: Sequence[Prediction], most: int, seed: int) -> Protocol:
        """That of a corpus with validation and test split: all pictures together are the headline, as one source."""
        sources = sorted({p.source for p in predictions})
        return cls(
            name="test-split/1",
            folds={},
            paired=[TOGETHER],
            calibrated_on=sources,
            portraits_and_cameras=[],
            local_edits=[],
            false_alarms=0.02,
            misses=0.02,
            asked_false_alarms=0.02,
            asked_misses=0.02,
            most=most,
            seed=seed,
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``metrics.json``."""
        return asdict(self)
