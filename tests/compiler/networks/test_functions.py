"""Functions of 8 and of 16 bits: artifacts equal the integer reference bit for bit, at every level."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.every_level import check
from support.meaning import prepared
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from support.random_graphs import integers_of
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context

__all__ = ["gpu"]


class Functions(torch.nn.Module):
    """Smooth ones, two that are steep near 0 and one that jumps, over channels that fill no vector."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 21, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        y = self.conv(x)
        smooth = torch.nn.functional.gelu(y) + torch.nn.functional.silu(y)
        parts = y / (y.abs().sum(1, keepdim=True) + 0.1), y[:, :, :1] / (y * y + 0.1)
        return torch.relu(smooth), torch.log(y * y + 0.01), torch.sqrt(torch.sigmoid(y)), torch.floor(4 * y), *parts


def network(context: ir.Context, mixed: bool) -> tuple[ir.Module, np.ndarray]:
    """Its integers, and samples."""
    torch.manual_seed(0)
    graph = prepared(import_torch(Functions().eval(), (torch.zeros(1, 3, 6, 7),), context))
    graph = ir.Module.parse(str(graph).replace('qd.name = "x"', 'qd.name = "arg0"'))
    return integers_of(graph, 0, mixed=mixed)


@pytest.mark.parametrize("mixed", [False, True], ids=["8 bits", "4, 8 and 16 bits"])
def test_functions(mixed: bool, tmp_path: Path) -> None:
    with new_context() as context, ir.Location.unknown():
        steps = check(*network(context, mixed), tmp_path / "m.dyq")
    assert steps.count("qi.piecewise_linear") >= 2 and steps.count("qi.div") == 2 and "qi.table" in steps


def test_functions_on_a_gpu(gpu: Gpu, tmp_path: Path) -> None:
    with new_context() as context, ir.Location.unknown():
        module, samples = network(context, mixed=True)
        steps = check_on_gpu(gpu, module, samples, tmp_path / "m.dyq")
    assert steps.count("qi.piecewise_linear") >= 2 and steps.count("qi.div") == 2
