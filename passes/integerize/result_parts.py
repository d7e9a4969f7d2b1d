"""Results that are concats keep their parts apart: each has a scale of its own up to the user's array.

A detector's boxes (0..640) and scores (0..1) in one tensor of integers would leave no step for the scores. The boundary
makes floats of integers anyway, so a result may be as many tensors as it was joined from. `sink_concats` saw to it that
such concats come last.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.rewriting import defining

MOST_PARTS = 64  # of one result; each is a tensor and a call at the boundary
MOST_AXES = 2  # so that a part has no more than three dimensions apart in the user's array


def concats_of_results(block: ir.Block) -> set[ir.Operation]:
    """The concats of a function that only results are made of, directly or through more of them.

    A concat with a constant part stays one tensor, or one whose quantization the model gives, and so does a result of
    more than `MOST_PARTS`, or one that is joined along more than `MOST_AXES` dimensions.
    """
    *body, terminator = (op.opview for op in block.operations)
    roots: dict[ir.Operation, ir.Operation] = {}  # each concat -> the one that is the result
    for op in reversed(body):
        if not isinstance(op, qd.ConcatOp) or any(isinstance(defining(v), qd.ConstantOp) for v in (op.a, op.b)):
            continue
        if qd.GIVEN in op.operation.attributes:
            continue
        readers = [use.owner for use in op.out.uses]
        if readers and all(reader == terminator.operation for reader in readers):
            roots[op.operation] = op.operation
        elif len(readers) == 1 and readers[0] in roots:
            roots[op.operation] = roots[readers[0]]
    trees: dict[
        ir.Operation, list[int]
    ] = {}  # the axes of each result's concats, of which there is one less than parts
    for op, root in roots.items():
        trees.setdefault(root, []).append(op.attributes["axis"].value)
    small = {root for root, axes in trees.items() if len(axes) < MOST_PARTS and len(set(axes)) <= MOST_AXES}
    return {op for op, root in roots.items() if root in small}


def parts_of(value: ir.Value, concats: set[ir.Operation]) -> list[ir.Value]:
    """The tensors that a result is joined from, in order; itself where it is none of `concats`."""
    found: list[ir.Value] = []
    waiting = [value]
    while waiting:
        op: Any = defining(one := waiting.pop())
        if op is not None and op.operation in concats:
            waiting += [op.b, op.a]
        else:
            found.append(one)
    return found
