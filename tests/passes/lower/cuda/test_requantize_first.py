"""What is requantized before it is repeated is the same in every bit, and costs no launch behind a layer."""

from pathlib import Path

import numpy as np
import torch
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch import nn
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job

__all__ = ["gpu"]


class Up(nn.Module):
    """As where a detector goes back to larger images: a result is joined twice, once enlarged."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(3, 10, 3, 2, padding=1), nn.Conv2d(3, 6, 3, padding=1)
        self.more = nn.Conv2d(10, 6, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        small = nn.functional.silu(self.small(x))
        up = nn.functional.interpolate(small, scale_factor=2, mode="nearest")
        return torch.cat([up, 4 * self.large(x)], 1), torch.cat([small, 9 * self.more(small)], 1)


def test_it_costs_no_launch(gpu: Gpu, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(3, 3, 6, 10)).astype(np.float32)
    job = Job(Up().eval(), x, example_inputs=(torch.from_numpy(x[:1]),))
    integer = network_after("integerize", job)
    with integer.context, ir.Location.unknown():
        steps = check_on_gpu(gpu, integer, x, tmp_path / "m.dyq")
    assert sorted(steps) == ["qi.conv2d"] * 3 + ["qi.repeat"]
