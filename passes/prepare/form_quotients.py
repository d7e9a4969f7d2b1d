"""What is multiplied with one over something is divided by it, and rounded once."""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def divide(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """a * reciprocal(b) --> a / b"""
    for a, factor in ((op.a, op.b), (op.b, op.a)):
        inverse = defining(factor)
        if isinstance(inverse, qd.ReciprocalOp):
            with rewriter.ip, op.location:
                quotient = building.elementwise(qd.DivOp, a, inverse.x)
            rewriter.replace_op(op, [quotient])
            return None
    return NO_MATCH


@module_pass
def form_quotients(module: ir.Operation) -> None:
    """Divide where importers multiply with a reciprocal, once norms and softmaxes have their names.

    a * reciprocal(b) --> div(a, b)

    Exact in real numbers.
    """
    rewrite(module, (qd.MulOp, divide))
