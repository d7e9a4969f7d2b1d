"""A function that a layer's kernel looks up is made where the layer is, so their results never share memory with its
input. Bits are compared in `tests/compiler/networks/test_on_gpu.py`."""

from support.meaning import ROOT, parse

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.join_tables import join_tables
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.copies import is_joined
from dyadic.passes.lower.memory.plan_memory import lives
from dyadic.passes.lower.memory.views import layout_of

TEXT = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "join-tables.mlir").read_text()
QUANTIZED = """
  %x = "qi.quantize"(%f) : (tensor<1x2x2x4xf32>) -> tensor<1x2x2x4x!q>
"""


def test_what_a_layer_looks_up_lives_from_the_layer_on() -> None:
    text = TEXT.replace("@main(%x: tensor<1x2x2x4x!q>)", "@main(%f: tensor<1x2x2x4xf32>)")
    module = parse(text.replace(" {\n  %w", " {" + QUANTIZED + "  %w", 1))
    for one in (join_tables, assign_layouts):
        one.run(module.operation)
    block = main_function(module).regions[0].blocks[0]
    ops = [op.opview for op in block.operations]
    tables = [op for op in ops if is_joined(op)]
    assert len(tables) == 2
    first = {op: lives(block, 16)[layout_of(op.out).buffer].first for op in ops if isinstance(op, qi.TableOp)}
    assert all(first[op] == ops.index(op) - (op in tables) for op in first)
