"""Networks that change the size of images: artifacts equal the integer reference bit for bit, at every level."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.every_level import check
from support.meaning import assert_close, outputs, prepared
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from support.random_graphs import integers_of
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context

__all__ = ["gpu"]

interpolate = torch.nn.functional.interpolate


class Nearest(torch.nn.Module):
    """By whole factors, and by others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 20, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        y = self.conv(x)
        sizes = [{"scale_factor": 2.0}, {"scale_factor": 1.5}, {"size": (3, 4)}, {"size": (12, 4)}]
        return [interpolate(y, **how) for how in sizes]


class Between(torch.nn.Module):
    """Bilinear: exact weights and others, larger and smaller, with a clamp; by rows alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 70, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        y = self.conv(x)
        larger = interpolate(y, scale_factor=2.0, mode="bilinear")
        corners = interpolate(y[:, :21], size=(9, 5), mode="bilinear", align_corners=True)
        row = interpolate(x[:, :, 0], scale_factor=1.5, mode="linear")
        return larger, torch.relu(corners), row


class Transposed(torch.nn.Module):
    """With and without what is cropped, in groups, one channel a group, of one dimension; and blocks of pixels."""

    def __init__(self) -> None:
        super().__init__()
        layers = torch.nn
        self.doubled = layers.Sequential(layers.ConvTranspose2d(3, 20, 2, 2), layers.BatchNorm2d(20), layers.ReLU())
        self.cropped = layers.ConvTranspose2d(20, 6, 4, 2, 1, groups=2)
        self.alone = layers.ConvTranspose2d(6, 6, 3, 2, 1, output_padding=1, groups=6)
        self.row = layers.ConvTranspose1d(3, 5, 5, 3, 2)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        y = self.cropped(self.doubled(x))
        return self.alone(y[:, :, ::4, ::4]), torch.pixel_unshuffle(y, 2), self.row(x[:, :, 0])


def network(module: torch.nn.Module, *, mixed: bool) -> tuple[ir.Module, np.ndarray]:
    """Its integers, and samples. Needs a current context."""
    torch.manual_seed(0)
    graph = prepared(import_torch(module.eval(), (torch.zeros(1, 3, 6, 7),), ir.Context.current))
    graph = ir.Module.parse(str(graph).replace('qd.name = "x"', 'qd.name = "arg0"'))
    return integers_of(graph, 0, mixed=mixed)


def compiled(module: torch.nn.Module, path: Path, *, mixed: bool) -> list[str]:
    """The ops of the steps of an artifact that is right."""
    with new_context(), ir.Location.unknown():
        return check(*network(module, mixed=mixed), path)


@pytest.mark.parametrize("mixed", [False, True], ids=["8 bits", "4, 8 and 16 bits"])
def test_nearest(mixed: bool, tmp_path: Path) -> None:
    steps = compiled(Nearest(), tmp_path / "m.dyq", mixed=mixed)
    assert {"qi.repeat", "qi.take"} <= set(steps)


@pytest.mark.parametrize("mixed", [False, True], ids=["8 bits", "4, 8 and 16 bits"])
def test_between_pixels(mixed: bool, tmp_path: Path) -> None:
    steps = compiled(Between(), tmp_path / "m.dyq", mixed=mixed)
    assert steps.count("qi.interpolate") == 3


@pytest.mark.parametrize("mixed", [False, True], ids=["8 bits", "4, 8 and 16 bits"])
def test_transposed_convolutions(mixed: bool, tmp_path: Path) -> None:
    steps = compiled(Transposed(), tmp_path / "m.dyq", mixed=mixed)
    assert steps.count("qi.conv2d") == 4 and (mixed or "qi.requant" not in steps)


class Windows(torch.nn.Module):
    """Largest entries of any dimensions, pools of rows and of parts, borders of the image's own pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        y, pool = self.conv(x), torch.nn.functional
        largest = [y.amax((2, 3)), y.permute(0, 2, 3, 1).amax((1, 2)), y.amax(1, keepdim=True), y.amin((1, 3))]
        rows = [pool.max_pool1d(y[:, :, 0], 3, 2, 1), pool.avg_pool1d(y[:, :, 1], 2)]
        borders = [pool.pad(y, (2, 3, 1, 2), mode=mode) for mode in ("reflect", "replicate", "circular")]
        return *largest, *rows, pool.adaptive_avg_pool2d(y, (4, 5)), *borders


class Volumes(torch.nn.Module):
    """Convolutions and pools over depths, rows and columns."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv3d(1, 4, (3, 3, 2), (2, 2, 1), (1, 1, 0))
        self.norm = torch.nn.BatchNorm3d(4)
        self.second = torch.nn.Conv3d(4, 4, 3, 1, 2, dilation=2, groups=2)

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        pool = torch.nn.functional
        y = torch.relu(self.norm(self.first(x[:, None])))
        z = self.second(y)
        return z, pool.max_pool3d(z, 2, 1, 1), pool.avg_pool3d(y, (1, 2, 2)), pool.adaptive_avg_pool3d(z, 1)


@pytest.mark.parametrize("module", [Windows(), Volumes()], ids=["windows", "volumes"])
def test_windows(module: torch.nn.Module, tmp_path: Path) -> None:
    assert set(compiled(module, tmp_path / "m.dyq", mixed=False))


@pytest.mark.parametrize("module", [Nearest(), Between(), Transposed(), Windows(), Volumes()])
def test_they_are_right_on_a_gpu(gpu: Gpu, module: torch.nn.Module, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        check_on_gpu(gpu, *network(module, mixed=True), tmp_path / "m.dyq")


@pytest.mark.parametrize("module", [Windows(), Volumes()], ids=["windows", "volumes"])
def test_windows_mean_what_torch_makes(module: torch.nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 7)
    graph = prepared(import_torch(module.eval(), (x,), new_context()))
    with torch.no_grad():
        assert_close(outputs(graph, x.numpy()), [one.numpy() for one in module(x)], 3e-6)
