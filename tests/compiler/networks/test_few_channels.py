"""Convolutions that read or make few channels at a time: artifacts equal the integer reference, at every level."""

from pathlib import Path

import pytest
import torch
from support.every_level import check
from support.meaning import prepared
from support.random_graphs import integers_of
from torch import nn
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context


class Grouped(nn.Module):
    """4, 8, 2 and 1 channels made a group, from as many, more or fewer; then groups that fill no vector."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(16, 32, 3, padding=1, groups=4), nn.Conv2d(32, 32, 3, 2, 1, groups=8)]
        layers += [nn.Conv2d(32, 64, 3, padding=1, groups=8), nn.Conv2d(64, 32, 1, groups=16)]
        layers += [nn.Conv2d(32, 16, (1, 3), dilation=2, padding=(0, 2), groups=2), nn.Conv2d(16, 12, 3, groups=4)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Signal(nn.Module):
    """One channel: a long kernel with a stride, and one of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.sound, self.grey = nn.Conv1d(1, 20, 13, 4, 6), nn.Conv2d(1, 5, (3, 3), (1, 2), 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.sound(x.flatten(2)), self.grey(x)


@pytest.mark.parametrize("mixed", [False, True], ids=["8 bits", "4, 8 and 16 bits"])
@pytest.mark.parametrize(
    ("module", "dims"), [(Grouped(), (16, 6, 7)), (Signal(), (1, 5, 37))], ids=["grouped", "signal"]
)
def test_few_channels(module: nn.Module, dims: tuple[int, ...], mixed: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    with new_context() as context, ir.Location.unknown():
        graph = prepared(import_torch(module.eval(), (torch.zeros(1, *dims),), context))
        graph = ir.Module.parse(str(graph).replace('qd.name = "x"', 'qd.name = "arg0"'))
        assert "qi.conv2d" in check(*integers_of(graph, 0, mixed=mixed), tmp_path / "m.dyq")
