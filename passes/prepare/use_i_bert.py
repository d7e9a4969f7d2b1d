"""The functions that I-BERT trains with, for networks that were.

    attention  -->  attention {qd.nonlinear = "i-bert"}
    gelu       -->  gelu_i_bert

Truth: what the network was trained to be (dialects/nonlinear.py); another function than the file says.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.nonlinear import I_BERT, NONLINEAR
from dyadic.dialects.reference import function_bodies
from dyadic.passes import building
from dyadic.passes.rewriting import module_pass


@module_pass
def use_i_bert(module: ir.Operation) -> None:
    """Take I-BERT's polynomials for exp and erf: gelu --> gelu_i_bert, attention {qd.nonlinear = "i-bert"}."""
    trained_with(module, I_BERT, qd.GeluIBertOp)


def trained_with(module: ir.Operation, name: str, gelu: type[qd.GeluOp]) -> None:
    """Every attention's exponential is that of `name`, every GELU a `gelu`."""
    for block in function_bodies(module):
        for op in list(block.operations):
            if isinstance(op, qd.AttentionOp):
                op.operation.attributes[NONLINEAR] = ir.StringAttr.get(name, module.context)
            elif isinstance(op, qd.GeluOp):
                with ir.InsertionPoint(op), op.location:
                    op.out.replace_all_uses_with(building.unary(gelu, op.x))
                op.operation.erase()
