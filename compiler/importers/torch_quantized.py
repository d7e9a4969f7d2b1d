"""Modules of quantization-aware training, made traceable: FakeQuantize asks its buffers at run time what to do.

What it would do at inference is known: round with the scale and zero point that were learned, or nothing where it is
switched off. While a module is traced, its FakeQuantize modules do just that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.ao.quantization import FakeQuantize


@contextmanager
def settled_quantization(module: torch.nn.Module) -> Iterator[None]:
    """FakeQuantize modules inside round with what they have learned; afterwards they are as they were."""
    changed = [each for each in module.modules() if isinstance(each, FakeQuantize) and "forward" not in vars(each)]
    try:
        for each in changed:
            enabled = bool(each.fake_quant_enabled[0])
            vars(each)["forward"] = partial(rounded, each) if enabled else same
        yield
    finally:
        for each in changed:
            del vars(each)["forward"]


def same(x: torch.Tensor) -> torch.Tensor:
    return x


def rounded(module: Any, x: torch.Tensor) -> torch.Tensor:
    """Integers of [quant_min, quant_max] and back."""
    low, high = module.activation_post_process.quant_min, module.activation_post_process.quant_max
    if module.is_per_channel:
        return torch.fake_quantize_per_channel_affine(x, module.scale, module.zero_point, module.ch_axis, low, high)
    return torch.fake_quantize_per_tensor_affine(x, module.scale, module.zero_point, low, high)
