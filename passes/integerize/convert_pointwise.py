"""Additions, products of two activations, clamps that no producer could take, and tables.

    add / sub(a, b) [clamp]   -->  qi.add      one common shift
    mul(a, b) [clamp]         -->  qi.mul
    clamp(x)                  -->  qi.requant
    sigmoid, silu, ... [clamp] --> qi.table

`qi` lets its second operand be [1, .., 1, C]; any other broadcast is written out: at compile time for a constant, as a
concat of copies for an activation.
"""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.laws import shape
from dyadic.passes.integerize.choose_conv_add import CONV_ADD
from dyadic.passes.integerize.conversion import (
    NCHW_TO_NHWC,
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    dense,
    i64,
)
from dyadic.passes.integerize.convert_products import conv_add
from dyadic.passes.integerize.products import add_multipliers
from dyadic.passes.integerize.quantization import sizes_nhwc, value_activation
from dyadic.passes.integerize.tables import table
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, SHIFT_MAX, limited_multiplier


@converts(qd.AddOp, qd.SubOp)
def add(c: Conversion, op: qd.AddOp | qd.SubOp, target: Target) -> ir.Value:
    """Both operands at the result's scale, one rounding; a subtraction has a negative multiplier."""
    if CONV_ADD in op.operation.attributes:
        return conv_add(c, op, target)
    sign = -1 if isinstance(op, qd.SubOp) else 1
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    out = target.activation
    wide = 16 in (activation_of(a).bits, activation_of(b).bits, out.bits)
    ratios = activation_of(a).exact / out.exact, sign * activation_of(b).exact / out.exact
    ma, mb, shift = add_multipliers(*ratios, limit=INT32_MAX, most=SHIFT_MAX) if wide else add_multipliers(*ratios)
    sizes = sizes_nhwc(op.out)
    if shape(a) != sizes:
        a, b, ma, mb = b, a, mb, ma
    if shape(a) != sizes:
        a = expand(c, a, sizes)
    return qi.AddOp(
        a=a,
        b=b,
        multiplier_a=i64(ma),
        multiplier_b=i64(mb),
        shift=i64(shift),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(sizes),
    ).out


@converts(qd.MulOp)
def mul(c: Conversion, op: qd.MulOp, target: Target) -> ir.Value:
    """The product of two activations, requantized."""
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    sizes = sizes_nhwc(op.out)
    if shape(a) != sizes:
        a, b = b, a
    if shape(a) != sizes:
        a = expand(c, a, sizes)
    m, s = limited_multiplier(activation_of(a).exact * activation_of(b).exact / target.activation.exact)
    return qi.MulOp(
        a=a,
        b=b,
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(sizes),
    ).out


@converts(qd.ClampOp)
def clamp(c: Conversion, op: qd.ClampOp, target: Target) -> ir.Value:
    """A clamp that stands alone, or an identity that changes the scale."""
    x, out = c.get(op.x), target.activation
    low, high = out.step(op.low.value), out.step(op.high.value)
    m, s = limited_multiplier(activation_of(x).exact / out.exact)
    return qi.RequantOp(
        x=x, multiplier=i64(m), shift=i64(s), low=i64(low), high=i64(high), out=out.tensor(shape(x))
    ).out


@converts(qd.Function)
def look_up(c: Conversion, op: qd.Function, target: Target) -> ir.Value:
    """A function of one number, clamp included, as 256 entries."""
    x = c.get(op.x)
    entries = table(op, activation_of(x), target.activation, target.low, target.high)
    return qi.TableOp(x=x, table=dense(entries), out=target.activation.tensor(shape(x))).out


def operand(c: Conversion, op: Any, value: ir.Value) -> ir.Value:
    """An operand of a broadcasting op: of the result's full shape, or [1, .., 1, C].

    Raises:
        ModelError: an activation of lower rank, whose batch would meet another dimension.
    """
    sizes = sizes_nhwc(op.out)
    if isinstance(defining(value), qd.ConstantOp):
        data = constant_array(op, value)
        data = data.reshape((1,) * (len(sizes) - data.ndim) + data.shape)
        data = data.transpose(NCHW_TO_NHWC) if data.ndim == 4 else data
        return c.constant_activation(
            np.broadcast_to(data, _broadcast_shape(list(data.shape), sizes)), value_activation(value)
        )
    x = c.get(value)
    if len(shape(x)) != len(sizes):
        raise ModelError(
            f"{layer_name(op)}: broadcasts {shape(value)} to {shape(op.out)}, which mixes the batch into other "
            "dimensions; reshape the smaller tensor to the same number of dimensions."
        )
    return expand(c, x, _broadcast_shape(shape(x), sizes))


def _broadcast_shape(sizes: list[int], full: list[int]) -> list[int]:
    """`full`, or [1, .., 1, C] where only the last dimension differs from 1."""
    if all(n == 1 for n in sizes[:-1]) and sizes != full:
        return [*sizes[:-1], full[-1]]
    return full


def expand(c: Conversion, x: ir.Value, sizes: list[int]) -> ir.Value:
    """Write a broadcast out, dimension by dimension, as concats of copies."""
    for axis, (have, want) in enumerate(zip(shape(x), sizes, strict=True)):
        if have != want:
            one = x
            for count in range(2, want + 1):
                grown = shape(x)
                grown[axis] = count
                x = qi.ConcatOp(a=x, b=one, axis=i64(axis), out=activation_of(x).tensor(grown)).out
    return x
