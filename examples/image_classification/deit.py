"""DeiT as a torch module: images [N, 3, size, size] in, logits [N, classes] out.

Parameters have the names that timm and facebookresearch/deit give them, so that their checkpoints load as they are;
sizes are read from the tensors. A distilled DeiT, which has a second token and head, is refused.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

HEAD_WIDTH = 64  # of DeiT-tiny, -small and -base
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pixels that they were trained on, red first


class PatchEmbedding(nn.Module):
    """Patches of the image as tokens [N, patches, width]."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Every token looks at every other, in `heads` ways; queries, keys and values are one product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        shape = (batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = self.qkv(x).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        context = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(context.transpose(1, 2).reshape(batch, tokens, width))


class Perceptron(nn.Module):
    """Two layers with GELU between."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and perceptron, each of what is normalized, and added to what it was made from."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Perceptron(width, inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Deit(nn.Module):
    """`forward(image)`: pixels less MEAN over DEVIATION [N, 3, size, size] to logits [N, classes]. As it is, tiny."""

    def __init__(
        self,
        size: int = 224,
        patch: int = 16,
        width: int = 192,
        depth: int = 12,
        heads: int | None = None,
        inner: int | None = None,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.size = size
        self.patch_embed = PatchEmbedding(width, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (size // patch) ** 2, width))
        self.blocks = nn.Sequential(
            *(Block(width, heads or width // HEAD_WIDTH, inner or 4 * width) for _ in range(depth))
        )
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(image)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def random(seed: int = 0, **sizes: int) -> Deit:
    """One that has learned nothing: it shows the way, its classes mean nothing."""
    torch.manual_seed(seed)
    model = Deit(**sizes)
    for parameter in (model.cls_token, model.pos_embed):
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


def trained(path: Path) -> Deit:
    """The network of a checkpoint: a `.safetensors` file, or what `torch.save` wrote, at best a state dict.

    Raises:
        ValueError: it is of another network.
    """
    found = safetensors(path) if path.suffix == ".safetensors" else saved(path)
    if "dist_token" in found:
        raise ValueError(f"{path}: a distilled DeiT has a second token; take the one without distillation")
    if missing := {"cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight", "head.weight"} - {
        *found
    }:
        raise ValueError(
            f"{path}: no {', '.join(sorted(missing))} in it; needed are timm's or facebook's names of a DeiT"
        )
    patch, width = found["patch_embed.proj.weight"].shape[-1], found["cls_token"].shape[-1]
    model = Deit(
        size=round((found["pos_embed"].shape[1] - 1) ** 0.5) * patch,
        patch=patch,
        width=width,
        depth=1 + max(int(block[1]) for name in found if (block := re.match(r"blocks\.(\d+)\.", name))),
        inner=len(found["blocks.0.mlp.fc1.weight"]),
        classes=len(found["head.weight"]),
    )
    try:
        model.load_state_dict({name: value.float() for name, value in found.items()})
    except RuntimeError as error:
        raise ValueError(f"{path}: {error}") from error
    return model.eval()


def saved(path: Path) -> dict[str, torch.Tensor]:
    """What `torch.save` wrote; facebook's files hold the state dict under "model"."""
    found = torch.load(path, map_location="cpu", weights_only=True)
    return found.get("model", found)


def safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The length of a JSON header, the header, and the numbers it is about, of 32 or 16 bits."""
    kinds, data = {"F32": np.float32, "F16": np.float16}, path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, said in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        if said["dtype"] not in kinds:
            raise ValueError(f"{path}: {name} is {said['dtype']}, read are {' and '.join(kinds)}")
        begin, end = said["data_offsets"]
        values = np.frombuffer(data[start + begin : start + end], kinds[said["dtype"]])
        found[name] = torch.from_numpy(values.reshape(said["shape"]).copy())
    return found
