"""Transformer encoders: the blocks, DeiT-tiny (Touvron et al., 2021), BERT-base and MiniLM-L6 as plain modules."""

import torch
from torch import nn

from benchmarks.networks.seeded import lived_in


class Attention(nn.Module):
    """Multi-head attention of all tokens on all, `products` multiply-accumulates a token beside its linear layers."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.q, self.k, self.v, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.reshape(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        scores = torch.matmul(q, k.transpose(2, 3)) * self.scale
        mixed = torch.matmul(scores.softmax(-1), v).transpose(1, 2)
        return self.proj(mixed.reshape(x.shape))


class Mlp(nn.Sequential):
    def __init__(self, width: int, hidden: int):
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class Block(nn.Module):
    """`first`: normalized before attention and MLP (ViT), not behind their additions (BERT)."""

    def __init__(self, width: int, heads: int, hidden: int, *, first: bool, epsilon: float):
        super().__init__()
        self.first = first
        self.norm1, self.norm2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.attention, self.mlp = Attention(width, heads), Mlp(width, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.first:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


class VisionTransformer(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, classes: int, size: int = 224, patch: int = 16):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(
            *(Block(width, heads, 4 * width, first=True, epsilon=1e-6) for _ in range(depth)),
        )
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class TextEncoder(nn.Module):
    """Token numbers [N, L] to one vector a text: the mean of its tokens. Every token is there: no mask."""

    def __init__(self, width: int, depth: int, heads: int, length: int, words: int = 30522):
        super().__init__()
        self.words, self.position = nn.Embedding(words, width), nn.Parameter(torch.zeros(1, length, width))
        self.norm = nn.LayerNorm(width, 1e-12)
        self.blocks = nn.Sequential(
            *(Block(width, heads, 4 * width, first=False, epsilon=1e-12) for _ in range(depth)),
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.norm(self.words(ids) + self.position)).mean(1)


def seeded(network: nn.Module) -> nn.Module:
    """`lived_in`, with embeddings and norms that no two channels have alike."""
    lived_in(network)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
                module.bias.copy_(torch.randn(module.bias.shape, generator=generator) * 0.2)
            elif isinstance(module, nn.Embedding):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
            elif isinstance(module, Attention):
                module.proj.weight.mul_(0.5)
            for parameter in module.parameters(recurse=False):
                if parameter.dim() == 3:  # class tokens and positions
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return network.eval()


def deit_tiny(classes: int = 1000) -> nn.Module:
    return seeded(VisionTransformer(192, 12, 3, classes))


def bert_base(length: int = 128) -> nn.Module:
    return seeded(TextEncoder(768, 12, 12, length))


def minilm(length: int) -> nn.Module:
    return seeded(TextEncoder(384, 6, 12, length))
