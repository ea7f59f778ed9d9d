"""How a tower is tuned and looked through, as data: every constant of ``train/configs/large.json``, checked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.bundled.drawn import Drawing
from train.errors import ConfigError
from train.meant import did_you_mean


class Recipe(BaseModel):
    """One network's recipe.

    ``blocks``: whose class tokens the head reads. ``first``: the first block with adapters, of ``rank``. ``kept``:
    share of the patches that those blocks see in training, and ``whole`` the last share of the steps in which they see
    all. ``modern``: how many times as often a picture of a source outside of ``older`` and ``portrait_sources`` is
    drawn; ``portraits``: the same for the latter, by label. ``consistency``: where it is over 0, each picture comes
    twice in a batch, and the squared difference of the two margins weighs so much in the loss. ``seen`` and ``seen_older``: pictures of a source and
    label that the head is fitted on, with a penalty of ``1 / strength``. ``long_side``: of the decoded pictures, px.
    ``most``: at most so many pictures of a source among them. ``measured``: pictures of a source and label that are
    measured at *web*, ``measured_elsewhere`` at the other deliveries.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    backbone: str
    blocks: tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    views: dict[str, Any]
    long_side: int = Field(ge=224)
    drawing: Drawing
    seed: int
    unused: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    portrait_sources: tuple[str, ...] = ()
    modern: float = Field(gt=0)
    portraits: dict[str, float]
    most: dict[str, int] = {}
    seen: int = Field(gt=0)
    seen_older: int = Field(gt=0)
    strength: float = Field(gt=0)
    first: int = Field(ge=0)
    rank: int = Field(gt=0)
    steps: int = Field(ge=0)
    batch: int = Field(gt=1, multiple_of=2)
    kept: float = Field(gt=0, le=1)
    whole: float = Field(ge=0, le=1)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    warmup: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    label_smoothing: float = Field(ge=0, lt=1)
    consistency: float = Field(default=0.0, ge=0)
    save_every: int = Field(gt=0)
    workers: int = Field(ge=0)
    protocol: str
    measured: int = Field(gt=0)
    measured_elsewhere: int = Field(gt=0)
    note: str

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read it; raises ConfigError with what is wrong, and what an unknown key may have meant."""
        try:
            return cls.model_validate_json(path.read_text())
        except ValidationError as error:
            raise ConfigError(f"{path}: {'; '.join(_sentence(each) for each in error.errors())}") from error


def _sentence(problem: Any) -> str:
    where = ".".join(str(each) for each in problem["loc"])
    if problem["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {problem['msg']}"
    known = [each.name for each in fields(Drawing)] if problem["loc"][0] == "drawing" else list(Recipe.model_fields)
    return f"unknown key {where!r}: {did_you_mean(str(problem['loc'][-1]), known)}"
