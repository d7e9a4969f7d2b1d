"""Which values of a network are a residual stream: they lose more by 8 bits than all others together.

A stream is what normalizations read and additions carry on: every value that a `qd.Norm` reads, what an addition of the
stream is the sum of, and what further additions make of it. Ops that move numbers belong to it, and so do concats.

    x = x0 + attention(norm(x0)); x = x + mlp(norm(x))         x0 and every x
    x = norm(x0 + attention(x0)); x = norm(x + mlp(x))         the sums, and the norms' results, which are added, too

What is made for layers with weights, tables and attention alone is rounded for them at once, and is none. Results of
such a network belong to it: they cost nothing more, and 1,000 scores in 256 steps would have ties. Networks without
normalization at run time have no stream.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.rewriting import defining


def residual_stream(block: ir.Block) -> set[ir.Value]:
    """The values of a function's streams; constants that are added to them are not among those."""
    found: set[ir.Value] = set()
    *body, terminator = (op.opview for op in block.operations)
    waiting: list[ir.Value] = [op.x for op in body if isinstance(op, qd.Norm)]
    if waiting:
        waiting += terminator.operation.operands
    while waiting:
        value = waiting.pop()
        if value in found or isinstance(defining(value), qd.ConstantOp):
            continue
        found.add(value)
        waiting += sources(defining(value))
        for use in value.uses:
            reader = use.owner.opview
            if carries_on(reader) and not narrow_alone(reader.out):
                waiting.append(reader.out)
    return found


def sources(op: Any) -> list[ir.Value]:
    """What belongs to a stream since it is moved or added to make a value of it."""
    if is_addition(op) or qd.keeps_range(op) or qd.joins_ranges(op) or is_identity(op):
        return list(op.operation.operands)
    return []


def carries_on(op: Any) -> bool:
    """Whether the result belongs to a stream since an operand does."""
    return is_addition(op) or qd.keeps_range(op) or qd.joins_ranges(op)


def is_addition(op: Any) -> bool:
    return isinstance(op, qd.Operator) and op.adds


def is_identity(op: Any) -> bool:
    """A clamp that clamps nothing: it stands for one more rounding."""
    return isinstance(op, qd.ClampOp) and (op.low.value, op.high.value) == (float("-inf"), float("inf"))


def narrow_alone(value: ir.Value) -> bool:
    """Whether all that read a value, directly or through moves and concats, are layers, products or tables."""
    readers = [use.owner.opview for use in value.uses]
    return bool(readers) and all(reads_narrow(one) for one in readers)


def reads_narrow(op: Any) -> bool:
    """Whether an op multiplies what it reads, or looks it up: 8 bits are what its kernels want."""
    if qd.keeps_range(op) or qd.joins_ranges(op):
        return narrow_alone(op.out)
    return isinstance(op, qd.Layer | qd.Function) or (isinstance(op, qd.Operator) and op.widest_input < 16)
