"""Small torch modules from one function, and what import makes of them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context

IMAGE = (1, 4, 7, 6)


class Function(nn.Module):
    """`compute(self, x)` with tensors or layers of its own."""

    def __init__(self, compute: Callable[..., Any], **parts: nn.Module | torch.Tensor):
        super().__init__()
        self.compute = compute
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.compute(self, x)


def made(compute: Callable[..., Any], **parts: Any) -> Callable[[], nn.Module]:
    """A function that makes the module anew, with seeded numbers and batch norms that lived."""

    def make() -> nn.Module:
        torch.manual_seed(0)
        module = Function(compute, **{name: part() for name, part in parts.items()})
        with torch.no_grad():
            for layer in module.modules():
                if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
                    for values in (layer.running_mean, layer.running_var, layer.weight, layer.bias):
                        if values is not None:
                            values.copy_(torch.rand(values.shape) + 0.2)
        return module.eval()

    return make


def imported(module: nn.Module) -> ir.Module:
    return import_torch(module, (torch.zeros(IMAGE),), new_context())
