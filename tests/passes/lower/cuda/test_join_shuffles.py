"""Pixels that a layer's kernel puts side by side are made where the layer is. Bits of such networks are compared in
`tests/compiler/networks/test_on_gpu.py`, and those of kernels in `kernel_selection/test_matrix.py`."""

from support.meaning import ROOT, parse

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.join_shuffles import join_shuffles
from dyadic.passes.lower.cuda.join_tables import join_tables
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.copies import is_joined, maker_of
from dyadic.passes.lower.memory.plan_memory import lives
from dyadic.passes.lower.memory.views import layout_of

TEXT = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "join-shuffles.mlir").read_text()
QUANTIZED = """
  %x = "qi.quantize"(%f) : (tensor<1x3x5x4xf32>) -> tensor<1x3x5x4x!q>
"""


def test_pixels_live_from_the_layer_on() -> None:
    text = TEXT.replace("@main(%x: tensor<1x3x5x4x!q>)", "@main(%f: tensor<1x3x5x4xf32>)")
    module = parse(text.replace(" {\n  %w64", " {" + QUANTIZED + "  %w64", 1))
    for one in (join_tables, join_shuffles, assign_layouts):
        one.run(module.operation)
    block = main_function(module).regions[0].blocks[0]
    ops = [op.opview for op in block.operations]
    life = lives(block, 32)
    shuffles = [op for op in ops if isinstance(op, qi.TransposeOp)]
    for op in shuffles:
        maker = maker_of(op)
        assert isinstance(maker, qi.Conv2dOp) == is_joined(op)
        assert life[layout_of(op.out).buffer].first == ops.index(maker)
    assert [is_joined(op) for op in shuffles] == [True, False, False, False, True]
