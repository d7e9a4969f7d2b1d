"""Transformers, and products of what is computed, on the GPU for tests: the bits of the integer reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.effort import slow
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job

__all__ = ["gpu"]


class Block(nn.Module):
    """Attention and two linear layers, with residuals, as encoders (or, causal, decoders) have them."""

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inside, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        split = self.inside(self.first(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        made = scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(made.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Alike(nn.Module):
    """Which rows are alike."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(20, 24), nn.Linear(20, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x) @ self.b(x).transpose(1, 2)


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "encoder": (Block(32, 2), (19, 32)),
    "decoder": (nn.Sequential(Block(24, 3, causal=True), Block(24, 1, causal=True), nn.Linear(24, 7)), (13, 24)),
    "alike": (Alike(), (17, 20)),
}
QUICK = [("encoder", "int8"), ("alike", "int8")]
EVERY = [(name, precision) for name in NETWORKS for precision in ("int8", "w8a16", "w2", "w4g64", "w4g32")]


@pytest.mark.parametrize(("name", "precision"), [*QUICK, *slow(one for one in EVERY if one not in QUICK)])
def test_it_gives_the_bits_of_the_reference(gpu: Gpu, tmp_path: Path, name: str, precision: str) -> None:
    torch.manual_seed(0)
    model, size = NETWORKS[name]
    x = np.random.default_rng(0).normal(size=(8, *size)).astype(np.float32)
    widths: dict[str, Any] = (
        {"precision": precision} if precision in ("int8", "w8a16") else {"keep": (f"*={precision}",)}
    )
    network = network_after("integerize", Job(model.eval(), x, example_inputs=(torch.from_numpy(x[:1]),), **widths))
    with network.context, ir.Location.unknown():
        ops = check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
    wanted = "qi.matmul" if name == "alike" else "qi.attention"
    assert wanted in ops
