"""ONNX's reductions: means, extremes and products over dimensions, and sums over dimensions and windows, of sizes,
squares, exponentials and their roots and logarithms.

Each of the sums is one between two functions of one number: `log(sum(exp(x)))`, `sqrt(sum(x * x))`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes.ingest import families, pooling, transformers
from dyadic.passes.ingest.folded import axes_of, dims_of
from dyadic.passes.ingest.functions import function
from dyadic.passes.ingest.onnx_layers import window
from dyadic.passes.ingest.onnx_node import attribute, integers, onnx, yes
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal

MOST_FACTORS = 64


@onnx("ReduceSum", "ReduceL1", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
def reduced_sum(node: Node) -> Result:
    x, kind = node.argument(0), node.operator.removeprefix("Reduce")
    before = {"L1": _size, "SumSquare": _square, "LogSumExp": _exponential}.get(kind, _same)
    after = _logarithm if kind.startswith("Log") else _same
    axes = _axes(node)
    if axes is None:
        return after(before(x))
    return after(transformers.total(before(x), axes, yes(node, "keepdims", True)))


@onnx("ReduceL2")
def length(node: Node) -> Result:
    x, axes = node.argument(0), _axes(node)
    if axes is None:
        return _size(x)
    return transformers.length(x, axes, yes(node, "keepdims", True))


@onnx("ReduceMean")
def mean(node: Node) -> Result:
    x, axes = node.argument(0), _axes(node)
    return x if axes is None else families.mean(x, axes, yes(node, "keepdims", True))


@onnx("ReduceMax", "ReduceMin")
def extreme(node: Node) -> Result:
    x, axes = node.argument(0), _axes(node)
    reduced = pooling.largest if node.operator.endswith("Max") else pooling.smallest
    return x if axes is None else reduced(x, axes, yes(node, "keepdims", True))


@onnx("ReduceProd")
def product(node: Node) -> Result:
    """Of an axis of few entries: one product after the other."""
    x, axes = node.argument(0), _axes(node)
    if axes is None:
        return x
    dims = dims_of(x)
    if len(axes) != 1 or dims[axes[0]] > MOST_FACTORS:
        raise Unsupported(f"it multiplies entries of the axes {axes} of {dims}; {MOST_FACTORS} of one axis would work")
    axis = axes[0] % len(dims)
    first, *rest = families.split(x, axis, [1] * dims[axis])
    for each in rest:
        first = families.mul(first, each)
    keep = yes(node, "keepdims", True)
    return first if keep else families.reshape(first, [n for d, n in enumerate(dims) if d != axis])


@onnx("LpPool")
def lp_pool(node: Node) -> Result:
    """The root of the sum of powers of sizes in each window."""
    x, kernel, order = node.argument(0), attribute(node, "kernel_shape"), attribute(node, "p", 2)
    ceil = yes(node, "ceil_mode")
    if ceil:
        raise Unsupported("its last windows may reach beyond the padding; ceil_mode=0 would work")

    def mean(powers: Any) -> Result:
        return pooling.pool(powers, kernel, *window(node, x, kernel), False, True)

    return _root_of(x, order, mean, math.prod(kernel))


@onnx("GlobalLpPool")
def global_lp_pool(node: Node) -> Result:
    x, order = node.argument(0), attribute(node, "p", 2)
    axes = list(range(2, len(dims_of(x))))
    return _root_of(x, order, lambda powers: families.mean(powers, axes, True), math.prod(dims_of(x)[2:]))


def _root_of(x: Any, order: int, mean: Callable[[Any], Result], count: int) -> Result:
    """`(count * mean(|x| ^ order)) ^ (1 / order)`."""
    if order == 2:
        powers = _square(x)
    else:
        powers = transformers.power(_size(x), literal(np.asarray(float(order)))) if order != 1 else _size(x)
    total = families.mul(mean(powers), literal(np.asarray(count, np.float64)))
    if order == 1:
        return total
    return function(qd.SqrtOp, total) if order == 2 else transformers.power(total, literal(np.asarray(1 / order)))


def _axes(node: Node) -> list[int] | None:
    """The axes, all where none are named; None for no sum."""
    axes = integers(node, "axes", 1)
    if not axes and yes(node, "noop_with_empty_axes"):
        return None
    return list(axes_of(node.argument(0), axes))


def _same(x: Any) -> Result:
    return x


def _size(x: Any) -> Result:
    return function(qd.AbsOp, x)


def _square(x: Any) -> Result:
    return families.elementwise(qd.MulOp, x, x)


def _exponential(x: Any) -> Result:
    return function(qd.ExpOp, x)


def _logarithm(x: Any) -> Result:
    return function(qd.LogOp, x)
