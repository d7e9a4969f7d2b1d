"""Ops that move numbers, and pooling. Moves keep the type of their input; layouts are composed with what they move.

reshape, transpose, slice, pad, concat, max_pool   -->  the same in `qi`, dimensions translated to NHWC
avg_pool, reduce_mean [clamp]                      -->  qi.avg_pool, one multiplier per number of valid cells
"""

from fractions import Fraction
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.laws import ints, shape
from dyadic.dialects.windows import valid_cells
from dyadic.passes.integerize.conversion import (
    NCHW_TO_NHWC,
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    i32s,
    i64,
    i64s,
    order_of,
)
from dyadic.passes.integerize.quantization import sizes_nhwc
from dyadic.passes.integerize.weight_scheme import flattened_image
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, SHIFT_MIN, limited_multiplier


@converts(qd.ReshapeOp)
def reshape(c: Conversion, op: qd.ReshapeOp, target: Target) -> ir.Value:
    """The model's order of numbers; but linear layers behind a flattened image permute their weights instead."""
    if (image := flattened_image(op)) is not None:
        c.flattened[op.out] = image
        return c.reshape(c.get(op.x), shape(op.out))
    return c.from_logical(c.reshape(c.to_logical(c.get(op.x)), shape(op.out)))


@converts(qd.TransposeOp)
def transpose(c: Conversion, op: qd.TransposeOp, target: Target) -> ir.Value:
    """The permutation composed with the layouts before and after it."""
    before, after, order = order_of(len(shape(op.x))), order_of(len(shape(op.out))), ints(op.permutation)
    return c.permute(c.get(op.x), [before.index(order[d]) for d in after])


@converts(qd.SliceOp)
def slice_(c: Conversion, op: qd.SliceOp, target: Target) -> ir.Value:
    """Starts and steps in physical order."""
    x, order = c.get(op.x), order_of(len(shape(op.x)))
    starts, steps = ints(op.starts), ints(op.steps)
    kind = activation_of(x).tensor(sizes_nhwc(op.out))
    return qi.SliceOp(x=x, starts=i64s([starts[d] for d in order]), steps=i64s([steps[d] for d in order]), out=kind).out


@converts(qd.PadOp)
def pad(c: Conversion, op: qd.PadOp, target: Target) -> ir.Value:
    """The padded value as a step of the input's type: 0 is the zero point."""
    x, order = c.get(op.x), order_of(len(shape(op.x)))
    low, high, kind = ints(op.low), ints(op.high), activation_of(x)
    return qi.PadOp(
        x=x,
        low=i64s([low[d] for d in order]),
        high=i64s([high[d] for d in order]),
        value=i64(kind.step(op.value.value)),
        out=kind.tensor(sizes_nhwc(op.out)),
    ).out


@converts(qd.ConcatOp)
def concat(c: Conversion, op: qd.ConcatOp, target: Target) -> ir.Value:
    """One type for all; place-ranges saw to it, and constants are made in it."""
    axis = order_of(len(shape(op.out))).index(op.axis.value)
    inputs = []
    for value in (op.a, op.b):
        if isinstance(defining(value), qd.ConstantOp):
            data = constant_array(op, value)
            data = data.transpose(NCHW_TO_NHWC) if data.ndim == 4 else data
            inputs.append(c.constant_activation(data, target.activation))
        else:
            inputs.append(c.get(value))
    a, b = inputs
    return qi.ConcatOp(a=a, b=b, axis=i64(axis), out=target.activation.tensor(sizes_nhwc(op.out))).out


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
        out=activation_of(x).tensor(sizes_nhwc(op.out)),
    ).out


@converts(qd.AvgPoolOp)
def avg_pool(c: Conversion, op: qd.AvgPoolOp, target: Target) -> ir.Value:
    """Sums of windows, divided by their own number of valid cells through a multiplier each."""
    kernel, strides, padding = ints(op.kernel), ints(op.strides), ints(op.padding)
    include = op.count_include_pad.value
    cells = valid_cells(shape(op.x)[2:], kernel, strides, padding, shape(op.out)[2:], include)
    counts = sorted({int(n) for n in cells.flat})
    return average(c, op, c.get(op.x), kernel, strides, padding, include, counts, sizes_nhwc(op.out), target)


@converts(qd.ReduceMeanOp)
def reduce_mean(c: Conversion, op: qd.ReduceMeanOp, target: Target) -> ir.Value:
    """One window over all reduced dimensions: [N, reduced, 1, kept] is an image whose height is averaged away."""
    x, axes = c.get(op.x), ints(op.axes)
    order = order_of(len(shape(op.x)))
    if len(order) == 4 and axes == [2, 3]:
        sizes = shape(x)
        window, pooled = sizes[1:3], [1, 1, 1, sizes[3]]
        image = x
    else:
        kept = [d for d in range(1, len(order)) if d not in axes]
        logical = shape(op.x)
        moved = c.permute(x, [order.index(d) for d in (0, *axes, *kept)])
        count, rest = int(np.prod([logical[d] for d in axes])), int(np.prod([logical[d] for d in kept]))
        window, pooled = [count, 1], [1, 1, 1, rest]
        image = c.reshape(moved, [1, count, 1, rest])
    mean = average(c, op, image, window, window, [0, 0, 0, 0], False, [window[0] * window[1]], pooled, target)
    return c.from_logical(c.reshape(mean, shape(op.out)))


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
