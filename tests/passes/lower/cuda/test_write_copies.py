"""Kernels write copies of what they make or read, too, and all have their bits.

A network with scales for every channel is in `tests/compiler/networks/test_on_gpu.py`.
"""

from pathlib import Path

import numpy as np
import torch
from support.meaning import ROOT, parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu, steps
from support.ptx.session import gpu
from torch import nn

__all__ = ["gpu"]

CASES = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "write-copies.mlir").read_text().split("// -----")


def test_the_norm_writes_both(gpu: Gpu, tmp_path: Path) -> None:
    module = parse(CASES[0])
    x = np.random.default_rng(0).uniform(-2, 120, (3, 3, 8)).astype(np.float32)
    with module.context:
        assert check_on_gpu(gpu, module, x, tmp_path / "m.dyq") == ["qi.layer_norm", "qi.add"]


class Dense(nn.Module):
    """As DenseNet is, but that what is joined has a larger scale each time."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 10, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in (10, 15))
        self.layers = nn.ModuleList(nn.Conv2d(n, 5, 3, padding=1) for n in (10, 15))
        for number in self.norms.parameters():
            nn.init.normal_(number)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = torch.cat([x, 5 * layer(torch.relu(norm(x)))], 1)
        return x


def test_a_scale_of_channels_copies_what_it_reads(gpu: Gpu, tmp_path: Path) -> None:
    assert steps(gpu, Dense, (3, 5, 7), tmp_path) == ["qi.conv2d"] * 5


class Split(nn.Module):
    """As YOLO's blocks are: halves of what a layer makes are joined, the second with other readers, and what is added
    to it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 20, 3, padding=1), nn.Conv2d(10, 10, 3, padding=1)
        self.last = nn.Conv2d(40, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = nn.functional.silu(self.first(x)).split(10, 1)
        added = right + nn.functional.silu(self.second(right))
        return self.last(torch.cat([left, right, added, 30 * self.second(added)], 1))


def test_a_layer_copies_what_it_makes(gpu: Gpu, tmp_path: Path) -> None:
    assert steps(gpu, Split, (3, 5, 7), tmp_path) == ["qi.conv2d"] * 4


class Skipped(nn.Module):
    """A layer in groups, and one of tokens, whose results are joined with what is made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(12, 36, 3, padding=1, groups=3), nn.Conv2d(36, 10, 3, padding=1)
        self.third, self.fourth = nn.Linear(46, 18), nn.Linear(18, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x = torch.cat([x, 4 * self.second(x)], 1).flatten(2).transpose(1, 2)
        x = self.third(x)
        return torch.cat([4 * self.fourth(x), x], 2)


def test_groups_and_tokens_are_copied(gpu: Gpu, tmp_path: Path) -> None:
    assert steps(gpu, Skipped, (12, 4, 5), tmp_path) == ["qi.conv2d", "qi.conv2d", "qi.linear", "qi.linear"]


class Pooled(nn.Module):
    """As one level of a U-Net is: a pool reads a result, which is joined with more of the same size."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 20, 3, padding=1), nn.Conv2d(20, 10, 3, padding=1)
        self.last = nn.Conv2d(30, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = nn.functional.silu(self.first(x))
        return nn.functional.max_pool2d(x, 2), self.last(torch.cat([x, 30 * self.second(x)], 1))


def test_a_layer_pools_and_copies(gpu: Gpu, tmp_path: Path) -> None:
    assert steps(gpu, Pooled, (3, 4, 6), tmp_path) == ["qi.conv2d"] * 3


class Windows(nn.Module):
    """As where pools of several sizes are joined: one has other readers, one has none."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 10, 3, padding=1), nn.Conv2d(10, 6, 3, padding=1)
        self.last = nn.Conv2d(26, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        y, z = (nn.functional.max_pool2d(x, n, 1, n // 2) for n in (3, 7))
        return self.last(torch.cat([y, z, 30 * self.second(y)], 1))


def test_a_pool_copies_what_it_makes(gpu: Gpu, tmp_path: Path) -> None:
    expected = ["qi.conv2d", "qi.max_pool", "qi.max_pool", "qi.conv2d", "qi.conv2d"]
    assert sorted(steps(gpu, Windows, (3, 5, 7), tmp_path)) == sorted(expected)
