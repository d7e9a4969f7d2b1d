"""Equalizing channels changes no result, whatever they pass through, and leaves alone what does not commute."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.meaning import assert_close, assert_unchanged, lit_functions, outputs, prepared, random_inputs
from torch import nn
from torch.nn import functional as f

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import function_bodies
from dyadic.passes.prepare.equalize_channels import equalize_channels, unevenness

FUNCTIONS = lit_functions("prepare", "equalize-channels")


class Network(nn.Module):
    """first -> what lies between -> last, with channels between them of sizes over 10^4 in any order."""

    def __init__(self, between: Callable[..., torch.Tensor], reads: int = 8, flat: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.between = between
        self.first, self.other = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Linear(reads, 5) if flat else nn.Conv2d(reads, 5, 1)
        sizes = torch.logspace(-2, 2, 8)[torch.randperm(8)]
        repeated = sizes.repeat_interleave(reads // 8) if flat else sizes.repeat(reads // 8)
        with torch.no_grad():
            for layer in (self.first, self.other, self.middle):
                layer.weight *= sizes[:, None, None, None]
                assert layer.bias is not None
                layer.bias *= sizes
            self.middle.weight /= sizes[None, :, None, None]
            self.last.weight /= repeated.reshape(1, -1, *(1,) * (self.last.weight.ndim - 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.first(x), self.other(x)
        return self.last(self.between(self, a, b))


CASES: dict[str, tuple[Callable[..., torch.Tensor], int, bool]] = {
    "relu": (lambda n, a, b: a.relu(), 8, False),
    "leaky": (lambda n, a, b: f.leaky_relu(a, 0.1), 8, False),
    "residual": (lambda n, a, b: (n.middle(a.relu()) + a.relu()).relu(), 8, False),
    "two makers": (lambda n, a, b: a - b, 8, False),
    "two readers": (lambda n, a, b: n.middle(b.relu()) + a - b, 8, False),
    "max pool": (lambda n, a, b: f.max_pool2d(a.relu(), 2), 8, False),
    "avg pool": (lambda n, a, b: f.avg_pool2d(a.relu(), 3, 1, 1), 8, False),
    "padded": (lambda n, a, b: f.pad(a, (1, 2, 0, 1)), 8, False),
    "concat": (lambda n, a, b: torch.cat([a.relu(), b], 1), 16, False),
    "rows": (lambda n, a, b: torch.cat([a.relu(), b], 2), 8, False),
    "mean": (lambda n, a, b: a.relu().mean((2, 3)), 8, True),
    "flattened": (lambda n, a, b: f.max_pool2d(a, 3).flatten(1), 32, True),
    "transposed": (lambda n, a, b: a.permute(0, 2, 3, 1).relu().permute(0, 3, 1, 2), 8, False),
}


def test_layers_without_a_bias_share_zeros_and_are_rescaled_all_the_same() -> None:
    class Two(Network):
        second: nn.Conv2d

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.first(x).relu()
            return torch.cat([self.last(y), self.second(y)], 1)

    network = Two(lambda n, a, b: a)
    network.last, network.second = (nn.Conv2d(8, 5, size, padding=size // 2, bias=False) for size in (1, 3))
    with torch.no_grad():
        sizes = network.first.weight.abs().amax((1, 2, 3))[None, :, None, None]
        network.last.weight /= sizes
        network.second.weight /= sizes
    with new_context() as context:
        module = prepared(import_torch(network.eval(), (torch.zeros(1, 3, 8, 8),), context))
        (block,) = function_bodies(module)
        assert unevenness(block) > 100
        inputs = random_inputs(module)
        before = outputs(module, *inputs)
        equalize_channels.run(module.operation)
        assert_close(outputs(module, *inputs), before, 1e-4)
        assert unevenness(block) < 2


@pytest.mark.parametrize("title", FUNCTIONS)
def test_results_stay(title: str) -> None:
    assert_unchanged(equalize_channels, FUNCTIONS[title])


@pytest.mark.parametrize("case", CASES)
def test_uneven_channels_become_even_wherever_they_go(case: str) -> None:
    network = Network(*CASES[case]).eval()
    with new_context() as context:
        module = prepared(import_torch(network, (torch.zeros(1, 3, 8, 8),), context))
        (block,) = function_bodies(module)
        assert unevenness(block) > 100
        inputs = random_inputs(module)
        before = outputs(module, *inputs)
        equalize_channels.run(module.operation)
        assert_close(outputs(module, *inputs), before, 1e-4)
        assert unevenness(block) < 2


@pytest.mark.parametrize(
    "between",
    [
        lambda n, a, b: a.clamp(0, 6),
        lambda n, a, b: a.sigmoid(),
        lambda n, a, b: a * b,
        lambda n, a, b: a + b.mean((2, 3), keepdim=True),
    ],
)
def test_what_does_not_commute_stays(between: Callable[..., torch.Tensor]) -> None:
    network = Network(between).eval()
    with new_context() as context:
        module = prepared(import_torch(network, (torch.zeros(1, 3, 8, 8),), context))
        text = str(module)
        equalize_channels.run(module.operation)
        assert unevenness(function_bodies(module)[0]) == 1.0
        assert np.array_equal(str(module).splitlines(), text.splitlines())
