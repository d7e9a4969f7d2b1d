"""Ops that move numbers, and pooling. Moves keep the type of their input.

reshape, transpose, slice, repeat, take, ...       -->  the same in `qi`
reduce_max                                         -->  qi.max_pool
avg_pool, reduce_mean [clamp]                      -->  qi.avg_pool, one multiplier per number of valid cells
"""

from fractions import Fraction
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.windows import valid_cells
from dyadic.passes.integerize.conversion import (
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    i32s,
    i64,
    i64s,
)
from dyadic.passes.integerize.weight_scheme import flattened_image
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, SHIFT_MIN, limited_multiplier


@converts(qd.ReshapeOp)
def reshape(c: Conversion, op: qd.ReshapeOp, target: Target) -> ir.Value:
    """The same; but an image that linear layers read is flattened pixel by pixel, as their weights are grouped."""
    x = c.get(op.x)
    if (image := flattened_image(op)) is not None:
        c.flattened[op.out] = image
        x = c.permute(x, [0, 2, 3, 1])
    return c.reshape(x, shape(op.out))


@converts(qd.TransposeOp)
def transpose(c: Conversion, op: qd.TransposeOp, target: Target) -> ir.Value:
    """The same permutation."""
    return c.permute(c.get(op.x), ints(op.permutation))


@converts(qd.SliceOp)
def slice_(c: Conversion, op: qd.SliceOp, target: Target) -> ir.Value:
    """The same elements."""
    x = c.get(op.x)
    return qi.SliceOp(x=x, starts=op.starts, steps=op.steps, out=activation_of(x).tensor(shape(op.out))).out


@converts(qd.RepeatOp)
def repeat(c: Conversion, op: qd.RepeatOp, target: Target) -> ir.Value:
    """As often."""
    x = c.get(op.x)
    return qi.RepeatOp(x=x, times=op.times, out=activation_of(x).tensor(shape(op.out))).out


@converts(qd.TakeOp)
def take(c: Conversion, op: qd.TakeOp, target: Target) -> ir.Value:
    """The same entries."""
    x = c.get(op.x)
    return qi.TakeOp(x=x, axis=op.axis, places=op.places, out=activation_of(x).tensor(shape(op.out))).out


@converts(qd.PadOp)
def pad(c: Conversion, op: qd.PadOp, target: Target) -> ir.Value:
    """The padded value as a step of the input's type: 0 is the zero point."""
    x = c.get(op.x)
    kind = activation_of(x)
    value = i64(kind.step(op.value.value))
    return qi.PadOp(x=x, low=op.low, high=op.high, value=value, out=kind.tensor(shape(op.out))).out


@converts(qd.ConcatOp)
def concat(c: Conversion, op: qd.ConcatOp, target: Target) -> ir.Value:
    """One type for all; place-ranges saw to it, and constants are made in it."""
    inputs = []
    for value in (op.a, op.b):
        if isinstance(defining(value), qd.ConstantOp):
            inputs.append(c.constant_activation(constant_array(op, value), target.activation))
        else:
            inputs.append(c.get(value))
    a, b = inputs
    return qi.ConcatOp(a=a, b=b, axis=op.axis, out=target.activation.tensor(shape(op.out))).out


@converts(qd.MaxPoolOp)
def max_pool(c: Conversion, op: qd.MaxPoolOp, target: Target) -> ir.Value:
    """Comparisons need no scale."""
    x = c.get(op.x)
    return qi.MaxPoolOp(
        x=x,
        kernel=op.kernel,
        strides=op.strides,
        padding=op.padding,
        dilation=op.dilation,
        out=activation_of(x).tensor(shape(op.out)),
    ).out


@converts(qd.AvgPoolOp)
def avg_pool(c: Conversion, op: qd.AvgPoolOp, target: Target) -> ir.Value:
    """Sums of windows, divided by their own number of valid cells through a multiplier each."""
    kernel, strides, padding = ints(op.kernel), ints(op.strides), ints(op.padding)
    include = op.count_include_pad.value
    cells = valid_cells(shape(op.x)[2:], kernel, strides, padding, shape(op.out)[2:], include)
    counts = sorted({int(n) for n in cells.flat})
    return average(c, op, c.get(op.x), kernel, strides, padding, include, counts, shape(op.out), target)


@converts(qd.ReduceMeanOp)
def reduce_mean(c: Conversion, op: qd.ReduceMeanOp, target: Target) -> ir.Value:
    """One window over all that is reduced, whose cells are averaged away."""
    image = reduced_image(c, op)
    _, channels, *window = shape(image)
    count, pooled = window[0] * window[1], [1, channels, 1, 1]
    mean = average(c, op, image, window, window, [0, 0, 0, 0], False, [count], pooled, target)
    return c.reshape(mean, shape(op.out))


@converts(qd.ReduceMaxOp)
def reduce_max(c: Conversion, op: qd.ReduceMaxOp, target: Target) -> ir.Value:
    """One window over all that is reduced, whose largest cell stays."""
    image = reduced_image(c, op)
    _, channels, *window = shape(image)
    pooled = qi.MaxPoolOp(
        x=image,
        kernel=i64s(window),
        strides=i64s(window),
        padding=i64s([0] * 4),
        dilation=i64s([1, 1]),
        out=activation_of(image).tensor([1, channels, 1, 1]),
    ).out
    return c.reshape(pooled, shape(op.out))


def reduced_image(c: Conversion, op: qd.Reduction) -> ir.Value:
    """[N, kept, reduced, 1]: an image whose height is what is reduced."""
    x, axes = c.get(op.x), ints(op.axes)
    sizes = shape(x)
    if len(sizes) == 4 and axes == [2, 3]:
        return x
    kept = [d for d in range(1, len(sizes)) if d not in axes]
    rest, count = int(np.prod([sizes[d] for d in kept])), int(np.prod([sizes[d] for d in axes]))
    return c.reshape(c.permute(x, [0, *kept, *axes]), [1, rest, count, 1])


def average(
    c: Conversion,
    op: Any,
    x: ir.Value,
    kernel: list[int],
    strides: list[int],
    padding: list[int],
    include: bool,
    counts: list[int],
    sizes: list[int],
    target: Target,
) -> ir.Value:
    """A `qi.avg_pool`, its int32 sum proven."""
    kind = activation_of(x)
    if max(kind.high, -kind.low) * kernel[0] * kernel[1] > INT32_MAX:
        raise ModelError(
            f"{layer_name(op)}: a window of {kernel[0]} x {kernel[1]} cells can exceed int32; average in two steps."
        )
    ratio = kind.exact / target.activation.exact
    pairs = [limited_multiplier(ratio * Fraction(1, n)) if n > 0 else (0, SHIFT_MIN) for n in counts]
    return qi.AvgPoolOp(
        x=x,
        kernel=i64s(kernel),
        strides=i64s(strides),
        padding=i64s(padding),
        count_include_pad=ir.BoolAttr.get(include),
        counts=i64s(counts),
        multiplier=i32s([m for m, _ in pairs]),
        shift=i32s([s for _, s in pairs]),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(sizes),
    ).out
