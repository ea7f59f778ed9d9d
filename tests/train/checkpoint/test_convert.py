"""Older files of weights become runs: the same answers, or a refusal that names what does not fit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from train.checkpoint.compact import halve
from train.checkpoint.convert import convert, main, write_run
from train.checkpoint.export import export
from train.checkpoint.layouts import LAYOUTS, epsilon
from train.errors import RunError
from unfake.detector.checkpoint import load_folder
from unfake.detector.runtime import OpenVinoRuntime

torchvision = import_module("torchvision")  # it comes without types
B0, LITE0 = "tf_efficientnet_b0", "tf_efficientnet_lite0"
TIMM, TORCHVISION, OLDEST = LAYOUTS


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(1)


def unsettle(model: nn.Module) -> nn.Module:
    """Statistics and biases as after a training, so that each of them counts."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.2)
        elif name.endswith(("running_mean", "bias")):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return model.eval()


class Plain(nn.Module):
    """A trunk without its head, and a head of its own."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.base_model = timm.create_model(backbone, num_classes=0)
        self.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(1280, 2))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.base_model(pixels))
        return logits


class Twice(nn.Module):
    """A trunk with its ImageNet head, and the same modules without it under a second name."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model = timm.create_model(B0)
        self.features = nn.Sequential(*list(self.base_model.children())[:-1])
        self.classifier = nn.Linear(1280, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(pixels))
        return logits


class Vision(nn.Module):
    """torchvision's trunk, with the head where torchvision has it."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model = torchvision.models.efficientnet_b0()
        self.base_model.classifier[1] = nn.Linear(1280, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.base_model(pixels)
        return logits


def save(model: nn.Module | dict[str, Any], path: Path) -> Path:
    torch.save(model.state_dict() if isinstance(model, nn.Module) else model, path)
    return path


def answers(model: nn.Module) -> Tensor:
    pixels = torch.randn((2, 3, 96, 96), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        logits: Tensor = model(pixels)
    return logits


def assert_alike(old: nn.Module, new: nn.Module) -> None:
    expected = answers(old)
    assert expected.abs().max() > 1e-2  # else anything would be alike
    torch.testing.assert_close(answers(new), expected, atol=1e-5, rtol=1e-5)


def oldest_names(backbone: nn.Module) -> list[str]:
    """efficientnet_pytorch's names, in the order of timm's tensors: its own modules stand in the same order."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

    def layer(name: str, kind: str) -> list[str]:
        return [f"{name}.{leaf}" for leaf in (norm if kind == "bn" else ("weight",) if kind == "conv" else norm[:2])]

    names, number = layer("_conv_stem", "conv") + layer("_bn0", "bn"), 0
    for stage in backbone.get_submodule("blocks").children():
        for block in stage.children():
            place = f"_blocks.{number}"
            if hasattr(block, "conv_pwl"):
                names += layer(f"{place}._expand_conv", "conv") + layer(f"{place}._bn0", "bn")
            names += layer(f"{place}._depthwise_conv", "conv") + layer(f"{place}._bn1", "bn")
            names += layer(f"{place}._se_reduce", "se") + layer(f"{place}._se_expand", "se")
            names += layer(f"{place}._project_conv", "conv") + layer(f"{place}._bn2", "bn")
            number += 1
    return names + layer("_conv_head", "conv") + layer("_bn1", "bn")


class TestSameAnswers:
    @pytest.mark.parametrize("backbone", [B0, LITE0])
    def test_timm(self, tmp_path: Path, backbone: str) -> None:
        old = unsettle(Plain(backbone))
        assert_alike(old, convert(save(old, tmp_path / "old.pth"), backbone).model)

    def test_modules_that_are_kept_twice(self, tmp_path: Path) -> None:
        old = unsettle(Twice())
        assert_alike(old, convert(save(old, tmp_path / "old.pth"), B0).model)

    def test_torchvision(self, tmp_path: Path) -> None:
        old = unsettle(Vision())
        found = convert(save(old, tmp_path / "old.pth"), "efficientnet_b0")
        assert found.layout is TORCHVISION
        assert_alike(old, found.model)

    def test_efficientnet_pytorch(self, tmp_path: Path) -> None:
        old = unsettle(Plain(B0))
        tensors = old.state_dict()
        head = {"fc.weight": tensors.pop("fc.1.weight"), "fc.bias": tensors.pop("fc.1.bias")}
        names = oldest_names(old.get_submodule("base_model"))
        state = {f"base_model.{name}": t for name, t in zip(names, tensors.values(), strict=True)} | head
        state |= {"base_model._fc.weight": torch.zeros(1000, 1280), "base_model._fc.bias": torch.zeros(1000)}
        found = convert(save(state, tmp_path / "old.pth"), B0)
        assert found.layout is OLDEST
        assert_alike(old, found.model)

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda state: {"model_state_dict": state, "epoch": 3, "best": 0.9},
            lambda state: {"state_dict": {f"module.{key}": tensor for key, tensor in state.items()}},
            lambda state: {key.replace("base_model", "encoder"): tensor for key, tensor in state.items()},
            lambda state: {key: tensor for key, tensor in state.items() if "num_batches" not in key},
        ],
        ids=["wrapped", "DataParallel", "another prefix", "without counters"],
    )
    def test_wrappings(self, tmp_path: Path, wrap: Callable[[dict[str, Tensor]], dict[str, Any]]) -> None:
        old = unsettle(Plain(LITE0))
        assert_alike(old, convert(save(wrap(old.state_dict()), tmp_path / "old.pth"), LITE0).model)

    def test_classes_the_other_way_round(self, tmp_path: Path) -> None:
        old = unsettle(Plain(LITE0))
        found = convert(save(old, tmp_path / "old.pth"), LITE0, ("fake", "real"))
        torch.testing.assert_close(answers(found.model), answers(old).flip(1))


class TestEpsilon:
    @pytest.mark.parametrize("size", range(8))
    def test_is_torchvisions(self, size: int) -> None:
        with torch.device("meta"):
            model = getattr(torchvision.models, f"efficientnet_b{size}")()
        norms = {module.eps for module in model.modules() if isinstance(module, nn.BatchNorm2d)}
        assert norms == {epsilon(TORCHVISION, f"efficientnet_b{size}")}

    def test_another_one_is_carried_by_the_variances(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = unsettle(Vision())
        for module in old.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.05
        path = save(old, tmp_path / "old.pth")
        monkeypatch.setattr("train.checkpoint.convert.epsilon", lambda layout, backbone: 0.05)
        assert_alike(old, convert(path, "efficientnet_b0").model)


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


class TestRefused:
    @pytest.mark.parametrize("wrapped", [True, False])
    def test_a_pickle_that_does_something(self, tmp_path: Path, wrapped: bool) -> None:
        target, path = tmp_path / "written", tmp_path / "old.pth"
        weights = Plain(LITE0).state_dict()
        if wrapped:
            torch.save({"state_dict": weights, "extra": Trap(target)}, path)
        else:
            path.write_bytes(pickle.dumps(Trap(target)))
        with pytest.raises(RunError, match=r"old\.pth is not a file of weights alone"):
            convert(path)
        assert not target.exists()
        # and the trap is one
        torch.load(path, weights_only=False) if wrapped else pickle.loads(path.read_bytes())  # noqa: S301
        assert target.exists()

    def test_a_whole_module(self, tmp_path: Path) -> None:
        torch.save(Plain(LITE0), tmp_path / "old.pth")
        with pytest.raises(RunError, match=r"save the model's state_dict\(\) by itself"):
            convert(tmp_path / "old.pth")

    @pytest.mark.parametrize("content", [None, b"", b"no zip"])
    def test_no_such_file_or_a_damaged_one(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "old.pth").write_bytes(content)
        with pytest.raises(RunError, match="is not a file of weights alone"):
            convert(tmp_path / "old.pth")

    @pytest.mark.parametrize("data", [{"epoch": 3}, {}, [torch.zeros(2)], {"state_dict": {"epoch": 3}}])
    def test_no_table_of_tensors(self, tmp_path: Path, data: Any) -> None:
        with pytest.raises(RunError, match="holds no table of tensors"):
            convert(save(data, tmp_path / "old.pth"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"base_model.blocks.1.0.conv_dw.weight": None}, r"nothing for blocks\.1\.0\.conv_dw\.weight"),
            (
                {"base_model.bn2.running_var": torch.ones(7)},
                r"base_model\.bn2\.running_var is \(7,\), and bn2\.running_var of this backbone \(1280,\)",
            ),
            ({"attention.weight": torch.ones(3, 3)}, r"attention\.weight fits nowhere"),
            ({"base_model.blocks.9.0.conv_dw.weight": torch.ones(3, 3)}, r"blocks\.9\.0\.conv_dw\.weight fits nowhere"),
            ({"fc.1.weight": None}, r"the file has 0; beyond the trunk it begins with fc\.1\.bias"),
            ({"fc.1.weight": torch.ones(1, 1280)}, r"the file has 0; beyond the trunk it begins with fc\.1\.weight"),
            ({"aux.weight": torch.ones(2, 1280)}, "the file has 2"),
            ({"fc.1.bias": None}, r"no bias for fc\.1\.weight"),
            ({"base_model.conv_stem.weight": None}, "holds no EfficientNet"),
            ({"second.conv_stem.weight": torch.ones(3, 3)}, "holds more than one EfficientNet"),
        ],
    )
    def test_what_does_not_fit_is_named(self, tmp_path: Path, change: dict[str, Tensor | None], message: str) -> None:
        state = {**Plain(LITE0).state_dict(), **change}
        path = save({key: tensor for key, tensor in state.items() if tensor is not None}, tmp_path / "old.pth")
        with pytest.raises(RunError, match=message):
            convert(path, LITE0)

    @pytest.mark.parametrize(
        ("backbone", "message"),
        [
            ("tf_efficientnet_b1", "name another with --backbone"),
            ("resnet50", "timm knows no EfficientNet 'resnet50'"),
            ("tf_efficientnet_b99", "timm knows no EfficientNet"),
        ],
    )
    def test_another_backbone(self, tmp_path: Path, backbone: str, message: str) -> None:
        with pytest.raises(RunError, match=message):
            convert(save(Plain(LITE0), tmp_path / "old.pth"), backbone)

    def test_a_library_that_pads_otherwise(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="names are those of torchvision, which pads as timm's efficientnet_"):
            convert(save(Vision(), tmp_path / "old.pth"), B0)


def test_the_run_can_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a run made of an older file, by the command
    old, path, run = unsettle(Plain(LITE0)), tmp_path / "old.pth", tmp_path / "run"
    options = ["--backbone", LITE0, "--size", "64", "--name", "older", "--held-out", "game"]
    monkeypatch.setattr("sys.argv", ["convert", str(save(old, path)), "--out", str(run), *options])
    main()
    # when it is exported
    export(run, tmp_path / "checkpoint")
    # then the app runs it: squashed to the size that was given, and with the answers of the file
    checkpoint = load_folder(tmp_path / "checkpoint")
    assert checkpoint.config.views.to_json() == {"kind": "squash", "size": 64}
    assert checkpoint.config.training["held_out"] == ["game"]
    assert "Converted from old.pth (sha256 " in checkpoint.config.training["note"]
    views = np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (checkpoint.config.mean, checkpoint.config.std))
    pixels = (torch.from_numpy(views).permute(0, 3, 1, 2) / 255 - mean) / std
    old.load_state_dict(halve(old.state_dict()))  # a checkpoint stores kernels in half precision
    with torch.inference_mode():
        expected = old(pixels)
    logits = OpenVinoRuntime(checkpoint, "f32").run(views)[0]
    np.testing.assert_allclose(logits, expected, atol=0.02)
    # and a second one does not take its place
    before = (run / "config.json").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        main()
    assert (run / "config.json").read_bytes() == before


def test_a_size_that_no_view_has(tmp_path: Path) -> None:
    path = save(Plain(LITE0), tmp_path / "old.pth")
    with pytest.raises(RunError, match="give the --size"):
        write_run(convert(path, LITE0), path, tmp_path / "run", "older", 8, [])
    assert not (tmp_path / "run").exists()
