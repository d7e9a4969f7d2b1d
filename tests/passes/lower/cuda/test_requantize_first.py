"""What is requantized before it is repeated is the same in every bit, and costs no launch behind a layer."""

from pathlib import Path

import torch
from support.ptx.gpu import Gpu
from support.ptx.networks import steps
from support.ptx.session import gpu
from torch import nn

__all__ = ["gpu"]


class Up(nn.Module):
    """As where a detector goes back to larger images: a result is joined twice, once enlarged."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(3, 10, 3, 2, padding=1), nn.Conv2d(3, 6, 3, padding=1)
        self.more, self.first, self.second = nn.Conv2d(10, 6, 3, padding=1), nn.Conv2d(16, 4, 1), nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        small = nn.functional.silu(self.small(x))
        up = nn.functional.interpolate(small, scale_factor=2, mode="nearest")
        enlarged, same = torch.cat([up, 30 * self.large(x)], 1), torch.cat([small, 60 * self.more(small)], 1)
        return self.first(enlarged), self.second(same)


def test_it_costs_no_launch(gpu: Gpu, tmp_path: Path) -> None:
    assert steps(gpu, Up, (3, 6, 10), tmp_path) == ["qi.conv2d"] * 5
