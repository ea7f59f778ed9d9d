"""Pictures as the large network is trained on them: ``python -m train.fit augment CORPUS --out grid.png`` shows them.

Training: a random web delivery, then resize, flip, rotation, colour jitter, affine, perspective, tensor, normalise,
erasing. Validation and test: a fixed web delivery, resize, tensor, normalise. All values stand in the configuration.

Why the deliveries come first: real and fake pictures of a corpus differ in size, format and compression, and a network
takes that short cut before it learns anything else (Grommelt et al., Fake or JPEG?, 2024). So each picture is first
shrunk to one long side, then resized and JPEG-compressed, sometimes twice, by `train.deliveries.draw`, which does not
know the label. A fixed delivery for validation and test makes both labels look alike there too, so the figures count
what the network sees in the picture and not in its file.

All chance comes from a seed given with each picture, never from the state of a process. The same (seed, epoch, place
in the epoch, picture) gives the same tensor in any worker, on any number of processes, and after any restart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from train.deliveries import Step, draw, jpeg
from train.fit.config import FitConfig, read
from train.fit.data import Pictures, load_corpus
from unfake.evidence.stability import web

SMALLEST = 64  # px on the short side; the app gives no verdict on less


def deliver(image: Image.Image, steps: Sequence[Step], long_side: int) -> Image.Image:
    """A picture after a drawn delivery: to ``long_side`` px at most, then each step's resize and JPEG.

    No step shrinks the short side below `SMALLEST`.
    """
    image = web(image, long_side)
    for step in steps:
        scale = min(1.0, max(step.scale, SMALLEST / min(image.size)))
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        if size != image.size:
            image = image.resize(size, step.resample)
        if step.quality is not None:
            image = jpeg(image, step.quality, step.subsampling)
    return image


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's generator on the CPU at ``seed`` within the block, and as it was after it.

    `torch.manual_seed` would set the GPU's as well, which dropout draws from.
    """
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


def _resize(config: FitConfig) -> v2.Transform:
    # On a Pillow picture this is views.cut's squash to the last bit: what is measured is what the app runs.
    side = config.image_size
    return v2.Resize((side, side), interpolation=InterpolationMode.BICUBIC, antialias=True)


def _tensor(config: FitConfig) -> list[v2.Transform]:
    return [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(config.mean), list(config.std))]


class TrainTransform:
    """A random delivery, then the augmentations, in the order of the module's first lines.

    Rotation, affine and perspective each resample the picture and soften its finest noise; bilinear, since the
    default (nearest) would add stairs that no picture has.
    """

    def __init__(self, config: FitConfig) -> None:
        a = self.config = config.augment
        smooth = InterpolationMode.BILINEAR
        stages: list[v2.Transform] = [_resize(config)]
        if a.flip:
            stages.append(v2.RandomHorizontalFlip(a.flip))
        if a.rotation:
            stages.append(v2.RandomRotation(a.rotation, interpolation=smooth))
        if a.brightness or a.contrast or a.saturation or a.hue:
            stages.append(v2.ColorJitter(a.brightness, a.contrast, a.saturation, a.hue))
        if a.affine or a.translate or a.scale:
            moved, scaled = (a.translate, a.translate), (1 - a.scale, 1 + a.scale)
            stages.append(v2.RandomAffine(a.affine, moved, scaled, interpolation=smooth))
        if a.perspective:
            stages.append(v2.RandomPerspective(a.distortion, a.perspective, interpolation=smooth))
        stages += _tensor(config)
        if a.erasing:
            stages.append(v2.RandomErasing(a.erasing))
        self.stages = v2.Compose(stages)

    def __call__(self, image: Image.Image, seed: Sequence[int]) -> Tensor:
        """Float ``[3, size, size]``, normalised, of an RGB picture; ``seed``: whole numbers, not negative."""
        rng = np.random.default_rng(seed)
        if self.config.delivery:
            image = deliver(image, draw(rng), self.config.long_side)
        with seeded(int(rng.integers(2**63))):
            tensor: Tensor = self.stages(image)
        return tensor


class PlainTransform:
    """A fixed delivery, resize, tensor, normalise: for validation and test."""

    def __init__(self, config: FitConfig) -> None:
        self.config = config.augment
        self.stages = v2.Compose([_resize(config), *_tensor(config)])

    def __call__(self, image: Image.Image, seed: Sequence[int] = ()) -> Tensor:
        """Float ``[3, size, size]``, normalised, of an RGB picture; no chance in it, whatever the seed."""
        if self.config.validation_delivery:
            image = web(image, self.config.long_side, self.config.quality)
        tensor: Tensor = self.stages(image)
        return tensor


def visible(pixels: Tensor, config: FitConfig) -> Image.Image:
    """A normalised picture, float ``[3, H, W]``, for people to see."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (config.mean, config.std))
    back = ((pixels * std + mean).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(back.permute(1, 2, 0).numpy())


def grid(pictures: Pictures, config: FitConfig, rows: int, columns: int, tile: int = 192) -> Image.Image:
    """A contact sheet: a picture a row, real and fake in turn, as validation sees it and then as epochs 1, 2, … do."""
    head, side = 22, 76
    font = ImageFont.load_default(13)
    sheet = Image.new("RGB", (side + columns * (tile + 4), head + rows * (tile + 4)), "white")
    pen = ImageDraw.Draw(sheet)
    for column in range(columns):
        pen.text((side + column * (tile + 4), 4), f"epoch {column}" if column else "validation", "black", font)
    plain, random = PlainTransform(config), TrainTransform(config)
    members = [np.flatnonzero(pictures.labels == label) for label in (0, 1)]
    for row in range(rows):
        of = members[row % 2]
        index = int(of[row // 2 % len(of)])
        image, top = pictures.image(index), head + row * (tile + 4)
        pen.text((4, top + 4), f"{('real', 'fake')[row % 2]}\n{pictures.sources[index][:10]}", "black", font)
        for column in range(columns):
            tensor = random(image, (config.seed, column, row, index)) if column else plain(image)
            small = visible(tensor, config).resize((tile, tile), Image.Resampling.LANCZOS)
            sheet.paste(small, (side + column * (tile + 4), top))
    return sheet


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    parser.add_argument("--config", type=Path, help="configuration of the training; EfficientNet-B7's without")
    parser.add_argument("--split", default="train")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--columns", type=int, default=7)
    args = parser.parse_args()
    config = read(args.config) if args.config else FitConfig()
    pictures = Pictures(load_corpus(args.corpus), args.split, PlainTransform(config), config.seed)
    grid(pictures, config, args.rows, args.columns).save(args.out)
    print(args.out)
