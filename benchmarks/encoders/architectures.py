"""The transformer encoders that people bring, small and with random weights, from `timm`, `transformers` and torch.

An architecture is a function that makes a module and one input of each kind; its library is imported where it runs.
"""

import torch
from torch import nn

from benchmarks.encoders.images import IMAGES
from benchmarks.encoders.modules import TOKENS, Architecture, Inputs
from benchmarks.encoders.sounds import SOUNDS
from benchmarks.encoders.texts import TEXTS
from benchmarks.encoders.timm_images import TIMM


def encoder() -> tuple[nn.Module, Inputs]:
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True, activation="gelu", norm_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(1, TOKENS, 32),)


def post_encoder() -> tuple[nn.Module, Inputs]:
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(1, TOKENS, 32),)


class Batch2nd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(0, 1)
        return self.attention(x, x, x, need_weights=False)[0].transpose(0, 1)


def attention() -> tuple[nn.Module, Inputs]:
    return Batch2nd(), (torch.randn(1, TOKENS, 32),)


ARCHITECTURES: dict[str, Architecture] = {
    **TIMM,
    **IMAGES,
    **TEXTS,
    **SOUNDS,
    "nn.TransformerEncoder/torch": encoder,
    "nn.TransformerEncoder post/torch": post_encoder,
    "nn.MultiheadAttention/torch": attention,
}
