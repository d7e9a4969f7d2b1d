"""What sums over windows, rows and time, in whole networks on the GPU for tests: the bits of the integer reference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.effort import slow
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch import nn
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job

__all__ = ["gpu"]


class Last(nn.Module):
    """The result of a recurrent layer alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)[0]


def depthwise(channels: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "depthwise": (
        nn.Sequential(
            nn.Conv2d(3, 20, 3, 2, 1), nn.ReLU(), depthwise(20, 3), nn.ReLU6(), nn.MaxPool2d(3, 2, 1),
            depthwise(20, 5, 2),
            nn.Conv2d(20, 9, 1), nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), nn.AdaptiveAvgPool2d(1),
        ),
        (3, 22, 26),
    ),
    "norms": (
        nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.InstanceNorm2d(16, affine=True), nn.ReLU(), nn.Conv2d(16, 12, 3),
            nn.GroupNorm(3, 12), nn.Flatten(), nn.Linear(12 * 48, 40), nn.LayerNorm(40), nn.Linear(40, 10),
            nn.Softmax(-1),
        ),
        (3, 12, 10),
    ),
    "root mean square": (nn.Sequential(nn.Linear(24, 33), nn.RMSNorm(33), nn.Linear(33, 8)), (5, 24)),
    "lstm": (nn.Sequential(Last(nn.LSTM(10, 20, batch_first=True, bidirectional=True)), nn.Linear(40, 5)), (7, 10)),
    "gru": (nn.Sequential(Last(nn.GRU(10, 18, 2, batch_first=True)), nn.LayerNorm(18)), (6, 10)),
    "rnn": (Last(nn.RNN(10, 12, batch_first=True)), (6, 10)),
}  # fmt: skip


QUICK = [("depthwise", 8), ("lstm", 8), ("norms", 16)]
EVERY = [(name, bits) for name in NETWORKS for bits in (8, 16)]


@pytest.mark.parametrize(("name", "bits"), [*QUICK, *slow(one for one in EVERY if one not in QUICK)])
def test_it_gives_the_bits_of_the_reference(gpu: Gpu, tmp_path: Path, name: str, bits: int) -> None:
    torch.manual_seed(0)
    model, size = NETWORKS[name]
    x = np.random.default_rng(0).normal(size=(8, *size)).astype(np.float32)
    precision = "w8a16" if bits == 16 else "int8"
    network = network_after(
        "integerize", Job(model.eval(), x, example_inputs=(torch.from_numpy(x[:1]),), precision=precision)
    )
    with network.context, ir.Location.unknown():
        check_on_gpu(gpu, network, x[:3], tmp_path / "m.dyq")
