"""The networks that are measured and tested, as torchvision defines them, with seeded weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.networks.densenet import densenet121
from benchmarks.networks.efficientnet import efficientnet_b0
from benchmarks.networks.encoder import Attention, bert_base, deit_tiny, minilm
from benchmarks.networks.inception import inception_v3
from benchmarks.networks.mobilenet import mobilenet_v2
from benchmarks.networks.resnet import resnet18, resnet50, resnext50_32x4d
from benchmarks.networks.seeded import images, sounds
from benchmarks.networks.segmentation import lraspp_mobilenet_v3, unet
from benchmarks.networks.sound import m5, wav2letter
from benchmarks.networks.squeezenet import squeezenet1_1
from benchmarks.networks.vgg import vgg16
from benchmarks.networks.yolo import yolov8n

WORDS = 30522  # of the vocabulary that token numbers are of


@dataclass(frozen=True)
class Network:
    """`size` is the height and width of its images; of a network that reads text, `tokens` is how many it reads; of one
    that hears, `sound` are channels and length.
    """

    make: Callable[[], nn.Module]
    size: int = 224
    tokens: int = 0
    sound: tuple[int, int] | None = None

    def samples(self, count: int, seed: int) -> npt.NDArray[Any]:
        """Seeded inputs: images, signals, or token numbers."""
        if self.sound:
            return sounds(count, *self.sound, seed)
        if not self.tokens:
            return images(count, self.size, seed)
        return np.random.default_rng(seed).integers(0, WORDS, (count, self.tokens), dtype=np.int64)


NETWORKS = {
    "resnet18": Network(resnet18),
    "resnet50": Network(resnet50),
    "mobilenet_v2": Network(mobilenet_v2),
    "inception_v3": Network(inception_v3, 299),
    "vgg16": Network(vgg16),
    "squeezenet1_1": Network(squeezenet1_1),
    "densenet121": Network(densenet121),
    "efficientnet_b0": Network(efficientnet_b0),
    "deit_tiny": Network(deit_tiny),
    "bert_base_128": Network(bert_base, tokens=128),
    "minilm_128": Network(partial(minilm, 128), tokens=128),
    "minilm_32": Network(partial(minilm, 32), tokens=32),
    "resnext50_32x4d": Network(resnext50_32x4d),
    "yolov8n": Network(yolov8n, 640),
    "lraspp_mobilenet_v3": Network(lraspp_mobilenet_v3, 512),
    "unet": Network(unet, 256),
    "m5": Network(m5, sound=(1, 16000)),
    "wav2letter": Network(wav2letter, sound=(39, 296)),
}


def macs(network: nn.Module, one: npt.NDArray[Any]) -> int:
    """Multiply-accumulates of convolutions, linear layers and attention for one input: the same for whoever runs it."""
    total = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, Attention):  # scores, and what they weigh
            total += 2 * inputs[0].shape[1] * inputs[0].numel()
        else:
            assert isinstance(module, kinds)
            taken = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
            total += taken.numel() * module.weight[0].numel()

    kinds = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    counted = [m for m in network.modules() if isinstance(m, (*kinds, Attention))]
    hooks = [m.register_forward_hook(count) for m in counted]
    with torch.inference_mode():
        network(torch.from_numpy(one))
    for hook in hooks:
        hook.remove()
    return total
