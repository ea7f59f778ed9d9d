"""Pictures from diffusion models: pipelines of diffusers, in batches that the memory holds."""

from __future__ import annotations

import errno
import gc
import hashlib
import importlib
import inspect
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from train.errors import SourceError

MODES = {
    "text_to_image": "AutoPipelineForText2Image",
    "image_to_image": "AutoPipelineForImage2Image",
    "inpainting": "AutoPipelineForInpainting",
}
DTYPES = ("auto", "float16", "bfloat16", "float32")
DEVICES = ("auto", "cuda", "cpu")
# Where a batch begins: bytes of memory that is not for pictures, and bytes for a megapixel in 16 bits. A rough guess
# will do, because a batch that is too large is halved.
RESERVED, EACH = 8 * 2**30, 3 * 2**30
LARGEST_BATCH = 16
BLACK = 2  # the brightest value of a picture that is black

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model on the Hub (``id``, ``revision``) or in a folder, and how it is used.

    ``pictures``: how many in each mode. ``strength`` and ``inpainting_strength``: how much of an original is given up
    (0 to 1), one of the list for each picture. ``scheduler``: a class of diffusers, the model's own if empty.
    """

    id: str
    pictures: dict[str, int]
    revision: str
    variant: str
    dtype: str
    scheduler: str
    width: int
    height: int
    steps: int
    guidance: float
    negative_prompt: str
    strength: tuple[float, ...]
    inpainting_strength: tuple[float, ...]
    licence: str

    @property
    def slug(self) -> str:
        """A name for folders, of its own for each way to use the model."""
        settings = {name: value for name, value in asdict(self).items() if name not in ("pictures", "licence")}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        stem = re.sub(r"[^a-z0-9]+", "-", Path(self.id).name.lower()).strip("-")
        return f"{stem}-{digest[:8]}"


@dataclass(frozen=True)
class Request:
    """One picture to be made; ``image`` and ``mask`` (white where it is to change) for the modes that need them."""

    key: str
    prompt: str
    seed: int
    image: Image.Image | None = None
    mask: Image.Image | None = None


Load = Callable[[Model, str], Any]


class Pipelines:
    """Gives a pipeline for a model and a mode; one model at a time is in memory, and its modes share the weights.

    ``base``: where the folders of local models are looked for.
    """

    def __init__(self, base: Path, device: str) -> None:
        self.device = resolve(device)
        self._base = base
        self._model: Model | None = None
        self._pipeline: Any = None

    def __call__(self, model: Model, mode: str) -> Any:
        """The pipeline; raises SourceError where the model cannot be had or cannot do this."""
        diffusers = load_diffusers()
        if self._model != model:
            self._model = self._pipeline = None
            free_memory()
            self._pipeline = self._load(diffusers, model)
            self._model = model
        try:
            pipeline = getattr(diffusers, MODES[mode]).from_pipe(self._pipeline)
        except ValueError:
            raise SourceError(f"{model.id} has no pipeline for {mode}: take it out of 'pictures'") from None
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _load(self, diffusers: Any, model: Model) -> Any:
        import torch  # noqa: PLC0415

        if self.device == "cpu":
            log.warning("%s runs on the CPU in float32, where a picture of usual size takes minutes", model.id)
        local = self._base / Path(model.id).expanduser()
        try:
            pipeline = diffusers.DiffusionPipeline.from_pretrained(
                str(local) if local.is_dir() else model.id,
                revision=model.revision or None,
                variant=model.variant or None,
                dtype=getattr(torch, precision(model, self.device)),
                use_safetensors=True,  # no pickle from the network
            )
            if model.scheduler:
                scheduler = getattr(diffusers, model.scheduler)
                pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
            pipeline = pipeline.to(self.device)
        except torch.OutOfMemoryError:
            raise SourceError(f"{model.id} does not fit into the memory of the GPU: take a smaller one") from None
        except AttributeError:
            raise SourceError(f"diffusers has no scheduler {model.scheduler}") from None
        except Exception as error:  # of several libraries; what they say may quote a header
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            raise SourceError(
                f"{model.id} cannot be loaded ({type(error).__name__}): check its name and revision, whether its terms"
                " have been accepted on the Hub, whether it has safetensors weights, and the connection"
            ) from None
        vae: Any = getattr(pipeline, "vae", None)
        if hasattr(vae, "enable_slicing"):
            vae.enable_slicing()  # one picture at a time: decoding is the peak of memory
        return pipeline


class Maker:
    """Makes pictures with one pipeline, at most ``batch`` at a time, and with fewer once that was too many."""

    def __init__(self, pipeline: Any, model: Model, mode: str, batch: int) -> None:
        self.batch = batch
        self._pipeline, self._model, self._mode = pipeline, model, mode
        self._takes = inspect.signature(pipeline).parameters

    def make(
        self, requests: list[Request], strength: float | None, wanted: set[str]
    ) -> Iterator[list[tuple[Request, Image.Image | None]]]:
        """The pictures part by part, None for a black one. Parts with no key that is ``wanted`` are not made.

        A picture depends a little on the others of its batch (sums are rounded another way), so a part is made as a
        whole even if only some of it is wanted: what a run makes after it was stopped is what it would have been.

        Raises:
            SourceError: not even one picture fits into memory, or the pipeline cannot do this.
        """
        start = 0
        while start < len(requests):
            part = requests[start : start + self.batch]
            if wanted.isdisjoint(request.key for request in part):
                start += len(part)
                continue
            made = self._try(part, strength)
            if made is not None:
                start += len(part)
                yield list(zip(part, made, strict=True))
                continue
            free_memory()
            if len(part) == 1:
                size = f"{self._model.width} × {self._model.height} px"
                raise SourceError(
                    f"not even one picture of {self._model.id} at {size} fits into memory: make it smaller"
                )
            self.batch = len(part) // 2
            log.warning("%s: out of memory with %d pictures at once, on with %d", self._model.id, len(part), self.batch)

    def _try(self, part: list[Request], strength: float | None) -> list[Image.Image | None] | None:
        """The pictures, or None where they do not fit into memory."""
        import torch  # noqa: PLC0415

        # Noise is drawn on the CPU, where it is the same on every machine.
        noise = [torch.Generator("cpu").manual_seed(request.seed) for request in part]
        model = self._model
        given: dict[str, Any] = {
            "prompt": [request.prompt for request in part],
            "num_inference_steps": model.steps,
            "guidance_scale": model.guidance,
            "generator": noise,
            "output_type": "pil",
        }
        if model.negative_prompt:
            given["negative_prompt"] = [model.negative_prompt] * len(part)
        if self._mode != "text_to_image":
            given |= {"image": [request.image for request in part], "strength": strength}
        if self._mode == "inpainting":
            given["mask_image"] = [request.mask for request in part]
        # Some take the size of a picture to be edited from it, and know no width.
        given |= {side: getattr(model, side) for side in ("width", "height") if side in self._takes}
        try:
            result = self._pipeline(**given)
        except torch.OutOfMemoryError:
            return None
        except (ValueError, TypeError, RuntimeError) as error:
            said = str(error).strip().partition("\n")[0][:200]
            raise SourceError(f"{model.id} cannot do {self._mode}: {said}") from None
        flagged = getattr(result, "nsfw_content_detected", None) or [False] * len(part)
        images = [image.convert("RGB") for image in result.images]
        return [None if flag or _black(image) else image for image, flag in zip(images, flagged, strict=True)]


def load_diffusers() -> Any:
    """The module diffusers; raises SourceError where it, or transformers, is not installed."""
    try:
        importlib.import_module("transformers")
        return importlib.import_module("diffusers")
    except ImportError as error:
        missing = error.name or "diffusers"
        raise SourceError(f"making pictures needs {missing}: pip install -r train/requirements.txt") from None


def resolve(device: str) -> str:
    """The device that is meant by auto: the GPU where there is one. Raises SourceError where there has to be one."""
    import torch  # noqa: PLC0415

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise SourceError("there is no CUDA device here: set 'device' to auto or cpu")
    return device


def precision(model: Model, device: str) -> str:
    """The floating-point type to run in: the one asked for (float16 by default) on a GPU, float32 on a CPU."""
    if device == "cpu":
        return "float32"
    return "float16" if model.dtype == "auto" else model.dtype


def first_batch(model: Model, device: str) -> int:
    """How many pictures at once to begin with: a power of two that only depends on the device and the model.

    It must not depend on what is free just now, so that another run makes the same batches.
    """
    if device == "cpu":
        return 1
    import torch  # noqa: PLC0415

    memory = torch.cuda.get_device_properties(0).total_memory
    each = EACH * model.width * model.height / 1e6 * (2 if precision(model, device) == "float32" else 1)
    fits = min(LARGEST_BATCH, max(1, int((memory - RESERVED) / each)))
    return 1 << (fits.bit_length() - 1)


def free_memory() -> None:
    """Give back what nobody refers to any more."""
    import torch  # noqa: PLC0415

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _black(image: Image.Image) -> bool:
    """Whether there is nothing to be seen: what a safety checker leaves, or a decoder that overflowed."""
    return int(np.asarray(image).max()) <= BLACK
