"""`qi.layer_norm` and `qi.softmax` as one launch: threads share the rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qi
from dyadic.dialects.tensor_types import is_wide, shape, zero_point
from dyadic.passes.lower.cpu.kernel_selection.copies import copied
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import layer_norm as normalization
from dyadic.passes.lower.cpu.kernels.families import softmax as weighting
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, no_bytes, place
from dyadic.passes.lower.memory.copies import joined_copy
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.lower.memory.walks import INNER, merged
from dyadic.passes.rewriting import defining

UNIT_NUMBERS = 4096  # of a unit, about: a microsecond's work, and enough units for a few threads


def rows_in_unit(rows: int, n: int) -> int:
    """How many of `rows` rows of `n` numbers are in a unit: units of one size that make few rows twice."""
    units = -(-rows * n // UNIT_NUMBERS)
    return -(-rows // min(units, rows))


def _rows(op: Any) -> dict[str, Any]:
    """What both have: rows of x and of the result, wherever they lie, and units of them."""
    n = shape(op.x)[-1]
    dims = shape(op.out)[1:-1]
    dims = [1] * (INNER - 1 - len(dims)) + dims
    layouts = [layout_of(value) for value in (op.x, op.out)]
    walk = merged(dims, *(layout.strides[:-1] for layout in layouts))
    *outer, rows = walk.sizes
    assert all(layout.strides[-1] == 1 for layout in layouts)
    x, out = (
        Strided(n, at[-1], layout.image, plane=layout.plane, outer=tuple(at[:-1]))
        for at, layout in zip(walk.strides, layouts, strict=True)
    )
    return {
        "rows": rows,
        "channels": n,
        "unit_rows": rows_in_unit(rows, n),
        "x": x,
        "out": out,
        "clamp": requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
        "outer": tuple(outer),
    }


def _launch(op: Any, spec: Any, params: Any, weights: npt.NDArray[np.int8] | None = None) -> list[Launch]:
    out, inputs = place(layout_of(op.out)), [place(layout_of(op.x))]
    table = no_bytes() if weights is None else weights
    return [Launch(spec, out, inputs, table, params, constant_bytes(op.x))]


def _header(op: Any) -> list[int]:
    return [zero_point(op.out), op.low.value, op.high.value]


@selects(qi.LayerNormOp)
def layer_norm(op: qi.LayerNormOp) -> list[Launch]:
    bits = qi.normalized_bits(shape(op.x)[-1])
    gain, bias = (np.array(defining(value).value, np.int64) for value in (op.gain, op.bias))
    uniform = bool((gain == gain[0]).all() and (bias == bias[0]).all())
    if uniform:
        gain, bias = gain[: normalization.GROUP], bias[: normalization.GROUP]
    copy = joined_copy(op)
    spec = normalization.LayerNormSpec(
        **_rows(op), bits=bits, centered=op.centered.value, uniform=uniform, copied=copy is not None
    )
    makes = None if copy is None else copied(copy)
    numbers = op.shift.value, op.epsilon.value, zero_point(op.x)
    return _launch(op, spec, normalization.pack_params(gain, bias, *numbers, _header(op), makes))


@selects(qi.SoftmaxOp)
def softmax(op: qi.SoftmaxOp) -> list[Launch]:
    """One launch: the largest of each row, its exponentials and their sum, then its numbers."""
    params = weighting.pack_params(op.multiplier.value, op.shift.value, _header(op))
    return _launch(op, weighting.SoftmaxSpec(**_rows(op)), params, weighting.pack_table(np.array(op.table)))
