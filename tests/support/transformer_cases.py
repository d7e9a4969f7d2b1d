"""What transformers are written with, in torch and in ONNX: images are x [N, 4, 7, 6]."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from support.onnx_models import Constants
from torch import nn

Compute = Callable[[Any, torch.Tensor], torch.Tensor]


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def windows(x: torch.Tensor) -> torch.Tensor:
    """[N, 6, 6, 4] --> [N * 4, 9, 4], as Swin does."""
    return x.view(-1, 2, 3, 2, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, 4)


def images(x: torch.Tensor) -> torch.Tensor:
    return x.view(-1, 2, 2, 3, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 6, 6, 4)


def shifted_windows(s: Any, x: torch.Tensor) -> torch.Tensor:
    """Attention inside of windows of a rolled image; windows at the border mask what was not beside each other."""
    rolled = torch.roll(x[:, :, :6].permute(0, 2, 3, 1), (-1, -2), (1, 2))
    rows = windows(rolled)
    q, k, v = s.qkv(rows).view(-1, 9, 3, 2, 2).permute(2, 0, 3, 1, 4).unbind(0)
    scores = q * 0.5 @ k.transpose(-2, -1) + s.bias
    scores = scores.view(-1, 4, 2, 9, 9) + s.mask.unsqueeze(1).unsqueeze(0)
    rows = (scores.view(-1, 2, 9, 9).softmax(-1) @ v).transpose(1, 2).reshape(-1, 9, 4)
    return torch.roll(images(s.out(rows)), (1, 2), (1, 2))


def fused_heads(s: Any, x: torch.Tensor) -> torch.Tensor:
    """One projection, whose parts are the last but one dimension."""
    rows = x.flatten(1, 2)
    q, k, v = s.qkv(rows).view(-1, 28, 2, 3, 3).permute(0, 2, 1, 3, 4).unbind(3)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def batch_second(s: Any, x: torch.Tensor) -> torch.Tensor:
    rows = x.flatten(1, 2).transpose(0, 1)
    return s.m(rows, rows, rows, need_weights=False)[0].transpose(0, 1)


def convolved_windows(s: Any, x: torch.Tensor) -> torch.Tensor:
    """A convolution in each window by itself, as EfficientViT's."""
    parts = x.view(-1, 4, 7, 2, 3).permute(0, 3, 1, 2, 4).reshape(-1, 4, 7, 3)
    made = s.c(parts)
    height, width = made.shape[2:]
    made = made.view(-1, 2, made.shape[1], height, width).permute(0, 2, 3, 1, 4)
    return made.reshape(-1, made.shape[1], height, 2 * width)


def written_over(s: Any, x: torch.Tensor) -> torch.Tensor:
    """An assignment to a part of a tensor, as MViT adds its relative positions."""
    made = x + 1
    made[:, :, 1:5] = made[:, :, 1:5] * s.k
    made[:, :1] = 0.5
    return made


def by_distance(rows: int, columns: int, most: int) -> torch.Tensor:
    """[rows, columns] of j - i + most, within [0, 2 * most]."""
    return (torch.arange(columns) - torch.arange(rows)[:, None] + most).clamp(0, 2 * most)


def disentangled(s: Any, x: torch.Tensor) -> torch.Tensor:
    """Scores by distances from queries and from keys, as DeBERTa's, of which a constant leaves some out."""
    seen = by_distance(7, 7, 2).expand(x.shape[0], 4, 7, 7)
    scores = x @ x.transpose(-1, -2) + (x @ s.r).gather(-1, seen)
    scores = scores + (x @ s.r).gather(-1, seen).transpose(-1, -2)
    return scores.masked_fill(s.mask, -torch.inf).softmax(-1) @ x


def relative_attention(s: Any, x: torch.Tensor) -> torch.Tensor:
    """What is added to scores is computed from the queries, as in SAM."""
    bias = torch.einsum("bhwc,wkc->bhwk", x, s.r)  # of each row, by its place
    return F.scaled_dot_product_attention(x, x, x, bias)


def softmax_by_hand(s: Any, x: torch.Tensor) -> torch.Tensor:
    scores = x @ x.transpose(-1, -2)
    exponents = torch.exp(scores - scores.amax(-1, keepdim=True))
    return exponents / exponents.sum(-1, keepdim=True) @ x


def layer_norm_by_hand(s: Any, x: torch.Tensor) -> torch.Tensor:
    mean = x.mean(1, keepdim=True)
    distance = x - mean
    return distance * torch.reciprocal(torch.sqrt(distance.pow(2).mean(1, keepdim=True) + 1e-3)) * s.w + s.w


def masked(s: Any, x: torch.Tensor) -> torch.Tensor:
    scores = (x @ x.transpose(-1, -2)).masked_fill(s.mask, -torch.inf)
    weights = torch.where(s.mask, torch.zeros(()), scores.softmax(-1))
    return torch.where(torch.isnan(weights), torch.zeros(()), weights) @ x


def by_its_variance(x: torch.Tensor, variance: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    return (x - mean) * torch.rsqrt(variance + 1)


# title -> (what is computed, layers and buffers made anew, the operations that are left)
ATEN: dict[str, tuple[Compute, dict[str, Callable[[], Any]], list[str] | None]] = {
    "layer norm": (lambda s, x: s.n(x), {"n": lambda: nn.LayerNorm(6)}, ["layer_norm"]),
    "layer norm over two": (lambda s, x: F.layer_norm(x, (7, 6)), {}, ["reshape", "layer_norm", "reshape"]),
    "rms norm": (lambda s, x: s.n(x), {"n": lambda: nn.RMSNorm(6, 1e-3)}, ["rms_norm"]),
    "rms norm by hand": (lambda s, x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-3) * 3, {}, ["rms_norm"]),
    "layer norm of channels by hand": (
        layer_norm_by_hand,
        {"w": lambda: torch.rand(4, 1, 1)},
        ["transpose", "layer_norm", "transpose"],
    ),
    "variance": (
        lambda s, x: (x - x.mean((2, 3), keepdim=True)) * torch.rsqrt(x.var((2, 3), correction=1, keepdim=True) + 1),
        {},
        ["reshape", "layer_norm", "reshape"],
    ),
    "variance and mean": (
        lambda s, x: by_its_variance(x, *torch.var_mean(x, -1, correction=0, keepdim=True)),
        {},
        ["layer_norm"],
    ),
    "group norm": (
        lambda s, x: s.n(x),
        {"n": lambda: nn.GroupNorm(2, 4)},
        ["reshape", "layer_norm", "reshape"],
    ),
    "instance norm": (lambda s, x: F.instance_norm(x), {}, ["reshape", "layer_norm", "reshape"]),
    "convolution in windows": (convolved_windows, {"c": lambda: nn.Conv2d(4, 5, 3, padding=1)}, None),
    "convolution in windows, strided": (
        convolved_windows,
        {"c": lambda: nn.Conv2d(4, 4, (5, 1), (2, 1), (1, 0), groups=4)},
        None,
    ),
    "convolution in windows, no padding": (convolved_windows, {"c": lambda: nn.Conv2d(4, 5, 3)}, None),
    "convolution in windows, of points": (convolved_windows, {"c": lambda: nn.Conv2d(4, 5, 1, 2)}, None),
    "unfold": (lambda s, x: F.unfold(x, (3, 2), 1, (1, 0), (2, 3)), {}, None),
    "unfold, dilated": (lambda s, x: F.unfold(x, 2, dilation=2), {}, None),
    "written over": (written_over, {"k": lambda: torch.rand(6)}, None),
    "mixed softmaxes over their sum": (
        lambda s, x: (lambda y: y / y.sum(-1).unsqueeze(-1))(x.softmax(-1) * (1 - s.g) + s.g * s.p.softmax(-1)),
        {"g": lambda: torch.rand(4, 1, 1), "p": lambda: torch.randn(1, 4, 7, 6)},
        ["softmax", "scale_shift", "add"],
    ),
    "gather by distances": (
        lambda s, x: x.gather(-1, by_distance(7, 4, 2).expand(len(x), 4, 7, 4)),
        {},
        ["take", "reshape", "slice", "reshape", "slice"],
    ),
    "gather by a table": (
        lambda s, x: x.gather(-1, s.i.expand(len(x), -1, -1, -1)),
        {"i": lambda: torch.randint(0, 6, (1, 4, 7, 3))},
        ["reshape", "take", "reshape"],
    ),
    "gather along channels": (
        lambda s, x: x.gather(1, s.i.expand(len(x), -1, -1, -1)),
        {"i": lambda: torch.randint(0, 4, (1, 2, 7, 6))},
        None,
    ),
    "gather of windows": (
        lambda s, x: x.flatten(0, 1).gather(2, by_distance(7, 7, 2).expand(4 * len(x), 7, 7)).unflatten(0, (-1, 4)),
        {},
        None,
    ),
    "disentangled attention": (
        disentangled,
        {"r": lambda: torch.randn(6, 5), "mask": lambda: torch.ones(7, 7).triu(1) > 0},
        None,
    ),
    "expanded far": (
        lambda s, x: (x[:, :1, :1, :1].expand(-1, 4, 7, 70) * s.w).mean(-1),
        {"w": lambda: torch.rand(70)},
        None,
    ),
    "relative attention": (relative_attention, {"r": lambda: torch.randn(7, 7, 6)}, None),
    "glu": (lambda s, x: F.glu(x, 1), {}, ["slice", "slice", "sigmoid", "mul"]),
    "gelu": (lambda s, x: F.gelu(x), {}, ["gelu"]),
    "gelu, tanh": (lambda s, x: F.gelu(x, approximate="tanh"), {}, ["gelu_tanh"]),
    "gelu, tanh by hand": (
        lambda s, x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x.pow(3)))),
        {},
        ["gelu_tanh"],
    ),
    "gelu by hand": (lambda s, x: x * 0.5 * (1 + torch.erf(x / 2**0.5)), {}, ["gelu"]),
    "quick gelu": (lambda s, x: s.l(x * torch.sigmoid(1.702 * x)), {"l": lambda: nn.Linear(6, 2)}, None),
    "attention": (
        lambda s, x: F.scaled_dot_product_attention(x, x, x, s.b),
        {"b": lambda: torch.randn(4, 7, 7)},
        ["attention"],
    ),
    "attention, some of it": (
        lambda s, x: F.scaled_dot_product_attention(x, x, x, s.b, scale=0.2),
        {"b": lambda: torch.rand(7, 7) > 0.3},
        ["attention"],
    ),
    "attention, causal": (lambda s, x: F.scaled_dot_product_attention(x, x, x, is_causal=True), {}, ["attention"]),
    "attention by hand": (
        lambda s, x: ((x * 0.5) @ (x * 0.7).transpose(-1, -2) / 3).softmax(-1) @ x,
        {},
        ["attention"],
    ),
    "attention, masked": (masked, {"mask": lambda: torch.ones(7, 7).triu(1) > 0}, ["attention"]),
    "baddbmm": (
        lambda s, x: (lambda y: torch.baddbmm(s.b, y, y.transpose(1, 2), beta=1, alpha=0.3).softmax(-1) @ y)(
            x.flatten(1, 2)
        ),
        {"b": lambda: torch.randn(1, 28, 28)},
        ["reshape", "attention"],
    ),
    "softmax by hand": (softmax_by_hand, {}, ["attention"]),
    "windows": (
        shifted_windows,
        {
            "qkv": lambda: nn.Linear(4, 12),
            "out": lambda: nn.Linear(4, 4),
            "bias": lambda: torch.randn(2, 9, 9),
            "mask": lambda: -100.0 * (torch.rand(4, 9, 9) > 0.5),
        },
        None,
    ),
    "one projection": (
        fused_heads,
        {"qkv": lambda: nn.Linear(6, 18)},
        ["reshape", *["linear", "reshape", "transpose"] * 3, "attention", "transpose", "reshape"],
    ),
    "batch second": (
        batch_second,
        {"m": lambda: nn.MultiheadAttention(6, 2)},
        ["reshape", *["linear", "reshape", "transpose"] * 3, "attention", "transpose", "reshape", "linear"],
    ),
    "class token": (
        lambda s, x: torch.cat([s.c.expand(len(x), -1, -1), x.flatten(1, 2)], 1) + s.p,
        {"c": lambda: torch.randn(1, 1, 6), "p": lambda: torch.randn(1, 29, 6)},
        ["reshape", "concat", "add"],
    ),
    "layer scale": (
        lambda s, x: x + (s.l(x.permute(0, 2, 3, 1)) * s.g).permute(0, 3, 1, 2),
        {"l": lambda: nn.Linear(4, 4), "g": lambda: torch.randn(4)},
        ["transpose", "linear", "transpose", "add"],
    ),
    "addcmul": (
        lambda s, x: s.l(torch.addcmul(s.b, s.a, x, value=0.5)),
        {"a": lambda: torch.randn(1, 1, 1, 6), "b": lambda: torch.randn(6), "l": lambda: nn.Linear(6, 2)},
        ["linear"],
    ),
    "unbind, stack": (lambda s, x: torch.stack(x.unbind(2)[::-1], 1), {}, None),
    "roll": (lambda s, x: torch.roll(x, (2, -1), (2, 3)), {}, None),
    "repeat": (lambda s, x: x[:, :1].repeat(1, 3, 1, 2), {}, None),
    "expand": (lambda s, x: x[:, :1].expand(-1, 3, -1, -1), {}, None),
    "conv1d": (lambda s, x: s.c(x.flatten(2)), {"c": lambda: nn.Conv1d(4, 6, 3, 2, 1, groups=2)}, None),
    "conv1d, same": (lambda s, x: s.c(x.flatten(2)), {"c": lambda: nn.Conv1d(4, 6, 4, padding="same")}, None),
    "move": (lambda s, x: x.movedim(1, 3).reshape_as(x), {}, None),
    "pixels": (lambda s, x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), {}, None),
    "square, length": (lambda s, x: F.normalize(torch.square(x), dim=1), {}, None),
}

NEW = {"b": [4, 7, 7]}
# title -> (opset, body, constants, the operations that are left)
ONNX: dict[str, tuple[int, str, Constants, list[str] | None]] = {
    "gather elements": (
        15,
        "n = Shape<start=0, end=1>(x) d = Concat<axis=0>(n, s) e = Expand(i, d) y = GatherElements<axis=-1>(x, e)",
        {"i": np.random.default_rng(0).integers(-6, 6, (1, 4, 7, 3)), "s": ints(4, 7, 3)},
        None,
    ),
    "layer norm": (17, "y = LayerNormalization(x, w, b)", {"w": [6], "b": [6]}, ["layer_norm"]),
    "layer norm over two": (17, "y = LayerNormalization<axis=2, epsilon=0.1>(x, w)", {"w": [7, 6]}, None),
    "layer norm by hand": (
        13,
        "m = ReduceMean<axes=[-1]>(x) d = Sub(x, m) s = Pow(d, two) v = ReduceMean<axes=[-1]>(s) e = Add(v, eps) "
        "r = Sqrt(e) n = Div(d, r) g = Mul(n, w) y = Add(g, b)",
        {"two": number(2), "eps": number(1e-3), "w": [6], "b": [6]},
        ["layer_norm"],
    ),
    "rms norm 23": (23, "y = RMSNormalization(x, w)", {"w": [6]}, ["rms_norm"]),
    "rms norm by hand": (
        13,
        "s = Mul(x, x) v = ReduceMean<axes=[3]>(s) e = Add(v, eps) r = Sqrt(e) i = Reciprocal(r) y = Mul(i, x)",
        {"eps": number(1e-3)},
        ["rms_norm"],
    ),
    "group norm 21": (21, "y = GroupNormalization<num_groups=2>(x, w, b)", {"w": [4], "b": [4]}, None),
    "instance norm": (7, "y = InstanceNormalization(x, w, b)", {"w": [4], "b": [4]}, None),
    "gelu by hand": (
        13,
        "d = Div(x, c) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half)",
        {"c": number(2**0.5), "one": number(1), "half": number(0.5)},
        ["gelu"],
    ),
    "gelu 20": (20, 'y = Gelu<approximate="tanh">(x)', {}, ["gelu_tanh"]),
    "attention by hand": (
        13,
        "t = Transpose<perm=[0,1,3,2]>(x) q = Mul(x, s) m = MatMul(q, t) a = Add(m, b) p = Softmax(a) n = IsNaN(p) "
        "z = Where(n, zero, p) y = MatMul(z, x)",
        {"s": number(0.3), "zero": number(0), **NEW},
        ["attention"],
    ),
    "attention 11": (
        11,
        "t = Transpose<perm=[0,1,3,2]>(x) m = MatMul(x, t) p = Softmax<axis=3>(m) y = MatMul(p, x)",
        {},
        ["attention"],
    ),
    "attention with a mask": (
        13,
        "t = Transpose<perm=[0,1,3,2]>(x) m = MatMul(x, t) a = Add(m, b) p = Softmax(a) y = MatMul(p, x)",
        {"b": np.where(np.tri(7) > 0, 0, -np.inf).astype(np.float32)},
        ["attention"],
    ),
    "softmax by hand": (
        13,
        "t = Transpose<perm=[0,1,3,2]>(x) m = MatMul(x, t) b = ReduceMax<axes=[-1]>(m) d = Sub(m, b) e = Exp(d) "
        "s = ReduceSum(e, last) p = Div(e, s) y = MatMul(p, x)",
        {"last": ints(-1)},
        ["attention"],
    ),
    "attention 23": (23, "y = Attention(x, x, x, b)", NEW, ["attention"]),
    "attention 23, flat": (
        23,
        "r = Reshape(x, s) k = Slice(r, zero, half, last) y = Attention<q_num_heads=4, kv_num_heads=2>(r, k, k)",
        {"s": ints(0, 7, 24), "zero": ints(0), "half": ints(12), "last": ints(2)},
        None,
    ),
    "length": (13, "n = ReduceL2<axes=[-1]>(x) y = Div(x, n)", {}, ["rms_norm"]),
    "conv1d": (
        13,
        "r = Reshape(x, s) y = Conv<pads=[1,2], strides=[2]>(r, w)",
        {"s": ints(0, 4, 42), "w": [3, 4, 3]},
        None,
    ),
}
