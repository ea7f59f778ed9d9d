"""How the weights of an export are stored."""

from __future__ import annotations

import pytest
import torch

from train.checkpoint import compact


def test_kernels_and_matrices_are_stored_in_half_precision_and_all_else_as_it_was() -> None:
    state = {
        "kernel": torch.rand(2, 2, 3, 3),
        "matrix": torch.rand(2, 2),
        "bias": torch.rand(2),
        "batches": torch.tensor(7),
        "table": torch.arange(4).reshape(2, 2),
    }
    stored = compact.halve(state)
    kinds = {"kernel": torch.float16, "matrix": torch.float16, "bias": torch.float32} | dict.fromkeys(
        ("batches", "table"), torch.int64
    )
    assert {name: tensor.dtype for name, tensor in stored.items()} == kinds
    for name, tensor in stored.items():
        torch.testing.assert_close(tensor.to(state[name].dtype), state[name], rtol=2**-11, atol=1e-7)


def test_a_weight_beyond_half_precision_is_not_cut_off() -> None:
    with pytest.raises(OverflowError, match="layer has weights beyond"):
        compact.halve({"layer": torch.full((2, 2), 1e6)})
