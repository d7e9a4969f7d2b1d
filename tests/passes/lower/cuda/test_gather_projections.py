"""Layers of one input are one launch, wherever the others stood, and compute what they did.

Their bits are compared in `tests/compiler/networks/test_on_gpu.py`.
"""

from support.meaning import ROOT, parse

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.gather_projections import gather_projections
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER

TEXT = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "gather-projections.mlir").read_text()


def gathered(text: str) -> list[bool]:
    """For every linear layer, whether it is together with another one."""
    module = parse(text)
    gather_projections.run(module.operation)
    assert module.operation.verify()
    layers = [op for op in main_function(module).regions[0].blocks[0].operations if isinstance(op.opview, qi.LinearOp)]
    return [TOGETHER in op.attributes for op in layers]


def test_layers_of_one_input_are_together() -> None:
    assert gathered(TEXT) == [True, True]


def test_layers_of_other_widths_are_not() -> None:
    narrow = TEXT.replace("%w2 =", "%w3 =").replace("tensor<32x4x!w>\n  %k", "tensor<32x4x!n>\n  %k")
    narrow = narrow.replace("!w = ", "!n = !quant.uniform<i4<-7:7>:f32:0, {" + ",".join(["1.0"] * 32) + "}>\n!w = ")
    narrow = narrow.replace("(%x, %w2, %b)", "(%x, %w3, %b)")
    first, second = narrow.split("  %k = ")
    assert gathered(first + "  %k = " + second.replace("tensor<32x4x!w>", "tensor<32x4x!n>", 1)) == [False, False]
