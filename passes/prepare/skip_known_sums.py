"""Sums of weights that are 1 whatever the input: those of a softmax, and of softmaxes mixed by numbers that sum to 1.

ConViT mixes what an attention sees with where it stands, and divides each row by its sum to be sure.
"""

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import Array, constant_array
from dyadic.passes.formulas import affine
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

CLOSE = 1e-5


def known_mean(value: ir.Value, axis: int) -> Array | None:
    """The means along `axis`, which are kept as 1, where they follow from how `value` is computed; else None."""
    op, count = defining(value), shape(value)[axis]
    numbers = constant_array(value)
    if numbers is not None:
        return numbers.astype(np.float64).mean(axis, keepdims=True)
    if isinstance(op, qd.SoftmaxOp):
        return np.full([1] * len(shape(value)), 1 / count) if op.axis.value == axis else None
    if isinstance(op, qd.ScaleShiftOp) and op.axis.value != axis:
        inner, scale, shift = known_mean(op.x, axis), constant_array(op.scale), constant_array(op.shift)
        places = [-1 if d == op.axis.value else 1 for d in range(len(shape(value)))]
        if inner is None or scale is None or shift is None:
            return None
        return inner * scale.astype(np.float64).reshape(places) + shift.reshape(places)
    if not isinstance(op, qd.Binary) or len(shape(op.a)) != len(shape(op.b)):
        return None
    if isinstance(op, qd.MulOp):
        for x, by in ((op.a, op.b), (op.b, op.a)):
            factor = constant_array(by)
            if factor is not None and factor.shape[axis] == 1:
                inner = known_mean(x, axis)
                return None if inner is None else inner * factor
        return None
    a, b = known_mean(op.a, axis), known_mean(op.b, axis)
    if a is None or b is None or (shape(op.a)[axis] != shape(op.b)[axis]):
        return None
    return a + b if isinstance(op, qd.AddOp) else a - b


def known_sums(value: ir.Value) -> Array | None:
    """The numbers in `value`, of any shape, where they are multiples of known means; else None."""
    inner, times, added = affine(value)
    op = defining(inner)
    if isinstance(op, qd.ReshapeOp):
        behind = known_sums(op.x)
        return None if behind is None else behind * times + added
    if not isinstance(op, qd.ReduceMeanOp) or len(ints(op.axes)) != 1:
        return None
    means = known_mean(op.x, ints(op.axes)[0])
    return None if means is None else means * times + added


def leave_out(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """x * (1 / sum(x)) --> x"""
    for x, factor in ((op.a, op.b), (op.b, op.a)):
        inverse = defining(factor)
        if not isinstance(inverse, qd.ReciprocalOp) or shape(x) != shape(op.out):
            continue
        sums = known_sums(inverse.x)
        if sums is None or (np.abs(sums - 1) > CLOSE).any():
            continue
        rewriter.replace_op(op, [x])
        return None
    return NO_MATCH


@module_pass
def skip_known_sums(module: ir.Operation) -> None:
    """Leave out divisions by sums that are 1: x / sum(x) --> x where x mixes softmaxes

    Exact in real numbers.
    """
    rewrite(module, (qd.MulOp, leave_out))
