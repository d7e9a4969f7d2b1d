"""Functions of each number, arithmetic of two tensors, comparisons and choices, in each importer's way of writing them.

Images are x [N, 4, 7, 6].
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SLOPES = np.array([0.25, -0.5, 0.1, 1.5], np.float32).reshape(4, 1, 1)


PLACES = np.random.default_rng(3).integers(-7, 7, (1, 4, 5, 6))


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


# title -> (opset, body, constants)
ONNX: dict[str, tuple[int, str, dict[str, Any]]] = {
    "abs": (7, "y = Abs(x)", {}),
    "sign": (9, "y = Sign(x)", {}),
    "floor": (7, "y = Floor(x)", {}),
    "ceil": (7, "y = Ceil(x)", {}),
    "round": (11, "y = Round(x)", {}),
    "erf": (9, "y = Erf(x)", {}),
    "exp": (7, "y = Exp(x)", {}),
    "log": (7, "a = Abs(x) y = Log(a)", {}),
    "sqrt": (7, "a = Abs(x) y = Sqrt(a)", {}),
    "reciprocal": (7, "y = Reciprocal(x)", {}),
    "sin": (7, "y = Sin(x)", {}),
    "cos": (7, "y = Cos(x)", {}),
    "tan": (7, "y = Tan(x)", {}),
    "asin": (7, "a = Sin(x) y = Asin(a)", {}),
    "acos": (7, "a = Sin(x) y = Acos(a)", {}),
    "atan": (7, "y = Atan(x)", {}),
    "cosh": (9, "y = Cosh(x)", {}),
    "asinh": (9, "y = Asinh(x)", {}),
    "acosh": (9, "a = Cosh(x) y = Acosh(a)", {}),
    "atanh": (9, "a = Sin(x) h = Mul(a, c) y = Atanh(h)", {"c": number(0.9)}),
    "elu": (7, "y = Elu<alpha=0.7>(x)", {}),
    "selu": (7, "y = Selu(x)", {}),
    "selu by its own numbers": (7, "y = Selu<alpha=1.5, gamma=0.5>(x)", {}),
    "celu": (12, "y = Celu<alpha=2.0>(x)", {}),
    "mish": (18, "y = Mish(x)", {}),
    "softplus": (7, "y = Softplus(x)", {}),
    "softsign": (7, "y = Softsign(x)", {}),
    "thresholded relu": (10, "y = ThresholdedRelu<alpha=0.5>(x)", {}),
    "shrink": (9, "y = Shrink<lambd=1.5, bias=0.5>(x)", {}),
    "prelu of channels": (9, "y = PRelu(x, s)", {"s": SLOPES}),
    "prelu of every element": (9, "y = PRelu(x, s)", {"s": [4, 7, 6]}),
    "power": (13, "a = Abs(x) y = Pow(a, n)", {"n": number(1.7)}),
    "power of 4": (13, "y = Pow(x, n)", {"n": number(4)}),
    "power of a number": (13, "y = Pow(n, x)", {"n": number(1.5)}),
    "power of a whole number": (13, "y = Pow(x, n)", {"n": np.array(2, np.int64)}),
    "larger, smaller": (8, "t = Tanh(x) a = Max(x, t) n = Neg(x) y = Min(a, n, t)", {}),
    "larger than a constant": (13, "y = Max(x, c)", {"c": [4, 1, 1]}),
    "clip by tensors": (13, "t = Tanh(x) y = Clip(x, lo, hi)", {"lo": number(-1), "hi": number(2)}),
    "mean": (13, "t = Tanh(x) y = Mean(x, t, x)", {}),
    "divide": (13, "e = Exp(x) p = Add(e, c) y = Div(x, p)", {"c": number(1)}),
    "divide a number": (13, "e = Exp(x) p = Add(e, c) y = Div(c, p)", {"c": number(3)}),
    "greater": (13, "s = Sin(x) b = Greater(x, s) y = Cast<to=1>(b)", {}),
    "greater or equal": (16, "s = Sin(x) b = GreaterOrEqual(x, s) y = Cast<to=1>(b)", {}),
    "less": (13, "s = Sin(x) b = Less(x, s) y = Cast<to=1>(b)", {}),
    "less or equal": (16, "b = LessOrEqual(x, x) y = Cast<to=1>(b)", {}),
    "less than a number": (13, "b = Less(c, x) y = Cast<to=1>(b)", {"c": number(0.5)}),
    "at most a number": (16, "b = LessOrEqual(x, c) y = Cast<to=1>(b)", {"c": number(0.5)}),
    "equal": (13, "r = Round(x) b = Equal(r, c) y = Cast<to=1>(b)", {"c": number(1)}),
    "equal to a tensor": (13, "r = Round(x) f = Floor(x) b = Equal(r, f) y = Cast<to=1>(b)", {}),
    "logic": (
        13,
        "p = Greater(x, a) q = Less(x, b) n = Not(q) o = Or(p, n) e = And(o, q) z = Xor(e, p) y = Cast<to=1>(z)",
        {"a": number(1), "b": number(2)},
    ),
    "where": (13, "c = Greater(x, z) t = Tanh(x) n = Neg(x) y = Where(c, t, n)", {"z": number(0)}),
    "where or a number": (13, "c = Greater(x, z) t = Tanh(x) y = Where(c, n, t)", {"z": number(0), "n": number(7)}),
    "where of a constant": (
        13,
        "t = Tanh(x) y = Where(c, t, x)",
        {"c": np.array([True, False, True, True, False, False])},
    ),
    "casts": (13, "i = Cast<to=7>(x) b = Cast<to=9>(i) f = Cast<to=1>(b) g = Cast<to=1>(i) y = Add(f, g)", {}),
    "tile": (13, "y = Tile(x, n)", {"n": ints(1, 2, 1, 3)}),
    "expand": (13, "g = GlobalAveragePool(x) y = Expand(g, s)", {"s": ints(1, 4, 70, 3)}),
    "gather in any order": (13, "y = Gather<axis=2>(x, i)", {"i": ints(*[6, 0, 3, -1] * 5)}),
    "slice backwards": (
        13,
        "y = Slice(x, s, e, a, t)",
        {"s": ints(-1, 6), "e": ints(-100, 0), "a": ints(1, 2), "t": ints(-1, -2)},
    ),
    "cumulative sum": (
        14,
        "a = CumSum(x, two) y = CumSum<exclusive=1, reverse=1>(a, three)",
        {"two": np.array(2), "three": np.array(3)},
    ),
    "trilu": (14, "a = Trilu(x, one) b = Trilu<upper=0>(x) y = Add(a, b)", {"one": np.array(1)}),
    "compress": (11, "y = Compress<axis=2>(x, c)", {"c": np.array([1, 0, 0, 1, 1, 0, 1], bool)}),
    "center, crop and pad": (18, "y = CenterCropPad<axes=[2,3]>(x, s)", {"s": ints(4, 9)}),
    "infinite": (10, "i = IsInf(x) y = Where(i, z, x)", {"z": number(0)}),
    "modulo": (13, "y = Mod<fmod=1>(x, c)", {"c": number(1.75)}),
    "mean and variance": (13, "y = MeanVarianceNormalization<axes=[2,3]>(x)", {}),
    "rows over their sums": (11, "y = LpNormalization<axis=3, p=1>(x)", {}),
    "rows over their lengths": (11, "y = LpNormalization<axis=3>(x)", {}),
    "power of 0": (13, "p = Pow(x, n) y = Add(p, x)", {"n": number(0)}),
}

# Of a file whose batch is fixed: what is taken or put names the image, too.
ONE_IMAGE: dict[str, tuple[int, str, dict[str, Any]]] = {
    "gather elements": (13, "y = GatherElements<axis=2>(x, i)", {"i": PLACES}),
    "gather nd": (13, "y = GatherND(x, i)", {"i": ints(0, 3, 1, 0, 0, 6, 0, -1, 2).reshape(1, 3, 3)}),
    "scatter elements": (
        13,
        "t = Tanh(x) s = Slice(t, from, to, axes) y = ScatterElements<axis=3>(x, i, s)",
        {"i": PLACES[..., :2] % 2 + np.array([0, 3]), "from": ints(0, 0), "to": ints(5, 2), "axes": ints(2, 3)},
    ),
    "scatter, long ago": (10, "y = Scatter<axis=3>(x, i, u)", {"i": PLACES[..., :1] % 6, "u": [1, 4, 5, 1]}),
    "scatter nd": (
        16,
        "f = Flatten(x) y = ScatterND(f, i, u)",
        {"i": ints(0, 5, 0, 9).reshape(2, 2), "u": np.array([2.5, -7], np.float32)},
    ),
    "identity matrix": (13, "e = EyeLike(w) y = MatMul(x, e)", {"w": [6, 6]}),
    "reverse sequence": (10, "y = ReverseSequence<batch_axis=0, time_axis=1>(x, n)", {"n": ints(3)}),
}

Case = tuple[Callable[..., Any], dict[str, Callable[[], nn.Module | torch.Tensor]]]

ATEN: dict[str, Case] = {
    "abs": (lambda s, x: x.abs(), {}),
    "sign": (lambda s, x: torch.sign(x) + torch.sgn(x), {}),
    "floor": (lambda s, x: x.floor(), {}),
    "ceil": (lambda s, x: x.ceil(), {}),
    "round": (lambda s, x: x.round(), {}),
    "erf": (lambda s, x: torch.erf(x), {}),
    "exp": (lambda s, x: x.exp() + torch.exp2(x) + torch.expm1(x), {}),
    "log": (lambda s, x: x.abs().log(), {}),
    "logarithms": (lambda s, x: torch.log1p(x.abs()) + torch.log2(x.abs()) - torch.log10(x.abs()), {}),
    "sqrt": (lambda s, x: x.abs().sqrt(), {}),
    "reciprocal": (lambda s, x: x.reciprocal(), {}),
    "sin": (lambda s, x: x.sin(), {}),
    "cos": (lambda s, x: x.cos(), {}),
    "tan": (lambda s, x: x.tan(), {}),
    "asin": (lambda s, x: x.sin().asin(), {}),
    "acos": (lambda s, x: x.sin().acos(), {}),
    "atan": (lambda s, x: x.atan(), {}),
    "cosh": (lambda s, x: x.cosh(), {}),
    "asinh": (lambda s, x: x.asinh(), {}),
    "acosh": (lambda s, x: x.cosh().acosh(), {}),
    "atanh": (lambda s, x: (0.9 * x.sin()).atanh(), {}),
    "elu": (lambda s, x: F.elu(x, 0.7), {}),
    "selu": (lambda s, x: F.selu(x), {}),
    "celu": (lambda s, x: F.celu(x, 2.0), {}),
    "mish": (lambda s, x: F.mish(x), {}),
    "softplus": (lambda s, x: F.softplus(x, 2.0), {}),
    "softsign": (lambda s, x: F.softsign(x), {}),
    "log sigmoid": (lambda s, x: F.logsigmoid(x), {}),
    "threshold": (lambda s, x: F.threshold(x, 0.5, -1.0), {}),
    "prelu of channels": (lambda s, x: s.p(x), {"p": lambda: prelu_of(4)}),
    "power": (lambda s, x: x.abs() ** 1.7, {}),
    "power of a number": (lambda s, x: torch.pow(1.5, x), {}),
    "shrink": (lambda s, x: F.softshrink(x, 1.5) + F.hardshrink(x, 1.5), {}),
    "larger, smaller": (lambda s, x: torch.maximum(x, x.tanh()) - torch.minimum(-x, x.sin()), {}),
    "larger, smaller of two": (lambda s, x: torch.max(x, x.tanh()) - torch.min(-x, x.sin()), {}),
    "clamp by tensors": (lambda s, x: torch.clamp(x, x.sin() - 1, x.cos() + 1), {}),
    "divide": (lambda s, x: x / (x.exp() + 1) + 1 / (2 + x.sin()), {}),
    "compare": (
        lambda s, x: (x > x.sin()).float() + (x >= 1).float() * 2 + (x < 0.5).float() * (x <= -0.5).float(),
        {},
    ),
    "equal": (lambda s, x: (x.round() == 1).float() + 2 * (x.round() != x.floor()).float(), {}),
    "logic": (lambda s, x: (((x > 1) | ~(x < 2)) & (x < 2) ^ (x > 1)).float(), {}),
    "logic by words": (
        lambda s, x: torch.logical_xor(
            torch.logical_and(torch.logical_or(x > 1, torch.logical_not(x < 2)), x < 2), x > 1
        ).float(),
        {},
    ),
    "tile": (lambda s, x: x.tile((1, 2, 1, 3)) + x.repeat(1, 2, 1, 3), {}),
    "repeat each": (lambda s, x: x.repeat_interleave(3, 2), {}),
    "gather": (lambda s, x: x.gather(2, torch.from_numpy(PLACES % 7).expand(len(x), -1, -1, -1)), {}),
    "flip": (lambda s, x: x.flip([2, 3]), {}),
    "cumulative sum": (lambda s, x: x.cumsum(2), {}),
    "triangles": (lambda s, x: x.tril() + x.triu(1), {}),
    "where": (lambda s, x: torch.where(x > 0, x.tanh(), -x), {}),
    "masked fill": (lambda s, x: x.masked_fill(x > 1, 0.5), {}),
    "truncate": (lambda s, x: x.trunc() + x.long().float(), {}),
}


def prelu_of(channels: int) -> nn.Module:
    layer = nn.PReLU(channels)
    layer.weight.data = torch.from_numpy(SLOPES.reshape(-1))
    return layer
