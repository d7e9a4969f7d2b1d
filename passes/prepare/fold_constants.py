"""What only depends on constants is a constant."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.laws import ints, shape
from dyadic.passes.building import Array, constant, constant_array
from dyadic.passes.rewriting import NO_MATCH, module_pass, rewrite


def _slice(op: qd.SliceOp, x: Array) -> Array:
    bounds = zip(ints(op.starts), ints(op.steps), shape(op.out), strict=True)
    return x[tuple(slice(start, start + n * step, step) for start, step, n in bounds)]


def _along(op: qd.ScaleShiftOp, values: Array) -> Array:
    dims = [1] * len(shape(op.x))
    dims[op.axis.value] = -1
    return values.reshape(dims)


def _scale_shift(op: qd.ScaleShiftOp, x: Array, scale: Array, shift: Array) -> Array:
    return x.astype(np.float64) * _along(op, scale) + _along(op, shift)


MEANING: dict[type[Any], Callable[..., Array]] = {
    qd.ReshapeOp: lambda op, x: x.reshape(shape(op.out)),
    qd.TransposeOp: lambda op, x: np.transpose(x, ints(op.permutation)),
    qd.SliceOp: _slice,
    qd.ConcatOp: lambda op, *inputs: np.concatenate(inputs, op.axis.value),
    qd.ClampOp: lambda op, x: np.clip(x, np.float32(op.low.value), np.float32(op.high.value)),
    qd.ScaleShiftOp: _scale_shift,
    qd.AddOp: lambda op, a, b: a + b,
    qd.SubOp: lambda op, a, b: a - b,
    qd.MulOp: lambda op, a, b: a * b,
}


def compute_now(op: Any, rewriter: PatternRewriter) -> bool | None:
    arrays = [constant_array(value) for value in op.operands]
    if any(array is None for array in arrays):
        return NO_MATCH
    with rewriter.ip, op.location:
        folded = constant(MEANING[type(op)](op, *arrays))
    rewriter.replace_op(op, [folded])
    return None


@module_pass
def fold_constants(module: ir.Operation) -> None:
    """Compute what only depends on constants: f(constant) --> constant

    Exact up to one float32 rounding.
    """
    rewrite(module, *((kind, compute_now) for kind in MEANING))
