"""Two scale-and-shifts in a row are one."""

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array, constant_array
from dyadic.passes.channel_statistics import note_statistics, statistics_behind, statistics_of
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def scale_and_shift(op: qd.ScaleShiftOp, axis: int) -> tuple[Array, Array] | None:
    """Both in float64 along `axis`: the op's own, or any other where it has one value for all channels."""
    arrays = [constant_array(value) for value in (op.scale, op.shift)]
    if arrays[0] is None or arrays[1] is None:
        return None
    scale, shift = (array.astype(np.float64) for array in arrays if array is not None)
    if op.axis.value == axis:
        return scale, shift
    if (scale != scale[0]).any() or (shift != shift[0]).any():
        return None
    size = shape(op.x)[axis]
    return np.full(size, scale[0]), np.full(size, shift[0])


def merge_with_producer(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    inner = defining(op.x)
    if not isinstance(inner, qd.ScaleShiftOp):
        return NO_MATCH
    for axis in (op.axis.value, inner.axis.value):
        first, second = scale_and_shift(inner, axis), scale_and_shift(op, axis)
        if first is not None and second is not None:
            with rewriter.ip, op.location:
                shift = first[1] * second[0] + second[1]
                merged = building.scale_shift(inner.x, first[0] * second[0], shift, axis)
            known = statistics_behind(op, inner, *second)
            if known is not None and axis == (op.axis.value if statistics_of(op) else inner.axis.value):
                note_statistics(merged, *known)
            if qd.GIVEN in op.attributes:
                defining(merged).operation.attributes[qd.GIVEN] = op.attributes[qd.GIVEN]
            rewriter.replace_op(op, [merged])
            return None
    return NO_MATCH


@module_pass
def merge_scale_shifts(module: ir.Operation) -> None:
    """Merge consecutive scale-and-shifts: (x * a + b) * c + d --> x * ac + (bc + d)

    Exact up to one float32 rounding of each constant, computed in float64.
    """
    rewrite(module, (qd.ScaleShiftOp, merge_with_producer))
