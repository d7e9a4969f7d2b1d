"""TanhExp, an activation that dyadic does not know: an operator and the pass that finds it.

    mul(x, tanh(exp(x))) --> tanh_exp(x)

Exact: it is the same function. In integers it is nearer to it: one table of 256 entries, each rounded once, in place of
two tables and a product that round three times.
"""

from fractions import Fraction
from types import ModuleType

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd, rational
from dyadic.dialects.qd import Values
from dyadic.passes import building
from dyadic.passes.extending import runs_in
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


class TanhExpOp(qd.Function, name="tanh_exp"):
    """`x * tanh(exp(x))` (Liu and Di, arXiv:2003.09855)."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x * xp.tanh(xp.exp(x))

    def exact(self, x: Fraction) -> Fraction:
        return x * (2 * rational.sigmoid(2 * rational.exp(x)) - 1)


def name_product(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    for x, gate in ((op.a, op.b), (op.b, op.a)):
        tanh = defining(gate)
        if not isinstance(tanh, qd.TanhOp):
            continue
        exp = defining(tanh.x)
        if isinstance(exp, qd.ExpOp) and exp.x == x:
            with rewriter.ip, op.location:
                named = building.unary(TanhExpOp, x)
            rewriter.replace_op(op, [named])
            return None
    return NO_MATCH


@runs_in("prepare", after="recognize-activations")
@module_pass
def recognize_tanh_exp(module: ir.Operation) -> None:
    """Name TanhExp spelled out in arithmetic: x * tanh(exp(x)) --> tanh_exp(x)"""
    rewrite(module, (qd.MulOp, name_product))
