"""Moves without the dimensions of 1 that folding a batch leaves between them.

    reshape(transpose(reshape(x)))  -->  the same over the dimensions larger than 1, where that is less
    linear(reshape(x))              -->  reshape(linear(x)), where the reshape only places dimensions of 1

so that heads are a transpose of [1, L, H, D] whoever wrote them.
"""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.prepare.remove_identities import remove_reshape, simplify_transpose
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def without_ones(op: qd.TransposeOp, rewriter: PatternRewriter) -> bool | None:
    """A transpose between reshapes moves no dimension of 1."""
    dims, order = shape(op.x), ints(op.permutation)
    kept = [d for d in range(len(dims)) if d == 0 or dims[d] != 1]
    between = isinstance(defining(op.x), qd.ReshapeOp) and all(
        isinstance(use.owner.opview, qd.ReshapeOp) for use in op.out.uses
    )
    if len(kept) == len(dims) or not between:
        return NO_MATCH
    with rewriter.ip, op.location:
        squeezed = building.reshape(op.x, [dims[d] for d in kept])
        moved = building.transpose(squeezed, [kept.index(d) for d in order if d in kept])
        replacement = building.reshape(moved, shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


def ones_behind_linear(op: qd.LinearOp, rewriter: PatternRewriter) -> bool | None:
    """linear(reshape(x)) --> reshape(linear(x)), where x has fewer dimensions of 1."""
    move = defining(op.x)
    if not isinstance(move, qd.ReshapeOp) or not used_once(op.x):
        return NO_MATCH
    before, after = shape(move.x), shape(move.out)
    fewer = len(before) < len(after) and before[-1] == after[-1] and len(before) > 1
    if not fewer or [n for n in before[:-1] if n != 1] != [n for n in after[:-1] if n != 1]:
        return NO_MATCH
    with rewriter.ip, op.location:
        replacement = building.reshape(building.linear(move.x, op.weight, op.bias), shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


@module_pass
def tidy_moves(module: ir.Operation) -> None:
    """Leave out dimensions of 1 between moves: reshape(transpose(reshape(x))) --> over the larger dimensions alone

    Exact.
    """
    rewrite(
        module,
        (qd.TransposeOp, without_ones),
        (qd.LinearOp, ones_behind_linear),
        (qd.ReshapeOp, remove_reshape),
        (qd.TransposeOp, simplify_transpose),
    )
