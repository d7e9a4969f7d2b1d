"""`qi.layer_norm` and `qi.softmax`: threads share rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.families import layer_norm as normalization
from dyadic.passes.lower.cuda.kernels.families import softmax as weighting
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of, shifts_for
from dyadic.passes.lower.cuda.kernels.vocabulary.rows import lanes_for
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, no_bytes, place
from dyadic.passes.lower.memory.copies import joined_copy
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.lower.memory.walks import merged
from dyadic.passes.rewriting import defining


def _rows(op: Any) -> dict[str, Any]:
    """What both have: rows of x and of the result, wherever they lie."""
    n = shape(op.x)[-1]
    layouts = [layout_of(value) for value in (op.x, op.out)]
    dims = shape(op.out)[1:-1]
    assert all(layout.strides[-1] == 1 for layout in layouts)
    walk = merged(dims, *(layout.strides[len(layout.strides) - 1 - len(dims) : -1] for layout in layouts))
    width = widest([n for at in walk.strides for n in at] + [n for o in layouts for n in (o.offset, o.plane)], 4)
    return {
        "sizes": walk.sizes,
        "in_strides": walk.strides[0],
        "out_strides": walk.strides[1],
        "channels": n,
        "in_plane": layouts[0].plane,
        "out_plane": layouts[1].plane,
        "width": width,
        "lanes": lanes_for(n, width),
    }


def _launch(op: Any, spec: Any, params: Any, weights: npt.NDArray[np.int8] | None = None) -> list[Launch]:
    out, inputs = place(layout_of(op.out)), [place(layout_of(op.x))]
    table = no_bytes() if weights is None else weights
    return [Launch(spec, out, inputs, table, params, constant_bytes(op.x))]


@selects(qi.LayerNormOp)
def layer_norm(op: qi.LayerNormOp) -> list[Launch]:
    """One launch: sums of each row, then its numbers."""
    copy = joined_copy(op)
    if copy is None:
        spec = normalization.LayerNormSpec(**_rows(op), **kind_of(op))
        return _launch(op, spec, params_of(op, spec))
    weight, bias, multiplier, shift = copied(copy)
    form = form_of(multiplier.tolist(), shift.tolist())
    spec = normalization.LayerNormSpec(**_rows(op), **kind_of(op), copied=True, copy_form=form)
    shift = shifts_for(form, multiplier.tolist(), shift.tolist())
    header = [zero_point(copy.out), copy.low.value, copy.high.value]
    more = normalization.pack_copy(spec, header, weight, bias, multiplier, shift)
    return _launch(op, spec, np.concatenate([params_of(op, spec), more]))


def copied(op: Any) -> tuple[npt.NDArray[np.int64], ...]:
    """Weight, bias, multiplier and shift of a copy's channels."""
    channels = shape(op.x)[-1]
    if isinstance(op, qi.Conv2dOp):
        numbers = [np.array(ints(each), np.int64) for each in (op.multiplier, op.shift)]
        tables = [np.array(defining(each).value, np.int64).reshape(channels) for each in (op.weight, op.bias)]
        return *tables, *numbers
    multiplier, shift = (np.full(channels, each.value, np.int64) for each in (op.multiplier, op.shift))
    return np.ones(channels, np.int64), np.zeros(channels, np.int64), multiplier, shift


def _tables(op: qi.LayerNormOp) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Gains and biases."""
    return np.array(defining(op.gain).value, np.int64), np.array(defining(op.bias).value, np.int64)


def kind_of(op: qi.LayerNormOp) -> dict[str, Any]:
    """What code depends on, wherever rows lie."""
    uniform = all(bool((table == table[0]).all()) for table in _tables(op))
    return {"bits": qi.normalized_bits(shape(op.x)[-1]), "centered": op.centered.value, "uniform": uniform}


def params_of(op: qi.LayerNormOp, spec: normalization.LayerNormSpec) -> npt.NDArray[np.int32]:
    """What code of a spec reads."""
    zero_points, bounds = (zero_point(op.x), zero_point(op.out)), (op.low.value, op.high.value)
    return normalization.pack_params(spec, *_tables(op), op.shift.value, op.epsilon.value, zero_points, bounds)


@selects(qi.SoftmaxOp)
def softmax(op: qi.SoftmaxOp) -> list[Launch]:
    """One launch: the largest of each row, its exponentials and their sum, then its numbers."""
    spec = weighting.SoftmaxSpec(**_rows(op))
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = weighting.pack_params(spec, op.multiplier.value, op.shift.value, header)
    return _launch(op, spec, params, weighting.pack_table(np.array(op.table)))
