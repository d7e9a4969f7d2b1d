"""Pixels are repeated where they are made, whichever layers are joined, and have their bits."""

from pathlib import Path

import pytest
import torch
from support.ptx.gpu import Gpu
from support.ptx.networks import steps
from support.ptx.session import gpu
from torch import nn

__all__ = ["gpu"]


class Enlarged(nn.Module):
    """As YOLO's neck is: what a layer makes is enlarged and joined with what was there before, of a larger scale."""

    def __init__(self, times: tuple[int, int]) -> None:
        super().__init__()
        self.times = times
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 12, times, stride=times)
        self.third = nn.Conv2d(28, 5, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = 4 * self.first(x)
        small = nn.functional.silu(self.second(x))
        large = nn.functional.interpolate(small, scale_factor=tuple(map(float, self.times)), mode="nearest")
        return self.third(torch.cat([large, x], 1)), small


@pytest.mark.parametrize(("times", "repeats"), [((2, 2), 0), ((1, 3), 0), ((3, 2), 1)])
def test_a_layer_repeats_what_it_makes(gpu: Gpu, tmp_path: Path, times: tuple[int, int], repeats: int) -> None:
    made = steps(gpu, lambda: Enlarged(times), (3, 6, 12), tmp_path)
    assert made == ["qi.conv2d"] * 2 + ["qi.repeat"] * repeats + ["qi.conv2d"]
