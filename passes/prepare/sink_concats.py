"""A concat that makes a result of the network comes last, so that each part can keep a scale of its own.

    transpose(concat(a, b))  -->  concat(transpose(a), transpose(b))

The same for reshapes that keep the joined dimension apart from those before it, and for slices. Only where nothing else
reads what lies between: there, integers of one tensor share one scale anyway. Truth: exact.
"""

from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def sink_below_transpose(op: qd.TransposeOp, rewriter: PatternRewriter) -> bool | None:
    """Each part is transposed by itself."""
    inner = concat_of(op)
    if inner is None:
        return NO_MATCH
    order = ints(op.permutation)
    with rewriter.ip, op.location:
        parts = [building.transpose(part, order) for part in (inner.a, inner.b)]
    return join(op, inner, parts, order.index(inner.axis.value), rewriter)


def sink_below_reshape(op: qd.ReshapeOp, rewriter: PatternRewriter) -> bool | None:
    """Where some dimension of the result runs through the whole parts, one after the other."""
    inner = concat_of(op)
    place = None if inner is None else joined_dimension(inner, shape(op.out))
    if inner is None or place is None:
        return NO_MATCH
    axis, sizes = place
    with rewriter.ip, op.location:
        dims = [[*shape(op.out)[:axis], size, *shape(op.out)[axis + 1 :]] for size in sizes]
        parts = [building.reshape(part, each) for part, each in zip((inner.a, inner.b), dims, strict=True)]
    return join(op, inner, parts, axis, rewriter)


def sink_below_slice(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """Along the joined dimension, each part has some of what is left; one of them may have all."""
    inner = concat_of(op)
    if inner is None:
        return NO_MATCH
    axis = inner.axis.value
    starts, steps, sizes = ints(op.starts), ints(op.steps), shape(op.out)
    if steps[axis] < 1:
        return NO_MATCH
    border = shape(inner.a)[axis]
    before = min(sizes[axis], max(0, -(-(border - starts[axis]) // steps[axis])))  # how many lie in a
    parts = []
    with rewriter.ip, op.location:
        for part, start, count in (
            (inner.a, starts[axis], before),
            (inner.b, starts[axis] + before * steps[axis] - border, sizes[axis] - before),
        ):
            if count:
                own_starts = [*starts[:axis], start, *starts[axis + 1 :]]
                parts.append(building.slice_(part, own_starts, steps, [*sizes[:axis], count, *sizes[axis + 1 :]]))
    if len(parts) == 1:
        rewriter.replace_op(op, parts)
        return None
    return join(op, inner, parts, axis, rewriter)


def concat_of(op: Any) -> Any:
    """The concat that `op` alone reads on its way to a result; None where there is none."""
    inner = defining(op.x)
    return inner if isinstance(inner, qd.ConcatOp) and used_once(op.x) and only_for_results(op) else None


def only_for_results(op: Any) -> bool:
    """Whether nothing is computed from what `op` makes: it is moved and joined, and returned."""
    waiting, seen = [op], set()
    while waiting:
        one = waiting.pop()
        for use in one.out.uses:
            reader = use.owner.opview
            if isinstance(reader, qd.Move) or qd.joins_ranges(reader):
                if reader.operation not in seen:
                    seen.add(reader.operation)
                    waiting.append(reader)
            elif reader.operation.name != "func.return":
                return False
    return True


def joined_dimension(inner: qd.ConcatOp, after: list[int]) -> tuple[int, list[int]] | None:
    """(the dimension of the reshaped result along which the parts lie one after the other, the size of each there)."""
    axis, before = inner.axis.value, shape(inner.out)
    leading, behind = prod(before[:axis]), prod(before[axis + 1 :])
    for place in range(1, len(after)):
        rest = prod(after[place + 1 :])
        counts = [shape(part)[axis] * behind for part in (inner.a, inner.b)]
        if prod(after[:place]) == leading and not any(count % rest for count in counts):
            sizes = [count // rest for count in counts]
            if sum(sizes) == after[place]:
                return place, sizes
    return None


def join(op: Any, inner: qd.ConcatOp, parts: list[ir.Value], axis: int, rewriter: PatternRewriter) -> None:
    with rewriter.ip, inner.location:
        joined = qd.ConcatOp(a=parts[0], b=parts[1], axis=building.i64(axis), out=op.out.type).out
    rewriter.replace_op(op, [joined])


@module_pass
def sink_concats(module: ir.Operation) -> None:
    """Let concats that make a result come last: transpose(concat(a, b)) --> concat(transpose(a), transpose(b))"""
    rewrite(
        module,
        (qd.TransposeOp, sink_below_transpose),
        (qd.ReshapeOp, sink_below_reshape),
        (qd.SliceOp, sink_below_slice),
    )
