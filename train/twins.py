"""A real picture's fake twin: the same content with the traces of a generator or of an edit, made without one.

A network that sees both in one batch under the same delivery can't tell them by subject, camera or compression. Twins
through an autoencoder take seconds each and are made beforehand (`train.roundtrip`); these are made as they are drawn.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from unfake.detector.views import Pixels


def mixed(real: Pixels, twin: Pixels, rng: Generator) -> Pixels:
    """Between half and all of the twin over its real picture, both uint8 ``[H, W, 3]``.

    What a decoder loses, such as fine detail, gets weaker and what it adds stays: else a network learns that soft
    pictures are fake (Chen et al., Dual Data Alignment Makes AI-Generated Image Detector Easier Generalizable, 2025).
    """
    share = rng.uniform(0.5, 1.0)
    return np.rint(share * twin.astype(np.float32) + (1 - share) * real).astype(np.uint8)


def upsampled(pixels: Pixels, rng: Generator) -> tuple[Pixels, Pixels]:
    """Real and twin, uint8 ``[H, W, 3]``: both from the half-size picture, the twin through a transposed convolution.

    Its kernel is near to doubling pixels or to linear interpolation, and is uneven as learned ones are, which leaves a
    faint grid (Zhang, Karaman and Chang, Detecting and Simulating Artifacts in GAN Fake Images, WIFS 2019). In half of
    the cases the real one is not shrunk and enlarged either.
    """
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    real = pixels[:height, :width]
    small = Image.fromarray(real).resize((width // 2, height // 2), Image.Resampling.BOX)
    line = np.array((0.0, 1.0, 1.0, 0.0) if rng.random() < 0.5 else (0.25, 0.75, 0.75, 0.25))
    kernel = np.outer(line, line) + rng.normal(0, rng.uniform(0.01, 0.06), (4, 4))
    kernel *= 4 / kernel.sum()
    planes = torch.from_numpy(np.asarray(small).transpose(2, 0, 1)[:, None].astype(np.float32))
    weights = torch.from_numpy(kernel[None, None].astype(np.float32))
    found = torch.nn.functional.conv_transpose2d(planes, weights, stride=2, padding=1)[:, 0]
    twin = found.round().clamp(0, 255).byte().numpy().transpose(1, 2, 0)
    if rng.random() < 0.5:
        real = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    return real, mixed(real, twin, rng)


def blended(pixels: Pixels, rng: Generator) -> tuple[Pixels, Pixels]:
    """Real and twin, uint8 ``[H, W, 3]``: a soft-edged part is replaced by a slightly altered copy of itself.

    (Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022; here for any part, not for faces.)
    """
    image = Image.fromarray(pixels)
    width, height = image.size
    copy = image
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color, ImageEnhance.Sharpness):
        copy = enhancer(copy).enhance(rng.uniform(0.75, 1.25))
    zoom, angle = rng.uniform(1.0, 1.06), rng.uniform(-3, 3)
    size = (math.ceil(width * zoom), math.ceil(height * zoom))
    copy = copy.resize(size, Image.Resampling.BICUBIC).rotate(angle, Image.Resampling.BICUBIC)
    left, top = (int(rng.integers(long - short + 1)) for long, short in zip(size, (width, height), strict=True))
    copy = copy.crop((left, top, left + width, top + height))
    mask = Image.new("L", (width, height))
    centre = rng.uniform(0.3, 0.7, 2) * (width, height)
    radius = rng.uniform(0.15, 0.35, 2) * (width, height)
    turns = np.sort(rng.uniform(0, 2 * math.pi, 9))
    edge = centre + rng.uniform(0.7, 1.3, (9, 1)) * np.stack((np.cos(turns), np.sin(turns)), 1) * radius
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in edge], fill=int(rng.integers(160, 256)))
    mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.01, 0.06) * min(width, height)))
    return pixels, np.asarray(Image.composite(copy, image, mask))


KINDS = {"upsampled": upsampled, "blended": blended}
