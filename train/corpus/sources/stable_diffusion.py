"""Fakes made with diffusion models: from a prompt, from a real picture, or inside a real picture."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

from train.corpus.fetch.journal import Journal, read
from train.corpus.options import Options
from train.corpus.source import Picture
from train.corpus.sources.edits import draw_shapes, to_json
from train.corpus.sources.generation import DEVICES, DTYPES, MODES, Load, Model, Pipelines
from train.corpus.sources.making import Run
from train.corpus.sources.originals import Choice, choose
from train.errors import SourceError

JOURNAL = "journal.sqlite"
ORIGINALS = "originals"
ANY = "any"  # the category whose prompts are for real pictures of a category that has none

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StableDiffusionSource:
    """Pictures of ``models``, each in the modes and numbers that its ``pictures`` say.

    ``prompts``: by category. ``batch``: pictures made at once, 0 to begin with an estimate. ``jpeg_quality``: the
    lowest and highest quality of JPEG files, or None for PNG, which loses nothing: that real pictures are JPEGs and
    these are not can tell a network nothing, as training resizes both and writes both as JPEG in the same way.

    A picture made from a real one has its group and category; pictures of one prompt are one group. All that a
    picture was made with, and for edits what was edited and where, stands in its record (`records`).
    """

    name: str
    models: tuple[Model, ...]
    prompts: dict[str, list[str]]
    seed: int
    batch: int
    device: str
    jpeg_quality: tuple[int, int] | None
    base: Path

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The source as configured; raises ConfigError."""
        given = Options(f'source "{name}"', options)
        models = given.take("models")
        if not isinstance(models, list) or not models or not all(isinstance(model, dict) for model in models):
            raise given.wrong("models", "a list of objects")
        source = cls(
            name=name,
            models=tuple(_model(Options(f'source "{name}", model {n}', m)) for n, m in enumerate(models, start=1)),
            prompts=_prompts(given, given.path("prompts", base)),
            seed=given.integer("seed", 0),
            batch=given.integer("batch", 0, most=256),
            device=given.text("device", "auto", choices=DEVICES),
            jpeg_quality=_qualities(given),
            base=base,
        )
        given.done()
        if len({model.slug for model in source.models}) < len(source.models):
            raise given.wrong("models", "without one that is there twice with the same settings")
        return source

    def prepare(self, folder: Path, reals: Iterator[Picture], load: Load | None = None) -> None:
        """Plan the pictures, once, and make those that are missing. ``load``: gives the pipeline of a model and mode.

        Raises:
            SourceError: a model cannot be had or used, or there is nothing to edit.
        """
        with Journal(folder / JOURNAL) as journal:
            mark = json.dumps([[asdict(model) for model in self.models], self.prompts, self.seed, self.jpeg_quality])
            if journal.mark != mark:
                choices = self._choices(folder, reals)
                # With fewer real pictures than asked for, the next run looks whether there are more.
                short = any(len(choice) < choice.many for choice in choices.values())
                journal.plan(f"{mark} short" if short else mark, self._plan(choices))
                _tidy(folder / ORIGINALS, journal)
            pipelines = load or Pipelines(self.base, self.device)
            Run(self.name, self.models, self.device, self.batch, folder, journal, pipelines).make()

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """The pictures that were made. Raises SourceError."""
        for item in read(folder / JOURNAL, "done"):
            plan = item.plan
            yield Picture(
                key=item.key,
                content=folder / plan["file"],
                label="fake",
                source=self.name,
                group=plan["group"],
                category=plan["category"],
                credit=plan["credit"],
                licence=plan["licence"],
            )

    def records(self, folder: Path) -> Iterator[dict[str, Any]]:
        """All that is known of each picture, of those also that were not made. Raises SourceError."""
        for item in read(folder / JOURNAL):
            yield {"key": item.key, **item.plan, "status": item.status, **item.outcome}

    def _choices(self, folder: Path, reals: Iterator[Picture]) -> dict[tuple[str, str], Choice]:
        """The originals for each model and mode that edits."""
        choices = {
            (model.slug, mode): Choice(many, f"{self.seed}/{model.slug}/{mode}", folder / ORIGINALS)
            for model in self.models
            for mode, many in model.pictures.items()
            if mode != "text_to_image"
        }
        if choices:
            choose(reals, list(choices.values()))
        for (slug, mode), choice in choices.items():
            if not len(choice):
                raise SourceError(f'source "{self.name}": no real pictures to edit, put a source of them before it')
            if len(choice) < choice.many:
                log.warning(
                    "%s: %d real pictures for %s of %s, not %d", self.name, len(choice), mode, slug, choice.many
                )
        return choices

    def _plan(self, choices: dict[tuple[str, str], Choice]) -> Iterator[tuple[str, dict[str, Any]]]:
        for model in self.models:
            for mode in (mode for mode in MODES if mode in model.pictures):
                if mode == "text_to_image":
                    yield from self._from_prompts(model, model.pictures[mode])
                else:
                    edits = (self._edit(model, mode, o) for o in choices[model.slug, mode].originals())
                    # A batch has one strength.
                    yield from sorted(edits, key=lambda edit: float(edit[1]["strength"]))

    def _from_prompts(self, model: Model, many: int) -> Iterator[tuple[str, dict[str, Any]]]:
        categories = [category for category in self.prompts if category != ANY]
        for number in range(many):
            category = categories[number % len(categories)]
            prompts = self.prompts[category]
            prompt = prompts[number // len(categories) % len(prompts)]
            key = f"{model.slug}/text_to_image/{number:06d}"
            yield (
                key,
                self._picture(model, "text_to_image", key, prompt)
                | {
                    "category": category,
                    "group": f"prompt/{hashlib.sha256(prompt.encode()).hexdigest()[:16]}",
                    "credit": f"Made with {model.id}",
                    "licence": model.licence,
                    "provenance": "whole",
                },
            )

    def _edit(self, model: Model, mode: str, original: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        key = f"{model.slug}/{mode}/{original['name']}"
        random = Random(f"{self.seed}/{key}")  # noqa: S311 - to be drawn again
        prompts = self.prompts.get(original["category"]) or self.prompts.get(ANY)
        if not prompts:
            lacking = f'"{original["category"]}", the category of a real picture, nor of "{ANY}"'
            raise SourceError(f'source "{self.name}": there are no prompts of {lacking}')
        inside = mode == "inpainting"
        plan = self._picture(model, mode, key, random.choice(prompts)) | {
            "strength": random.choice(model.inpainting_strength if inside else model.strength),
            "original": {name: original[name] for name in ("source", "key", "file")},
            "category": original["category"],
            "group": original["group"],
            "credit": f"Made with {model.id} from: {original['credit'] or original['key']}",
            "licence": "; of the original: ".join(text for text in (model.licence, original["licence"]) if text),
            "provenance": "local edit" if inside else "whole",
        }
        if inside:
            plan["mask"] = to_json(draw_shapes(random, model.width, model.height))
        return key, plan

    def _picture(self, model: Model, mode: str, key: str, prompt: str) -> dict[str, Any]:
        digest = hashlib.sha256(f"{self.seed}/{key}".encode()).digest()
        quality = None
        if self.jpeg_quality:
            low, high = self.jpeg_quality
            quality = low + digest[4] % (high - low + 1)
        return {
            "file": f"{key}.{'png' if quality is None else 'jpg'}",
            "model": model.id,
            "revision": model.revision,
            "slug": model.slug,
            "mode": mode,
            "prompt": prompt,
            "negative_prompt": model.negative_prompt,
            "seed": int.from_bytes(digest[:4]),
            "strength": None,
            "steps": model.steps,
            "guidance": model.guidance,
            "scheduler": model.scheduler,
            "width": model.width,
            "height": model.height,
            "jpeg_quality": quality,
        }


def _model(given: Options) -> Model:
    pictures = given.take("pictures")
    counts = pictures.items() if isinstance(pictures, dict) else []
    if not counts or not all(mode in MODES and type(many) is int and many > 0 for mode, many in counts):
        raise given.wrong("pictures", f"an object with how many for one or more of {', '.join(MODES)}")
    model = Model(
        id=given.text("id"),
        pictures=dict(counts),
        revision=given.text("revision", ""),
        variant=given.text("variant", ""),
        dtype=given.text("dtype", "auto", choices=DTYPES),
        scheduler=given.text("scheduler", ""),
        width=given.integer("width", 512, least=32, most=4096),
        height=given.integer("height", 512, least=32, most=4096),
        steps=given.integer("steps", 30, least=1, most=1000),
        guidance=given.number("guidance", 7.5, least=0, most=100),
        negative_prompt=given.text("negative_prompt", ""),
        strength=given.numbers("strength", [0.4, 0.6, 0.8], least=0.01, most=1),
        inpainting_strength=given.numbers("inpainting_strength", [1.0], least=0.01, most=1),
        licence=given.text("licence", ""),
    )
    given.done()
    for side in ("width", "height"):
        if getattr(model, side) % 8:
            raise given.wrong(side, "a multiple of 8, which the decoders of these models need")
    for mode, key in (("image_to_image", "strength"), ("inpainting", "inpainting_strength")):
        # Of the steps, only this part is done: diffusers' get_timesteps.
        if mode in model.pictures and model.steps * min(getattr(model, key)) < 1:
            raise given.wrong(key, f"large enough for one step of {model.steps}")
    return model


def _prompts(given: Options, path: Path) -> dict[str, list[str]]:
    """The prompts of a JSON file, by category."""
    try:
        prompts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise given.wrong("prompts", f"a JSON file, which {path} is not ({type(error).__name__})") from None
    checked = Options(f"{path}", {"prompts": prompts}).lists("prompts")
    if set(checked) == {ANY}:
        raise given.wrong("prompts", f'a file with a category besides "{ANY}"')
    return checked


def _qualities(given: Options) -> tuple[int, int] | None:
    value = given.take("jpeg_quality", None)
    if value is None:
        return None
    if (
        isinstance(value, list)
        and [type(number) for number in value] == [int, int]
        and 1 <= value[0] <= value[1] <= 100
    ):
        return value[0], value[1]
    raise given.wrong("jpeg_quality", "the lowest and the highest quality, as in [70, 95]")


def _tidy(folder: Path, journal: Journal) -> None:
    """Delete the originals that the plan has no use for (any more)."""
    if folder.is_dir():
        used = {Path(item.plan["original"]["file"]).name for item in journal.items() if "original" in item.plan}
        for path in folder.iterdir():
            if path.name not in used:
                path.unlink()
