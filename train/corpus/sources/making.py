"""Make the pictures of a plan, one batch after the other, and note each with all that it was made with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from train.corpus.fetch.journal import MOST_ATTEMPTS, Item, Journal
from train.corpus.sources.edits import fitted, from_json, mask_of, paste
from train.corpus.sources.generation import Load, Maker, Model, Request, first_batch, precision, resolve
from train.errors import SourceError

UNSEEN = 8  # a model whose first so many pictures are all black is not asked for more

log = logging.getLogger(__name__)


class Run:
    """One run through the plan in ``journal``, for the source ``name``; the pictures lie in ``folder``.

    What is there is passed over, and a model is loaded only for what is not. ``batch``: 0 for an estimate.
    """

    def __init__(
        self,
        name: str,
        models: tuple[Model, ...],
        device: str,
        batch: int,
        folder: Path,
        journal: Journal,
        load: Load,
    ) -> None:
        self._name, self._device, self._batch = name, device, batch
        self._folder, self._journal, self._load = folder, journal, load
        self._models = {model.slug: model for model in models}

    def make(self) -> None:
        """Make what is missing. Raises SourceError."""
        counts = self._journal.counts()
        ready = sum(counts.values()) - counts.get("waiting", 0)
        with tqdm(total=sum(counts.values()), initial=ready, unit="picture", disable=None) as bar:
            for (slug, mode, strength), items in groupby(self._journal.items(), key=_batched_by):
                self._make(self._models[slug], mode, strength, items, bar)
        counts = self._journal.counts()
        for status, what in (("left_out", "came out black and are left out"), ("failed", "could not be made")):
            if counts.get(status):
                log.warning("%s: %d pictures %s", self._name, counts[status], what)

    def _make(self, model: Model, mode: str, strength: float | None, items: Iterator[Item], bar: tqdm[None]) -> None:
        device = resolve(self._device)
        batch = self._batch or first_batch(model, device)
        maker: Maker | None = None
        seen = black = 0
        for chunk in _chunks(items, batch):
            wanted = {item.key for item in chunk if self._is_missing(item)}
            if not wanted:
                continue
            by_key = {item.key: item for item in chunk}
            requests = [request for item in chunk if (request := self._request(item, model)) is not None]
            if maker is None:
                pipeline = self._load(model, mode)
                maker = Maker(pipeline, model, mode, batch)
                made_with = {
                    "device": device,
                    "dtype": precision(model, device),
                    "scheduler": type(pipeline.scheduler).__name__,
                    **{library: version(library) for library in ("diffusers", "torch")},
                }
            for part in maker.make(requests, strength, wanted):
                for request, image in part:
                    if request.key in wanted:
                        self._save(by_key[request.key], request, image, {**made_with, "batch": len(part)})
                        bar.update()
                seen, black = seen + len(part), black + sum(image is None for _, image in part)
                if black == seen >= min(UNSEEN, model.pictures[mode]):
                    raise SourceError(
                        f"all of the first {seen} pictures of {model.id} are black: if its decoder overflows in"
                        " float16, set its 'dtype' to bfloat16 or float32"
                    )

    def _is_missing(self, item: Item) -> bool:
        if item.status == "failed":
            return item.attempts < MOST_ATTEMPTS
        if item.status == "done":
            return not (self._folder / item.plan["file"]).is_file()
        return item.status == "waiting"

    def _request(self, item: Item, model: Model) -> Request | None:
        """What to make, or None where the original cannot be read, which is noted."""
        plan = item.plan
        if "original" not in plan:
            return Request(item.key, plan["prompt"], plan["seed"])
        try:
            content = (self._folder / plan["original"]["file"]).read_bytes()
            image = fitted(content, model.width, model.height)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if self._is_missing(item):
                reason = f"its original cannot be read ({type(error).__name__})"
                self._journal.settle(item.key, "failed", reason=reason)
            return None
        mask = mask_of(from_json(plan["mask"]), model.width, model.height) if "mask" in plan else None
        return Request(item.key, plan["prompt"], plan["seed"], image, mask)

    def _save(self, item: Item, request: Request, image: Image.Image | None, made_with: dict[str, Any]) -> None:
        if image is None:
            self._journal.settle(item.key, "left_out", reason="black", **made_with)
            return
        if request.image is not None and request.mask is not None:
            image = paste(image, request.image, request.mask)
        path = self._folder / item.plan["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        quality = item.plan["jpeg_quality"]
        if quality is None:
            image.save(part, "PNG")
        else:
            image.save(part, "JPEG", quality=quality)
        part.replace(path)
        self._journal.settle(item.key, "done", **made_with)


def _batched_by(item: Item) -> tuple[str, str, float | None]:
    """What the pictures of a batch have in common: a pipeline takes one strength for all."""
    return item.plan["slug"], item.plan["mode"], item.plan["strength"]


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk
