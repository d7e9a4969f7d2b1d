"""Element by element: `qi.add`, `qi.mul`, `qi.div`, `qi.requant`, `qi.table`, `qi.piecewise_linear`."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import piecewise_linear as lines
from dyadic.dialects import qi
from dyadic.dialects.tensor_types import is_wide, shape, storage, zero_point
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import (
    divide,
    elementwise,
    elementwise_wide,
    extreme,
    piecewise_linear,
    table,
)
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.lower.memory.walks import INNER, Walk, broadcast, merged, pixels
from dyadic.runtime import fixedpoint

UNIT_BYTES = 16 << 10  # of the result in one unit, about: enough to be worth a thread's while


def rows_in_unit(rows: int, row_bytes: int) -> int:
    """How many rows of the result make a unit; a divisor of `rows` where one is near, so that no row is made twice."""
    wanted = max(1, min(rows, UNIT_BYTES // max(1, row_bytes)))
    return next((r for r in range(wanted, max(0, wanted // 2), -1) if rows % r == 0), wanted)


def _walked(op: Any, **operands: ir.Value) -> dict[str, Any]:
    """Sizes, units, and how the result and the operands lie, which are broadcast."""
    every = {"out": op.out, **operands}
    sizes = _dims(op.out)
    sides = [broadcast(sizes, _dims(value), layout_of(value).strides) for value in every.values()]
    walk = merged(sizes, *sides) if len(sizes) > INNER else Walk(tuple(sizes), tuple(map(tuple, sides)))
    walk = pixels(walk)
    *outer, rows, columns, channels = walk.sizes
    unit = rows_in_unit(rows, columns * channels)
    shape = {"rows": rows, "columns": columns, "channels": channels, "unit_rows": unit, "outer": tuple(outer)}
    lies: dict[str, Strided] = {}
    for (name, value), (*around, row, column, channel) in zip(every.items(), walk.strides, strict=True):
        layout = layout_of(value)
        lies[name] = Strided(column, row, layout.image, channel, layout.plane, tuple(around))
    return {**shape, **lies}


def _dims(value: ir.Value) -> list[int]:
    """Sizes behind the batch, three at least."""
    dims = shape(value)[1:]
    return [1] * (INNER - len(dims)) + dims


def _exchanged(op: Any) -> bool:
    """Whether `b` comes first: kernels broadcast the channels of their second operand alone."""
    return _walked(op, a=op.a, b=op.b)["a"].channel == 0


def _is_wide(*values: ir.Value) -> bool:
    return any(is_wide(value) for value in values)


def _wide(op: Any, operation: str, multipliers: list[int], operands: list[ir.Value]) -> list[Launch]:
    """The one kernel for all that reads or makes 16 bits; the shift is lifted to 32 where that is near."""
    out, shift, lies = layout_of(op.out), op.shift.value, dict(zip("ab", operands, strict=False))
    lift = 0 if operation == elementwise_wide.MUL else elementwise_wide.lift_of(shift)
    if operation == elementwise_wide.ADD:  # two products do not share the high form
        form = requantize.WIDE if shift + lift >= 32 else requantize.SMALL_SHIFT
    else:
        form = requantize.form_of(np.array([shift + lift]))
    spec = elementwise_wide.WideSpec(operation=operation, form=form, lift=lift, **_walked(op, **lies))
    zero_points = [zero_point(value) for value in operands]
    params = elementwise_wide.pack_params(spec, multipliers, shift, zero_points, _header(op))
    inputs = [place(layout_of(value)) for value in operands]
    return [Launch(spec, place(out), inputs, params=params, constant=_constant(*operands))]


def _header(op: Any) -> list[int]:
    return [zero_point(op.out), op.low.value, op.high.value]


def _constant(*values: ir.Value) -> Any:
    """The bytes of the constant among the operands, if there is one."""
    return np.concatenate([constant_bytes(value) for value in values])


@selects(qi.AddOp)
def add(op: qi.AddOp) -> list[Launch]:
    """One launch: both operands rescaled, summed, rounded once."""
    terms = [(op.a, op.multiplier_a.value), (op.b, op.multiplier_b.value)]
    (a, ma), (b, mb) = reversed(terms) if _exchanged(op) else terms
    if _is_wide(a, b, op.out):
        return _wide(op, elementwise_wide.ADD, [ma, mb], [a, b])
    spec = elementwise.AddSpec(**_walked(op, a=a, b=b))
    params = elementwise.pack_add_params(ma, zero_point(a), mb, zero_point(b), op.shift.value, _header(op))
    inputs = [place(layout_of(a)), place(layout_of(b))]
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=_constant(a, b))]


@selects(qi.MulOp)
def mul(op: qi.MulOp) -> list[Launch]:
    """One launch: the product of both, rounded once."""
    a, b = (op.b, op.a) if _exchanged(op) else (op.a, op.b)
    if _is_wide(a, b, op.out):
        return _wide(op, elementwise_wide.MUL, [op.multiplier.value], [a, b])
    form = requantize.form_of(np.array([op.shift.value]))
    spec = elementwise.MulSpec(**_walked(op, a=a, b=b), form=form)
    params = elementwise.pack_mul_params(
        op.multiplier.value, op.shift.value, zero_point(a), zero_point(b), spec.form, _header(op)
    )
    inputs = [place(layout_of(a)), place(layout_of(b))]
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=_constant(a, b))]


@selects(qi.DivOp)
def div(op: qi.DivOp) -> list[Launch]:
    """One launch: a multiplication with what lines make of the divisor."""
    spec = divide.DivideSpec(**_walked(op, a=op.a, b=op.b))
    params = divide.pack_params(_header(op), zero_point(op.a), op.shift.value)
    weights = piecewise_linear.pack_lines(np.array(op.table))
    inputs = [place(layout_of(op.a)), place(layout_of(op.b))]
    return [
        Launch(spec, place(layout_of(op.out)), inputs, weights=weights, params=params, constant=_constant(op.a, op.b))
    ]


@selects(qi.MaxOp, qi.MinOp)
def extreme_of(op: qi.Extreme) -> list[Launch]:
    """One launch: comparisons need no scale."""
    a, b = (op.b, op.a) if _exchanged(op) else (op.a, op.b)
    spec = extreme.ExtremeSpec(largest=isinstance(op, qi.MaxOp), **_walked(op, a=a, b=b))
    inputs = [place(layout_of(a)), place(layout_of(b))]
    return [Launch(spec, place(layout_of(op.out)), inputs, constant=_constant(a, b))]


@selects(qi.RequantOp)
def requant(op: qi.RequantOp) -> list[Launch]:
    """A function of one byte: looking it up is faster than computing it, and the same bits."""
    if is_wide(op.x):
        return _wide(op, elementwise_wide.REQUANT, [op.multiplier.value], [op.x])
    steps = np.arange(256, dtype=np.int64) - zero_point(op.x)
    header = (zero_point(op.out), op.low.value, op.high.value)
    return _look_up(op, fixedpoint.requant(steps, op.multiplier.value, op.shift.value, *header).astype(storage(op.out)))


@selects(qi.TableOp)
def lookup(op: qi.TableOp) -> list[Launch]:
    """One launch: 256 entries, one for each value of a byte."""
    return _look_up(op, np.array(op.table).view(storage(op.out)))


@selects(qi.PiecewiseLinearOp)
def piecewise(op: qi.PiecewiseLinearOp) -> list[Launch]:
    """One launch: 16 bits find a line."""
    table = np.array(op.table)
    bits = lines.bits_of(len(table))
    assert bits is not None  # its verifier
    return [
        Launch(
            piecewise_linear.PiecewiseLinearSpec(bits=bits, **_walked(op, x=op.x)),
            place(layout_of(op.out)),
            [place(layout_of(op.x))],
            weights=piecewise_linear.pack_lines(table),
            params=requantize.pack_header(_header(op)),
            constant=constant_bytes(op.x),
        )
    ]


def _look_up(op: Any, entries: npt.NDArray[np.integer[Any]]) -> list[Launch]:
    """One launch for each byte of the result."""
    source, out = layout_of(op.x), layout_of(op.out)
    spec = table.TableSpec(**_walked(op, x=op.x))
    return [
        Launch(
            spec,
            place(out, i * out.plane),
            [place(source)],
            weights=table.pack_table(plane),
            constant=constant_bytes(op.x),
        )
        for i, plane in enumerate(fixedpoint.planes(entries))
    ]
