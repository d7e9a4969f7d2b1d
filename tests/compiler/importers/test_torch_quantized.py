"""Torch modules that round to integers themselves: of quantization-aware training, and as pt2e writes them."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # the operators that pt2e writes
from support.quantized_models import IntegerReference
from torch import nn
from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver, PerChannelMinMaxObserver

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job


def activation() -> FakeQuantize:
    return FakeQuantize(MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=torch.quint8)


def weights() -> FakeQuantize:
    symmetric = torch.per_channel_symmetric
    return FakeQuantize(
        PerChannelMinMaxObserver, quant_min=-128, quant_max=127, dtype=torch.qint8, qscheme=symmetric, ch_axis=0
    )


class Trained(nn.Module):
    """As quantization-aware training has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.classes = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)
        self.rounds = nn.ModuleList([activation() for _ in range(4)])
        self.weights = nn.ModuleList([weights() for _ in range(2)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weights[0](self.conv.weight)
        a = torch.relu(nn.functional.conv2d(self.rounds[0](x), weight, self.conv.bias, padding=1))
        pooled = self.rounds[2](self.rounds[1](a).mean((2, 3)))
        return self.rounds[3](nn.functional.linear(pooled, self.weights[1](self.classes.weight), self.classes.bias))


class Converted(nn.Module):
    """As pt2e has it: codes of weights, and scales in the program."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.classes = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)
        for name in ("conv", "classes"):
            weight = getattr(self, name).weight.detach()
            scale = weight.abs().flatten(1).amax(1) / 127
            codes = (weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8)
            self.register_buffer(f"{name}_codes", codes)
            self.register_buffer(f"{name}_scale", scale)

    def real(self, name: str) -> torch.Tensor:
        codes, scale = getattr(self, f"{name}_codes"), getattr(self, f"{name}_scale")
        points = torch.zeros(len(scale), dtype=torch.int64)
        operators: Any = torch.ops.quantized_decomposed
        return operators.dequantize_per_channel(codes, scale, points, 0, -128, 127, torch.int8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        operators: Any = torch.ops.quantized_decomposed

        def rounded(x: torch.Tensor, scale: float, point: int) -> torch.Tensor:
            codes = operators.quantize_per_tensor(x, scale, point, 0, 255, torch.uint8)
            return operators.dequantize_per_tensor(codes, scale, point, 0, 255, torch.uint8)

        a = torch.relu(nn.functional.conv2d(rounded(x, 0.03, 128), self.real("conv"), self.conv.bias, padding=1))
        pooled = rounded(rounded(a, 0.01, 0).mean((2, 3)), 0.005, 0)
        return rounded(nn.functional.linear(pooled, self.real("classes"), self.classes.bias), 0.01, 120)


@pytest.mark.parametrize("kind", [Trained, Converted])
def test_answers_are_torchs_within_a_step(kind: type[nn.Module]) -> None:
    """Without calibration data; and modules are afterwards as they were."""
    torch.manual_seed(0)
    module, x = kind(), torch.randn(64, 3, 8, 8)
    if isinstance(module, Trained):
        module(x)
        for each in module.modules():
            if isinstance(each, FakeQuantize):
                each.disable_observer()
    module.eval()
    wanted = module(x).detach().numpy()
    step = float(module.state_dict().get("rounds.3.scale", torch.tensor(0.01)))
    network = network_after("integerize", Job(module, None, example_inputs=(x[:1],), progress="off"))
    with network.context:
        (answer,) = IntegerReference(network)({"x": x.numpy()}).values()
    steps = np.rint(np.abs(answer - wanted) / step)
    assert steps.max() <= 1 and (steps != 0).mean() < 0.15
    assert np.array_equal(module(x).detach().numpy(), wanted)
    assert not any("forward" in vars(each) for each in module.modules())
