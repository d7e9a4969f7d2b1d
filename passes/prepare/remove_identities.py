"""Ops that change nothing go, and two that move numbers in a row are one."""

import math

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import constant_array
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def remove_reshape(op: qd.ReshapeOp, rewriter: PatternRewriter) -> bool | None:
    """A reshape to the same shape is nothing, a reshape of a reshape is one."""
    inner = defining(op.x)
    if shape(op.x) == shape(op.out):
        rewriter.replace_op(op, [op.x])
        return None
    if not isinstance(inner, qd.ReshapeOp):
        return NO_MATCH
    with rewriter.ip, op.location:
        merged = building.reshape(inner.x, shape(op.out))
    rewriter.replace_op(op, [merged])
    return None


def simplify_transpose(op: qd.TransposeOp, rewriter: PatternRewriter) -> bool | None:
    """A transpose that keeps the order of all dimensions larger than 1 is a reshape; two in a row are one."""
    order, dims = ints(op.permutation), shape(op.x)
    moved = [d for d in order if dims[d] != 1]
    if moved == sorted(moved):
        with rewriter.ip, op.location:
            replacement = building.reshape(op.x, shape(op.out))
        rewriter.replace_op(op, [replacement])
        return None
    inner = defining(op.x)
    if not isinstance(inner, qd.TransposeOp):
        return NO_MATCH
    with rewriter.ip, op.location:
        merged = building.transpose(inner.x, [ints(inner.permutation)[d] for d in order])
    rewriter.replace_op(op, [merged])
    return None


def simplify_slice(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """A slice of everything is nothing, a slice of a slice is one."""
    if shape(op.x) == shape(op.out):
        rewriter.replace_op(op, [op.x])
        return None
    inner = defining(op.x)
    if not isinstance(inner, qd.SliceOp):
        return NO_MATCH
    axes = list(zip(ints(inner.starts), ints(inner.steps), ints(op.starts), ints(op.steps), strict=True))
    with rewriter.ip, op.location:
        starts = [first + step * second for first, step, second, _ in axes]
        merged = building.slice_(inner.x, starts, [first * second for _, first, _, second in axes], shape(op.out))
    rewriter.replace_op(op, [merged])
    return None


def remove_pad(op: qd.PadOp, rewriter: PatternRewriter) -> bool | None:
    """A pad of nothing is nothing."""
    if any(ints(op.low)) or any(ints(op.high)):
        return NO_MATCH
    rewriter.replace_op(op, [op.x])
    return None


def remove_clamp(op: qd.ClampOp, rewriter: PatternRewriter) -> bool | None:
    """A clamp to all numbers is nothing."""
    if (op.low.value, op.high.value) != (-math.inf, math.inf):
        return NO_MATCH
    rewriter.replace_op(op, [op.x])
    return None


def remove_scale_shift(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """`x * 1 + 0` is x."""
    scale, shift = constant_array(op.scale), constant_array(op.shift)
    if scale is None or shift is None or (scale != 1).any() or shift.any():
        return NO_MATCH
    rewriter.replace_op(op, [op.x])
    return None


@module_pass
def remove_identities(module: ir.Operation) -> None:
    """Drop ops that change nothing: reshape(reshape(x)) --> reshape(x), slice of everything --> x, x * 1 + 0 --> x

    Exact.
    """
    rewrite(
        module,
        (qd.ReshapeOp, remove_reshape),
        (qd.TransposeOp, simplify_transpose),
        (qd.SliceOp, simplify_slice),
        (qd.PadOp, remove_pad),
        (qd.ClampOp, remove_clamp),
        (qd.ScaleShiftOp, remove_scale_shift),
    )
