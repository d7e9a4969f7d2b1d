"""The networks that are measured and tested, as torchvision defines them, with seeded weights."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.networks.densenet import densenet121
from benchmarks.networks.efficientnet import efficientnet_b0
from benchmarks.networks.inception import inception_v3
from benchmarks.networks.mobilenet import mobilenet_v2
from benchmarks.networks.resnet import resnet18, resnet50
from benchmarks.networks.squeezenet import squeezenet1_1
from benchmarks.networks.vgg import vgg16


@dataclass(frozen=True)
class Network:
    """`size` is the height and width of its images."""

    make: Callable[[], nn.Module]
    size: int = 224


NETWORKS = {
    "resnet18": Network(resnet18),
    "resnet50": Network(resnet50),
    "mobilenet_v2": Network(mobilenet_v2),
    "inception_v3": Network(inception_v3, 299),
    "vgg16": Network(vgg16),
    "squeezenet1_1": Network(squeezenet1_1),
    "densenet121": Network(densenet121),
    "efficientnet_b0": Network(efficientnet_b0),
}


def macs(network: nn.Module, size: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image: the same for whoever runs it."""
    total = 0

    def count(module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d | nn.Linear)
        total += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return total
