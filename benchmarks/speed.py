"""From the bytes of a photo to the verdict, beside what one would write instead: ``python -m benchmarks.speed``.

One table, all of it in one run. Every contender is asked in turn, round by round, so that what else the machine does
weighs on all alike, and the ratios are worth more than the milliseconds. Networks whose trained weights are not at hand
(B7, the pipeline's) have random ones, which takes them as long. The photo has 24 megapixels (6000 x 4000 px, JPEG
quality 90), made of noise at several scales so that it costs about as much to decode as a real one.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from torchvision.transforms.v2.functional import normalize, pil_to_tensor

from benchmarks.scan import ForgetfulStore
from train.checkpoint.export import export
from unfake.detector.checkpoint import BUNDLED
from unfake.detector.model import DeepfakeClassifier
from unfake.services import Services
from unfake.settings import Settings

B7, B7_SIDE = "tf_efficientnet_b7", 600
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
Contender = Callable[[bytes], object]


def photo(width: int = 6000, height: int = 4000) -> bytes:
    """A JPEG file with detail at every scale."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3), np.float32)
    for side, weight in ((8, 80), (64, 50), (512, 25), (2048, 10)):
        noise = Image.fromarray(rng.integers(0, 256, (side * 2 // 3, side, 3), np.uint8))
        total += weight / 255 * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    buffer = io.BytesIO()
    Image.fromarray(total.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def random_b7(folder: Path) -> Path:
    """A checkpoint of EfficientNet-B7 at 600 px that nobody trained."""
    run = folder / "run"
    DeepfakeClassifier(B7, pretrained=False).save_pretrained(run / "model")
    recipe: dict[str, Any] = {
        "name": "random-b7",
        "backbone": B7,
        "dropout": 0.0,
        "mean": MEAN,
        "std": STD,
        "views": {"kind": "squash", "size": B7_SIDE},
        "training_sources": {},
        "seed": 0,
    }
    (run / "config.json").write_text(json.dumps(recipe))
    export(run, folder / "b7")
    return folder / "b7"


def ours(checkpoint: Path, cache: Path) -> Contender:
    """All that the app does with an upload, but for the store: decoding in a process of its own, provenance, pixels."""
    services = Services(Settings(model=str(checkpoint), device="cpu", cache=cache))
    services.store = ForgetfulStore(None)
    services.wait()
    return lambda data: services.classify_bytes(data, "photo.jpg")


def eager(backbone: str, side: int) -> Contender:
    """Pillow, torchvision and timm in fp32: the whole picture at ``side`` px."""
    model = timm.create_model(backbone, pretrained=False, num_classes=2).eval()

    def verdict(data: bytes) -> object:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        with torch.inference_mode():
            return model(normalize(pil_to_tensor(image).float() / 255, MEAN, STD)[None]).softmax(1)

    return verdict


def forward(backbone: str, side: int) -> Contender:
    """The bare eager forward pass, without a file."""
    model, pixels = timm.create_model(backbone, pretrained=False, num_classes=2).eval(), torch.zeros(1, 3, side, side)

    def verdict(_data: bytes) -> object:
        with torch.inference_mode():
            return model(pixels)

    return verdict


def pipeline() -> Contender:
    """A ``transformers`` pipeline with ViT-B/16 at 224 px."""
    import transformers  # noqa: PLC0415 - slow to import

    hub: Any = transformers  # its types are wrong where configurations take keywords
    model = hub.ViTForImageClassification(hub.ViTConfig(num_labels=2)).eval()
    classify = hub.pipeline("image-classification", model=model, image_processor=hub.ViTImageProcessor(), device="cpu")
    return lambda data: classify(Image.open(io.BytesIO(data)).convert("RGB"))


def main() -> None:
    """Print a Markdown table: median milliseconds, and the ratio to the first row of its block."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    data = photo()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        blocks: dict[str, dict[str, Contender]] = {
            "one ViT-B/16": {
                "UnFake, unfake-clip": ours(BUNDLED, folder),
                "transformers pipeline, ViT-B/16, one view of 224 px": pipeline(),
                "timm and torch eager, ViT-B/16, one view of 224 px": eager("vit_base_patch16_224", 224),
            },
            "B7 at 600 px": {
                "UnFake, B7": ours(random_b7(folder), folder),
                "timm and torch eager, B7": eager(B7, B7_SIDE),
                "the bare eager forward pass of B7": forward(B7, B7_SIDE),
            },
        }
        print(f"{len(data) / 1e6:.1f} MB of JPEG, {torch.get_num_threads()} threads, {rounds} rounds\n")
        print("| what | median | against UnFake's |\n|---|---|---|")
        for contenders in blocks.values():
            taken: dict[str, list[float]] = {name: [] for name in contenders}
            for number in range(rounds + 1):  # the first warms up
                for name, verdict in contenders.items():
                    started = time.perf_counter()
                    verdict(data)
                    if number:
                        taken[name].append(1000 * (time.perf_counter() - started))
            first = next(iter(taken))
            for name, times in taken.items():
                ratio = statistics.median(t / f for t, f in zip(times, taken[first], strict=True))
                print(f"| {name} | {statistics.median(times):.0f} ms | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
