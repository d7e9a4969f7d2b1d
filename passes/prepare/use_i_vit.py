"""The functions that I-ViT trains with, for networks that were.

    attention  -->  attention {qd.nonlinear = "i-vit"}
    gelu       -->  gelu_i_vit

Truth: what the network was trained to be (dialects/nonlinear.py); another function than the file says.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.nonlinear import I_VIT
from dyadic.passes.prepare.use_i_bert import trained_with
from dyadic.passes.rewriting import module_pass


@module_pass
def use_i_vit(module: ir.Operation) -> None:
    """Take I-ViT's shifts for exp and GELU: gelu --> gelu_i_vit, attention {qd.nonlinear = "i-vit"}."""
    trained_with(module, I_VIT, qd.GeluIVitOp)
