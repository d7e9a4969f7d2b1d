"""Two clamps in a row are one."""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def merge_with_producer(op: qd.ClampOp, rewriter: PatternRewriter) -> bool | None:
    inner = defining(op.x)
    if not isinstance(inner, qd.ClampOp):
        return NO_MATCH
    attributes = inner.operation.attributes
    rounds, given = qd.GIVEN in attributes, op.operation.attributes
    if rounds and not (qd.GIVEN in given and attributes[qd.GIVEN] == given[qd.GIVEN]):
        return NO_MATCH
    low, high = (min(max(bound.value, op.low.value), op.high.value) for bound in (inner.low, inner.high))
    with rewriter.ip, op.location:
        merged = building.clamp(inner.x, low, high)
        if qd.GIVEN in given:
            defining(merged).operation.attributes[qd.GIVEN] = given[qd.GIVEN]
    rewriter.replace_op(op, [merged])
    return None


@module_pass
def merge_clamps(module: ir.Operation) -> None:
    """Merge consecutive clamps: clamp(clamp(x, a, b), c, d) --> clamp(x, a within [c, d], b within [c, d])

    One that rounds, since the model gives its quantization, stays in front of others. Exact.
    """
    rewrite(module, (qd.ClampOp, merge_with_producer))
