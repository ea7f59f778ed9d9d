"""Twins through an autoencoder, made once and kept in a store.

A latent diffusion model's pictures all come out of its decoder. A real picture that went through encoder and decoder
has the decoder's traces and its own content (Rajan et al., Aligned Datasets Improve Detection of Latent
Diffusion-Generated Images, ICLR 2025).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from train.data import PixelStore, source_weights
from unfake.detector.views import resize

SIDE = 320  # px of a twin


class _Pooled(nn.Module):
    """A block of the tiny autoencoder with a sum over the whole picture before it, as FLUX.2's has in the middle."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.conv: nn.Module = block.conv
        self.skip: nn.Module = block.skip
        self.fuse: nn.Module = block.fuse
        around = (nn.Conv2d(64, 256, 1, bias=False), nn.Conv2d(256, 64, 1, bias=False))
        self.pool = nn.Sequential(around[0], nn.GroupNorm(4, 256), nn.ReLU(), around[1])

    def forward(self, features: Tensor) -> Tensor:
        """Float ``[N, 64, H, W]`` to the same."""
        features = features + self.pool(features)
        found: Tensor = self.fuse(self.conv(features) + self.skip(features))
        return found


class RoundTrip(nn.Module):
    """taef2, the tiny autoencoder for FLUX.2's latents (github.com/madebyollin/taesd, MIT)."""

    def __init__(self, weights: Path) -> None:
        """``weights``: folder with the repository's ``taef2_encoder.pth`` and ``taef2_decoder.pth``."""
        from diffusers import AutoencoderTiny  # noqa: PLC0415 - slow, and only needed here

        super().__init__()
        self.tiny: Any = AutoencoderTiny(latent_channels=32)  # type: ignore[no-untyped-call]
        # Its decoder begins with a clamp that diffusers has in its forward pass, so numbers differ by one.
        for part, middle, shift in (("encoder", (11, 12, 13), 0), ("decoder", (2, 3, 4), 1)):
            layers = getattr(self.tiny, part).layers
            for number in middle:
                layers[number] = _Pooled(layers[number])
            stored = torch.load(weights / f"taef2_{part}.pth", map_location="cpu", weights_only=True)
            numbered = ([*key.split(".", 1), tensor] for key, tensor in stored.items())
            layers.load_state_dict({f"{int(number) - shift}.{rest}": tensor for number, rest, tensor in numbered})

    def forward(self, pixels: Tensor) -> Tensor:
        """Float ``[N, 3, H, W]`` in 0 to 1, and back."""
        found: Tensor = self.tiny.decode(self.tiny.encode(pixels * 2 - 1).latents).sample
        return (found / 2 + 0.5).clamp(0, 1)


def make(store: PixelStore, boosted: frozenset[str], weights: Path, pairs: int, out: Path, seed: int) -> None:
    """Write a `PixelStore` of ``pairs``: a crop of a real picture of ``store``, and the same after the round trip."""
    network = RoundTrip(weights).eval().to(memory_format=torch.channels_last)
    rng = np.random.default_rng(seed)
    chances = source_weights(store.entries, boosted, 2.5) * [e["label"] == "real" for e in store.entries]
    out.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, object]] = []
    with (out / "pixels.bin").open("wb") as file:
        for number in tqdm(rng.choice(len(chances), pairs, p=chances / chances.sum()), unit=" pairs"):
            pixels, entry = store[int(number)], store.entries[int(number)]
            scale = max(SIDE / min(pixels.shape[:2]), rng.uniform(0.4, 1.0))
            width, height = (max(SIDE, round(side * scale)) for side in pixels.shape[1::-1])
            left, top = int(rng.integers(width - SIDE + 1)), int(rng.integers(height - SIDE + 1))
            real = resize(pixels, width, height)[top : top + SIDE, left : left + SIDE]
            with torch.inference_mode():
                found = network(torch.from_numpy(real.copy()).permute(2, 0, 1)[None] / 255)
            twin = (found[0] * 255).round().byte().permute(1, 2, 0).numpy()
            for label, each in (("real", real), ("fake", twin)):
                place = {"start": file.tell(), "height": SIDE, "width": SIDE}
                entries.append({"source": entry["source"], "label": label, **place})
                file.write(each.tobytes())
    (out / "entries.json").write_text(json.dumps(entries))
