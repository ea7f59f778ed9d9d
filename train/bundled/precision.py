"""What a tower computes in on this processor: bf16 where it has that, as the app does, and else fp32."""

import torch

CAPABLE = ("avx512_bf16", "amx_bf16", "bf16")  # of x86, and the last of ARM, as `torch.cpu.get_capabilities` names them


def autocast() -> torch.autocast:
    """A context in bf16 where the processor has it; one that has not would take four times as long as in fp32."""
    found = torch.cpu.get_capabilities()
    return torch.autocast("cpu", torch.bfloat16, enabled=any(found.get(name) for name in CAPABLE))
