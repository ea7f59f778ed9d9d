"""The network: a timm backbone, dropout and one linear layer; logits and the class activation map."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from unfake.detector.tower import TowerClassifier


def _backbone(name: str, pretrained: bool) -> nn.Module:
    """A timm network without its head; ImageNet weights if asked for and to be had, else random with a warning."""
    if pretrained:
        try:
            ready: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
            return ready
        except Exception as error:  # timm lets through whatever its download meets: network, Hub, disk, no such weights
            warnings.warn(
                f"no ImageNet weights for {name} ({type(error).__name__}): starting from random initialisation",
                stacklevel=3,
            )
    fresh: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return fresh


class DeepfakeClassifier(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="unfake",
    license="apache-2.0",
    pipeline_tag="image-classification",
    tags=["deepfake-detection", "ai-generated-image-detection"],
):
    """Real or fake, from normalised pictures.

    Average pooling is followed by nothing but dropout and a linear layer, so the layer can be applied to each
    place of the feature grid instead, and the mean of that map is the logit exactly (Zhou et al., Learning Deep
    Features for Discriminative Localization, CVPR 2016).
    """

    def __init__(
        self,
        backbone: str = "efficientnet_b7",
        num_classes: int = 2,
        dropout: float = 0.3,
        pretrained: bool = True,
    ) -> None:
        """Build the network.

        ``backbone``: a timm name. ``dropout``: probability in [0, 1). ``pretrained``: start from ImageNet weights;
        where they cannot be had the start is random, and a ``UserWarning`` says so.
        """
        super().__init__()
        self.backbone = _backbone(backbone, pretrained)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(int(self.backbone.num_features), num_classes)  # type: ignore[arg-type]

    def features(self, pixels: Tensor) -> Tensor:
        """What the classifier sees, ``[batch, channels, rows, columns]``, of normalised pictures."""
        features: Tensor = self.backbone.forward_features(pixels)  # type: ignore[operator]
        return features

    def forward_with_map(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[batch, classes]`` and class activation map ``[batch, classes, rows, columns]``.

        ``pixels``: float ``[batch, 3, height, width]``, normalised. In evaluation mode the mean of a map over its
        grid is the logit. In training mode dropout acts on the pooled features, and the map is without it.
        """
        features = self.features(pixels)
        logits: Tensor = self.classifier(self.dropout(features.mean(dim=(2, 3))))
        activation = nn.functional.conv2d(features, self.classifier.weight[:, :, None, None], self.classifier.bias)
        return logits, activation

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``[batch, classes]`` (0 real, 1 fake) of normalised pictures, float ``[batch, 3, height, width]``."""
        features = self.features(pixels)
        logits: Tensor = self.classifier(self.dropout(features.mean(dim=(2, 3))))
        return logits


def load_network(folder: Path) -> DeepfakeClassifier | TowerClassifier:
    """The network of a folder with ``config.json`` and ``model.safetensors``, in evaluation mode.

    Raises RuntimeError where the weights do not fit, OSError and ValueError where a file is missing or damaged.
    """
    if "blocks" in json.loads((folder / "config.json").read_text()):
        return TowerClassifier.from_pretrained(folder).eval()
    return DeepfakeClassifier.from_pretrained(folder, pretrained=False).eval()


class ServingGraph(nn.Module):
    """What is exported: uint8 views in, logits and map out, normalisation (three channels) inside."""

    def __init__(
        self,
        model: DeepfakeClassifier | TowerClassifier,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("scale", (1.0 / (255.0 * torch.tensor(std))).view(1, 3, 1, 1))
        self.register_buffer("shift", (-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1))

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[N, 2]`` and map ``[N, 2, rows, columns]`` of uint8 views ``[N, height, width, 3]``."""
        pixels = views.permute(0, 3, 1, 2).to(self.scale.dtype) * self.scale + self.shift  # type: ignore[arg-type,operator]
        return self.model.forward_with_map(pixels)
