"""What is compared when recipes are: the rows, and what all of them are measured on (see `train.recipes`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.errors import ConfigError

PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class Comparison:
    """``networks``: the configuration of the bundled network, whose folds' first part every row may start from.

    ``measured``: the sources, at most ``most`` of each label, drawn with ``seed``. ``rows``: by name, what a network
    changes in the stage that it names; or ``average``, runs whose weights are averaged; or ``together``, rows whose
    margins are added, each with standard deviation 1; or ``from``, the command that writes the predictions; or
    ``taught``, how much a network learns from what `train.tower` wrote to ``RUNS/features``.
    """

    networks: dict[str, Any]
    measured: list[str]
    deliveries: list[str]
    most: int
    seed: int
    rows: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, path: Path) -> Comparison:
        """Read it; raises ConfigError where it is not one."""
        found = json.loads(path.read_text())
        try:
            networks = json.loads((path.parent / found.pop("networks")).read_text())
            return cls(networks=networks, **found)
        except (KeyError, TypeError, OSError) as error:
            raise ConfigError(f"{path} is not a comparison of recipes: {error}") from error
