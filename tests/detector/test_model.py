from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from unfake.detector.model import DeepfakeClassifier, ServingGraph

SMALL = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def model() -> DeepfakeClassifier:
    torch.manual_seed(0)
    return DeepfakeClassifier(SMALL, pretrained=False).eval()


def test_the_default_is_b7_with_two_classes() -> None:
    b7 = DeepfakeClassifier(pretrained=False)
    assert b7.classifier.in_features == 2560
    assert b7.classifier.out_features == 2
    assert b7.dropout.p == 0.3


def test_the_mean_of_the_map_is_the_logit(model: DeepfakeClassifier) -> None:
    pixels = torch.randn(3, 3, 224, 160)
    with torch.inference_mode():
        logits, activation = model.forward_with_map(pixels)
        assert torch.equal(model(pixels), logits)
    assert logits.shape == (3, 2)
    assert activation.shape == (3, 2, 7, 5)
    torch.testing.assert_close(activation.mean(dim=(2, 3)), logits, atol=1e-5, rtol=1e-5)


def test_it_is_saved_and_loaded_the_hub_way(model: DeepfakeClassifier, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    again = DeepfakeClassifier.from_pretrained(tmp_path, pretrained=False).eval()
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(again(pixels), model(pixels))
    assert not list(tmp_path.glob("*.bin"))


def test_without_imagenet_weights_it_starts_at_random_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("timm.models._builder.load_pretrained", no_network)
    with pytest.warns(UserWarning, match="no ImageNet weights for tf_efficientnet_lite0"):
        DeepfakeClassifier(SMALL)


def test_asking_for_no_weights_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeepfakeClassifier(SMALL, pretrained=False)


def test_the_serving_graph_normalises_inside(model: DeepfakeClassifier) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    views = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    pixels = (views.permute(0, 3, 1, 2) / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    with torch.inference_mode():
        expected, _ = model.forward_with_map(pixels)
        logits, _ = ServingGraph(model, mean, std).eval()(views)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
