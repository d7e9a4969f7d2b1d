"""Additions, products of two activations, clamps that no producer could take, and tables.

    add / sub(a, b) [clamp]   -->  qi.add      one common shift
    max / min(a, b)           -->  qi.max, qi.min      of integers of one scale
    greater(a, b)             -->  qi.add, qi.table    the sign of a difference
    mul(a, b) [clamp]         -->  qi.mul
    div(a, b) [clamp]         -->  qi.div
    clamp(x)                  -->  qi.requant
    sigmoid, silu, ... [clamp] --> qi.table, of 16 bits qi.piecewise_linear

Operands are broadcast as the model broadcasts them; a constant of lower rank gets leading dimensions of size 1.
"""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi, quotients
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN
from dyadic.passes.integerize.conversion import (
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    dense,
    i64,
)
from dyadic.passes.integerize.convert_products import fused_addition
from dyadic.passes.integerize.products import add_multipliers
from dyadic.passes.integerize.quantization import Activation, value_activation
from dyadic.passes.integerize.tables import line_table, table
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, SHIFT_MAX, SHIFT_MIN, limited_multiplier, round_half_up

COUNTED = Activation(1.0, 0)  # 0 and 1 are themselves


@converts(qd.AddOp, qd.SubOp)
def add(c: Conversion, op: qd.AddOp | qd.SubOp, target: Target) -> ir.Value:
    """Both operands at the result's scale, one rounding; a subtraction has a negative multiplier."""
    if TAKES_IN in op.operation.attributes:
        return fused_addition(c, op, target)
    sign = -1 if isinstance(op, qd.SubOp) else 1
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    out = target.activation
    wide = 16 in (activation_of(a).bits, activation_of(b).bits, out.bits)
    ratios = activation_of(a).exact / out.exact, sign * activation_of(b).exact / out.exact
    ma, mb, shift = add_multipliers(*ratios, limit=INT32_MAX, most=SHIFT_MAX) if wide else add_multipliers(*ratios)
    if shape(a) != shape(op.out):
        a, b, ma, mb = b, a, mb, ma
    return qi.AddOp(
        a=a,
        b=b,
        multiplier_a=i64(ma),
        multiplier_b=i64(mb),
        shift=i64(shift),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(shape(op.out)),
    ).out


@converts(qd.MulOp)
def mul(c: Conversion, op: qd.MulOp, target: Target) -> ir.Value:
    """The product of two activations, requantized."""
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    if shape(a) != shape(op.out):
        a, b = b, a
    m, s = limited_multiplier(activation_of(a).exact * activation_of(b).exact / target.activation.exact)
    return qi.MulOp(
        a=a,
        b=b,
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(shape(op.out)),
    ).out


@converts(qd.DivOp)
def div(c: Conversion, op: qd.DivOp, target: Target) -> ir.Value:
    """A multiplication with one over the divisor, which has lines."""
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    out = target.activation
    table, shift = quotients.line_table(activation_of(a).exact / (activation_of(b).exact * out.exact))
    return qi.DivOp(
        a=a,
        b=b,
        table=dense(table),
        shift=i64(shift),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(shape(op.out)),
    ).out


@converts(qd.MaxOp)
def larger(c: Conversion, op: qd.MaxOp, target: Target) -> ir.Value:
    """Of integers: place-ranges gave both the result's scale."""
    a, b = alike(c, op, target)
    return qi.MaxOp(a=a, b=b, out=target.activation.tensor(shape(op.out))).out


@converts(qd.MinOp)
def smaller(c: Conversion, op: qd.MinOp, target: Target) -> ir.Value:
    """Of integers: place-ranges gave both the result's scale."""
    a, b = alike(c, op, target)
    return qi.MinOp(a=a, b=b, out=target.activation.tensor(shape(op.out))).out


def alike(c: Conversion, op: qd.MaxOp | qd.MinOp, target: Target) -> tuple[ir.Value, ir.Value]:
    """Both operands in the result's type, the one of its shape first."""
    a, b = (operand(c, op, value, target.activation) for value in (op.a, op.b))
    return (b, a) if shape(a) != shape(op.out) else (a, b)


@converts(qd.GreaterOp)
def greater(c: Conversion, op: qd.GreaterOp, target: Target) -> ir.Value:
    """The sign of a difference: both operands at one scale, multipliers even, so that 1 and -1 do not occur.

    a and b are compared as far apart as 2^-14 of their larger scale, or 2^-30 where one has 16 bits.
    """
    a, b = operand(c, op, op.a), operand(c, op, op.b)
    kinds = activation_of(a), activation_of(b)
    wide = 16 in (kinds[0].bits, kinds[1].bits)
    bits, largest = (29 if wide else 13), max(kind.exact for kind in kinds)
    ma, mb = (2 * round_half_up(kind.exact / largest * (1 << bits)) for kind in kinds)
    mb = -mb
    if shape(a) != shape(op.out):
        a, b, ma, mb = b, a, mb, ma
    sign = qi.AddOp(
        a=a,
        b=b,
        multiplier_a=i64(ma),
        multiplier_b=i64(mb),
        shift=i64(SHIFT_MIN),
        low=i64(0),
        high=i64(1),
        out=COUNTED.tensor(shape(op.out)),
    ).out
    out = target.activation
    if out == COUNTED:
        return sign
    entries = np.full(256, out.step(1.0), out.storage)
    entries[0] = out.step(0.0)
    return qi.TableOp(x=sign, table=dense(entries), out=out.tensor(shape(op.out))).out


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
    """A function of one number, clamp included: 256 entries, or lines between 16-bit numbers."""
    x, out = c.get(op.x), target.activation
    kind = activation_of(x)
    if kind.bits < 16:
        entries = table(op, kind, out, target.low, target.high)
        return qi.TableOp(x=x, table=dense(entries), out=out.tensor(shape(x))).out
    return qi.PiecewiseLinearOp(
        x=x,
        table=dense(line_table(op, kind, out)),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(shape(x)),
    ).out


def operand(c: Conversion, op: Any, value: ir.Value, kind: Activation | None = None) -> ir.Value:
    """An operand of a broadcasting op, of the result's rank; a constant is made as `kind` says.

    Raises:
        ModelError: an activation of lower rank, whose batch would meet another dimension.
    """
    rank = len(shape(op.out))
    if isinstance(defining(value), qd.ConstantOp):
        data = constant_array(op, value)
        return c.constant_activation(
            data.reshape((1,) * (rank - data.ndim) + data.shape), kind or value_activation(value)
        )
    x = c.get(value)
    if len(shape(x)) != rank:
        raise ModelError(
            f"{layer_name(op)}: broadcasts {shape(value)} to {shape(op.out)}, which mixes the batch into other "
            "dimensions; reshape the smaller tensor to the same number of dimensions."
        )
    return x
