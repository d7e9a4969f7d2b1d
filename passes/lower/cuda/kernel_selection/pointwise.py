"""Element by element: `qi.add`, `qi.mul`, `qi.div`, `qi.max`, `qi.min`, `qi.requant`, `qi.table`,
`qi.piecewise_linear`: one launch each."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import piecewise_linear as lines
from dyadic.dialects import qi
from dyadic.dialects.tensor_types import storage, zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernel_selection.walked import access, over, width_of
from dyadic.passes.lower.cuda.kernels.families import pointwise
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place
from dyadic.passes.lower.memory.views import layout_of


def _launch(
    op: Any,
    operation: str,
    *operands: ir.Value,
    params: npt.NDArray[np.int32] | None = None,
    weights: npt.NDArray[np.int8] | None = None,
    **more: Any,
) -> list[Launch]:
    sizes, (out, *sides) = over(op.out, *operands)
    width = width_of(sizes, [out, *sides])
    lies: dict[str, Any] = {"out": out.strides, "out_plane": out.plane}
    for name, one in zip("ab", sides, strict=False):
        lies |= {name: one.strides, f"{name}_plane": one.plane, f"{name}_bytes": access(one, width)}
    spec = pointwise.PointwiseSpec(operation, sizes, width=width, **lies, **more)
    launch = Launch(spec, place(layout_of(op.out)), [place(layout_of(value)) for value in operands])
    launch.constant = np.concatenate([constant_bytes(value) for value in operands])
    launch.params = launch.params if params is None else params
    launch.weights = launch.weights if weights is None else weights
    return [launch]


def _header(op: Any) -> list[int]:
    return [zero_point(op.out), op.low.value, op.high.value]


@selects(qi.AddOp)
def add(op: qi.AddOp) -> list[Launch]:
    """Both operands rescaled, summed, rounded once."""
    shift = op.shift.value
    by, zeros = [op.multiplier_a.value, op.multiplier_b.value], [zero_point(op.a), zero_point(op.b)]
    params = pointwise.pack_params(_header(op), shift, by, zeros)
    return _launch(op, pointwise.ADD, op.a, op.b, params=params, form=form_of([1], [shift]))


@selects(qi.MulOp)
def mul(op: qi.MulOp) -> list[Launch]:
    """The product of both, rounded once."""
    shift, zeros = op.shift.value, [zero_point(op.a), zero_point(op.b)]
    params = pointwise.pack_params(_header(op), shift, [op.multiplier.value], zeros)
    return _launch(op, pointwise.MUL, op.a, op.b, params=params, form=form_of([1], [shift]))


@selects(qi.DivOp)
def div(op: qi.DivOp) -> list[Launch]:
    """A multiplication with what lines make of the divisor."""
    shift = op.shift.value
    params = pointwise.pack_params(_header(op), shift, zero_points=[zero_point(op.a)])
    weights = pointwise.pack_lines(np.array(op.table))
    return _launch(op, pointwise.DIV, op.a, op.b, params=params, weights=weights, form=form_of([1], [shift]))


@selects(qi.MaxOp, qi.MinOp)
def extreme_of(op: qi.Extreme) -> list[Launch]:
    """Comparisons need no scale."""
    return _launch(op, pointwise.MAX if isinstance(op, qi.MaxOp) else pointwise.MIN, op.a, op.b)


@selects(qi.RequantOp)
def requant(op: qi.RequantOp) -> list[Launch]:
    """Computed: that is no more work for a GPU than to look a byte up."""
    shift = op.shift.value
    params = pointwise.pack_params(_header(op), shift, [op.multiplier.value], [zero_point(op.x)])
    return _launch(op, pointwise.REQUANT, op.x, params=params, form=form_of([1], [shift]))


@selects(qi.TableOp)
def lookup(op: qi.TableOp) -> list[Launch]:
    """256 entries, one for each value of a byte."""
    weights = pointwise.pack_table(np.array(op.table).view(storage(op.out)))
    return _launch(op, pointwise.TABLE, op.x, weights=weights)


@selects(qi.PiecewiseLinearOp)
def piecewise(op: qi.PiecewiseLinearOp) -> list[Launch]:
    """16 bits find a line."""
    table = np.array(op.table)
    bits = lines.bits_of(len(table))
    assert bits is not None  # its verifier
    params = pointwise.pack_params(_header(op))
    return _launch(op, pointwise.LINES, op.x, params=params, weights=pointwise.pack_lines(table), bits=bits)
