"""An addition that a layer's kernel makes is made where the layer is, and what it adds is there until then: neither
shares memory with what the layer reads. Bits are compared in `tests/compiler/networks/test_on_gpu.py`, and those of
kernels in `kernel_selection/test_matrix.py`."""

from support.meaning import ROOT, parse

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.join_additions import join_additions
from dyadic.passes.lower.cuda.join_tables import join_tables
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.copies import is_joined, maker_of
from dyadic.passes.lower.memory.plan_memory import lives
from dyadic.passes.lower.memory.views import layout_of

TEXT = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "join-additions.mlir").read_text()
QUANTIZED = """
  %x = "qi.quantize"(%f) : (tensor<1x2x2x4xf32>) -> tensor<1x2x2x4x!q>
  %y = "qi.quantize"(%g) : (tensor<1x1x1x4xf32>) -> tensor<1x1x1x4x!q>
"""


def test_what_a_layer_adds_lives_from_the_layer_on() -> None:
    text = TEXT.replace(
        "(%x: tensor<1x2x2x4x!q>, %y: tensor<1x1x1x4x!q>)", "(%f: tensor<1x2x2x4xf32>, %g: tensor<1x1x1x4xf32>)"
    )
    module = parse(text.replace(" {\n  %w", " {" + QUANTIZED + "  %w", 1))
    for one in (join_tables, join_additions, assign_layouts):
        one.run(module.operation)
    block = main_function(module).regions[0].blocks[0]
    ops = [op.opview for op in block.operations]
    life = lives(block, 32)
    for op in (op for op in ops if isinstance(op, qi.AddOp)):
        maker = maker_of(op)
        assert (maker != op) == is_joined(op) == isinstance(maker, qi.LinearOp)
        assert life[layout_of(op.out).buffer].first == ops.index(maker)
        assert life[layout_of(op.b).buffer].last >= ops.index(op)
    assert sum(is_joined(op) for op in ops) == 3
