"""bf16 only where the processor has it."""

import pytest
import torch

from train.bundled.precision import autocast


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16", "bf16"])
@pytest.mark.parametrize("has", [True, False])
def test_a_processor_computes_in_what_it_has(capability: str, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, capability: has})
    with autocast():
        found = torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype
    assert found == (torch.bfloat16 if has else torch.float32)
