"""Normalizations get their names back.

    x / sqrt(mean(x^2) + epsilon)                            rms_norm(x)
    (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)    layer_norm(x)
    x / max(sqrt(sum(x^2)), epsilon)                         rms_norm(x) with weight 1 / sqrt(n)

over any dimensions behind the batch; what are not the last ones is transposed there and back.
"""

import math
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.formulas import affine, repeated, same
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


@dataclass
class Size:
    """`1 / sqrt(mean(x^2) * times + added)`, over `axes`."""

    x: ir.Value
    axes: list[int]
    times: float
    added: float


def size_of(value: ir.Value) -> Size | None:
    """What is squared and averaged where `value` is one over a root of it."""
    inverse = defining(value)
    if not isinstance(inverse, qd.ReciprocalOp):
        return None
    root, least = defining(repeated(inverse.x)), 0.0
    if isinstance(root, qd.ClampOp) and root.high.value == math.inf:
        root, least = defining(root.x), root.low.value
    if not isinstance(root, qd.SqrtOp):
        return None
    inner, times, added = affine(root.x)
    mean = defining(inner)
    if not isinstance(mean, qd.ReduceMeanOp) or not mean.keep.value or times <= 0 or added < 0:
        return None
    square = defining(mean.x)
    if not isinstance(square, qd.MulOp) or square.a != square.b:
        return None
    return Size(square.a, ints(mean.axes), times, max(added, least**2))


def centered(value: ir.Value, axes: list[int]) -> ir.Value | None:
    """x where `value` is `x - mean(x)` over `axes`."""
    op = defining(value)
    if not isinstance(op, qd.SubOp):
        return None
    mean = defining(op.b)
    is_mean = isinstance(mean, qd.ReduceMeanOp) and mean.keep.value and same(mean.x, op.a) and ints(mean.axes) == axes
    return op.a if is_mean else None


def over(axes: list[int], x: ir.Value, kind: type[qd.Norm], weight: float, epsilon: float) -> ir.Value:
    """The norm of x over `axes`, with one weight for all."""
    dims = shape(x)
    kept = [d for d in range(len(dims)) if d not in axes]
    order = kept + axes
    count = math.prod(dims[d] for d in axes)
    moved = order != sorted(order)
    rows = building.transpose(x, order) if moved else x
    if len(axes) > 1:
        rows = building.reshape(rows, [*(dims[d] for d in kept), count])
    normal = building.norm(kind, rows, np.full(count, weight), np.zeros(count), epsilon)
    if len(axes) > 1:
        normal = building.reshape(normal, [dims[d] for d in order])
    return building.transpose(normal, [order.index(d) for d in range(len(dims))]) if moved else normal


def name_norm(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """x * (1 / sqrt(mean(x^2) + epsilon)) --> rms_norm(x), and of what is centered layer_norm"""
    for x, factor in ((op.a, op.b), (op.b, op.a)):
        size = size_of(factor)
        if size is None or not same(size.x, x):
            continue
        whole = centered(x, size.axes)
        kind, source = (qd.RmsNormOp, x) if whole is None else (qd.LayerNormOp, whole)
        with rewriter.ip, op.location:
            named = over(size.axes, source, kind, 1 / math.sqrt(size.times), size.added / size.times)
        rewriter.replace_op(op, [named])
        return None
    return NO_MATCH


@module_pass
def recognize_norms(module: ir.Operation) -> None:
    """Name normalizations spelled out: (x - mean(x)) / sqrt(variance(x) + e) --> layer_norm(x)

    Exact in real numbers; the order of float32 roundings changes.
    """
    rewrite(module, (qd.MulOp, name_norm))
