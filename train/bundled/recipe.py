"""How a network is made of a tower, as data: every constant of ``train/configs/clip.json``, checked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.bundled import tower
from train.bundled.drawn import Drawing
from train.errors import ConfigError, read_object
from train.meant import did_you_mean


class Recipe(BaseModel):
    """One network's recipe.

    ``backbone``: timm's name of a `VisionTransformer` or an `Eva`, with or without a tag. ``blocks``: what the head
    reads, their class tokens or, in a tower without one, the mean of their patches. ``first``: the first block with
    adapters, of ``rank``. ``kept``: share of the patches that those blocks see in training, and ``whole`` the last
    share of the steps in which they see all. ``modern``: how many times as often a picture of a source outside of
    ``older`` and ``portrait_sources`` is drawn; ``portraits``: the same for the latter, by label. ``consistency``:
    where it is over 0, each picture comes twice in a batch, and the squared difference of the two margins weighs so
    much in the loss; with no ``steps`` the tower stays as it is. ``seen``: far views of each picture that the head is
    fitted on, with ``penalty`` and ``source_penalty`` (`train.bundled.head`). ``long_side``: of the decoded pictures,
    px. ``most``: at most so many pictures of a source among them. ``measured``: pictures of a source and label that are
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
    penalty: float = Field(gt=0)
    source_penalty: float = Field(gt=0)
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
        """Read it, on top of the file beside it that it ``extends``, if any.

        Raises ConfigError with what is wrong, what an unknown key may have meant, or why there can be no such tower,
        and RunError where a file cannot be read.
        """
        data, files = _extended(path)
        try:
            recipe = cls.model_validate(data)
        except ValidationError as error:
            said = "; ".join(_sentence(each) for each in error.errors())
            raise ConfigError(f"{', which extends '.join(map(str, files))}: {said}") from error
        size = recipe.views.get("size")
        if size != recipe.drawing.size:
            raise ConfigError(f"{path}: views.size is {size}, and drawing.size {recipe.drawing.size}: they must agree")
        try:
            tower.check(recipe.backbone, recipe.blocks, recipe.drawing.size)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        return recipe


def _extended(path: Path, before: tuple[Path, ...] = ()) -> tuple[dict[str, Any], list[Path]]:
    """What a file says on top of what it extends, and which files that were."""
    if path.resolve() in (each.resolve() for each in before):
        raise ConfigError(f"{', which extends '.join(map(str, [*before, path]))}: this has no end")
    own = read_object(path)
    base = own.pop("extends", None)
    if base is None:
        return own, [path]
    if not isinstance(base, str):
        raise ConfigError(f"{path}: extends must be the name of a file beside it")
    found, files = _extended(path.parent / base, (*before, path))
    return _merged(found, own), [path, *files]


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """``own`` on top of ``base``: objects key by key, anything else whole."""
    both = {key for key in base.keys() & own.keys() if isinstance(base[key], dict) and isinstance(own[key], dict)}
    return base | own | {key: _merged(base[key], own[key]) for key in both}


def _sentence(problem: Any) -> str:
    where = ".".join(str(each) for each in problem["loc"])
    if problem["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {problem['msg']}"
    known = (
        [each.name for each in fields(Drawing)] if problem["loc"][0] == "drawing" else [*Recipe.model_fields, "extends"]
    )
    return f"unknown key {where!r}: {did_you_mean(str(problem['loc'][-1]), known)}"
