"""A clamp goes up through moves, to the layer that rounds inside of it.

    clamp(move(layer(x)))  -->  move(clamp(layer(x)))

Behind a transposed convolution or a pixel shuffle, which end in moves, an activation would be a step of its own.
Truth: exact; the same numbers are clamped.
"""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def moves_above(value: ir.Value) -> tuple[list[qd.Move], ir.Value]:
    """The moves that lead to a value and nothing else reads, the last first; and what the first one moves."""
    found: list[qd.Move] = []
    while used_once(value) and isinstance(op := defining(value), qd.Move) and op.inserted is None:
        found.append(op)
        value = op.x
    return found, value


def moved_again(value: ir.Value, moves: list[qd.Move]) -> ir.Value:
    """`value` through the same moves, the last first, at the current insertion point."""
    for move in reversed(moves):
        again = move.operation.clone(ir.InsertionPoint.current)
        again.operands[0] = value
        value = again.results[0]
    return value


def raise_through_moves(op: qd.ClampOp, rewriter: PatternRewriter) -> bool | None:
    moves, value = moves_above(op.x)
    if not moves or not isinstance(defining(value), qd.Layer) or not used_once(value):
        return NO_MATCH
    with rewriter.ip, op.location:
        clamped = building.clamp(value, op.low.value, op.high.value)
        if qd.GIVEN in op.operation.attributes:  # one that rounds
            defining(clamped).operation.attributes[qd.GIVEN] = op.operation.attributes[qd.GIVEN]
        result = moved_again(clamped, moves)
    rewriter.replace_op(op, [result])
    return None


@module_pass
def raise_clamps(module: ir.Operation) -> None:
    """Let clamps go up to the layer that takes them in: clamp(move(layer(x))) --> move(clamp(layer(x)))

    Exact.
    """
    rewrite(module, (qd.ClampOp, raise_through_moves))
