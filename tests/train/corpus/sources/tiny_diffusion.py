"""A Stable Diffusion of 40,000 random weights: it makes patterns of 64 px in a tenth of a second on a CPU."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train.corpus.source import Picture
from train.corpus.sources.generation import Model, Pipelines
from train.corpus.sources.stable_diffusion import StableDiffusionSource

diffusers: Any = importlib.import_module("diffusers")  # it says that it has types, and has few

PROMPTS = {"food": ["a bowl of soup", "an apple"], "street": ["a wet street"], "any": ["a photograph"]}


def build(folder: Path) -> Path:
    """Save the pipeline as diffusers saves one."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    diffusers.StableDiffusionPipeline(
        unet=diffusers.UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(4, 8),
            layers_per_block=1,
            norm_num_groups=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=8,
            attention_head_dim=2,
        ),
        vae=diffusers.AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
                hidden_size=8,
                intermediate_size=8,
                num_attention_heads=2,
                num_hidden_layers=1,
                vocab_size=len(words),
            )
        ),
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        scheduler=diffusers.DDIMScheduler(
            beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def source(base: Path, pictures: dict[str, int], *, model: dict[str, Any] | None = None, **options: Any) -> Any:
    """A source that uses the model in ``base/tiny`` with two steps."""
    (base / "prompts.json").write_text(json.dumps(PROMPTS))
    entry = {"id": "tiny", "pictures": pictures, "width": 64, "height": 64, "steps": 2, "strength": [0.5, 1.0]}
    usual = {"models": [entry | (model or {})], "prompts": "prompts.json", "device": "cpu", "batch": 2}
    return StableDiffusionSource.from_config("sd", usual | options, base)


def reals(folder: Path, many: int = 6) -> Iterator[Picture]:
    """Real pictures, some of them files and some of them bytes."""
    folder.mkdir(exist_ok=True)
    for number in range(many):
        path = folder / f"{number}.png"
        if not path.exists():
            pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((120, 90)).save(path)
        yield Picture(
            key=str(number),
            content=path if number % 2 else path.read_bytes(),
            label="real",
            source="photos",
            group=f"photos/session{number // 2}",
            category="food" if number < 3 else "dogs",
            credit=f"Photo by {number}",
            licence="CC0",
        )


class Wrapped:
    """A pipeline that ``before`` looks at the prompts of before each call, and whose result ``after`` may change."""

    def __init__(
        self,
        pipeline: Any,
        before: Callable[[list[str]], None] = lambda _: None,
        after: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        self.scheduler, self.__signature__ = pipeline.scheduler, inspect.signature(pipeline)
        self._pipeline, self._before, self._after = pipeline, before, after

    def __call__(self, **given: Any) -> Any:
        self._before(given["prompt"])
        return self._after(self._pipeline(**given))


def run_until_killed(base: Path, out: Path, pictures: dict[str, int], calls: int) -> None:
    """Prepare, and die as if by ``kill -9`` in the midst of the call after so many."""
    left = [calls]

    def before(_: list[str]) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    pipelines = Pipelines(base, "cpu")

    def load(model: Model, mode: str) -> Any:
        return Wrapped(pipelines(model, mode), before)

    source(base, pictures).prepare(out, reals(base / "reals"), load)
