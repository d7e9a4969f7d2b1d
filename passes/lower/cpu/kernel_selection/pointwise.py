"""Element by element: `qi.add`, `qi.mul`, `qi.requant`, `qi.table`."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.laws import is_wide, storage, zero_point
from dyadic.passes.lower.cpu.kernel_selection.launch import Launch, constant_bytes, place
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import elementwise, elementwise_wide, table
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.memory.views import View, layout_of, view
from dyadic.runtime import fixedpoint
from dyadic.runtime.program import Layout

UNIT_BYTES = 16 << 10  # of the result in one unit, about: enough to be worth a thread's while


def rows_in_unit(rows: int, row_bytes: int) -> int:
    """How many rows of the result make a unit; a divisor of `rows` where one is near, so that no row is made twice."""
    wanted = max(1, min(rows, UNIT_BYTES // max(1, row_bytes)))
    return next((r for r in range(wanted, max(0, wanted // 2), -1) if rows % r == 0), wanted)


def _strides(prefix: str, layout: Layout) -> dict[str, int]:
    return {f"{prefix}_column": layout.pixel, f"{prefix}_row": layout.row, f"{prefix}_image": layout.image}


def _broadcast(prefix: str, value: ir.Value, over: View) -> dict[str, int]:
    """Strides of an operand that may have size 1 where the result has more."""
    layout, own = layout_of(value), view(value)
    return {
        f"{prefix}_column": 0 if own.columns == 1 else layout.pixel,
        f"{prefix}_row": 0 if own.rows == 1 else layout.row,
        f"{prefix}_image": layout.image,
        f"{prefix}_channel": 0 if own.channels == 1 and over.channels > 1 else 1,
    }


def _common(op: Any) -> dict[str, int]:
    made = view(op.out)
    unit = rows_in_unit(made.rows, made.columns * made.channels)
    shape = {"rows": made.rows, "columns": made.columns, "channels": made.channels, "unit_rows": unit}
    return {**shape, **_strides("out", layout_of(op.out))}


def _is_wide(*values: ir.Value) -> bool:
    return any(is_wide(value) for value in values)


def _wide(op: Any, operation: str, multipliers: list[int], operands: list[ir.Value]) -> list[Launch]:
    """The one kernel for all that reads or makes 16 bits; the shift is lifted to 32 where that is near."""
    a, out, shift = layout_of(operands[0]), layout_of(op.out), op.shift.value
    lift = 0 if operation == elementwise_wide.MUL else elementwise_wide.lift_of(shift)
    strides = {**_strides("a", a), "a_plane": a.plane, "out_plane": out.plane}
    if len(operands) == 2:
        strides |= {**_broadcast("b", operands[1], view(op.out)), "b_plane": layout_of(operands[1]).plane}
    if operation == elementwise_wide.ADD:  # two products do not share the high form
        form = requantize.WIDE if shift + lift >= 32 else requantize.SMALL_SHIFT
    else:
        form = requantize.form_of(np.array([shift + lift]))
    spec = elementwise_wide.WideSpec(operation=operation, form=form, lift=lift, **_common(op), **strides)
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
    if _is_wide(op.a, op.b, op.out):
        return _wide(op, elementwise_wide.ADD, [op.multiplier_a.value, op.multiplier_b.value], [op.a, op.b])
    made = view(op.out)
    spec = elementwise.AddSpec(**_common(op), **_strides("a", layout_of(op.a)), **_broadcast("b", op.b, made))
    params = elementwise.pack_add_params(
        op.multiplier_a.value, zero_point(op.a), op.multiplier_b.value, zero_point(op.b), op.shift.value, _header(op)
    )
    inputs = [place(layout_of(op.a)), place(layout_of(op.b))]
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=_constant(op.a, op.b))]


@selects(qi.MulOp)
def mul(op: qi.MulOp) -> list[Launch]:
    if _is_wide(op.a, op.b, op.out):
        return _wide(op, elementwise_wide.MUL, [op.multiplier.value], [op.a, op.b])
    made = view(op.out)
    operands = {**_strides("a", layout_of(op.a)), **_broadcast("b", op.b, made)}
    spec = elementwise.MulSpec(**_common(op), **operands, form=requantize.form_of(np.array([op.shift.value])))
    params = elementwise.pack_mul_params(
        op.multiplier.value, op.shift.value, zero_point(op.a), zero_point(op.b), spec.form, _header(op)
    )
    inputs = [place(layout_of(op.a)), place(layout_of(op.b))]
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=_constant(op.a, op.b))]


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
    return _look_up(op, np.array(op.table).view(storage(op.out)))


def _look_up(op: Any, entries: npt.NDArray[np.integer[Any]]) -> list[Launch]:
    """One launch for each byte of the result."""
    source, out = layout_of(op.x), layout_of(op.out)
    spec = table.TableSpec(**_common(op), **_strides("in", source))
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
