"""Results may have 16 bits, whatever the layers have that make them.

    return x   -->   return x {qd.bits = 16}

Truth: exact on the float graph; whoever chooses widths follows (compiler/widths/points.py).
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, set_argument_attribute
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import is_integer
from dyadic.passes.rewriting import module_pass


@module_pass
def widen_outputs(module: ir.Operation) -> None:
    """Ask for 16 bits of every result: return x --> return x {qd.bits = 16}"""
    bits = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 16)
    for block in function_bodies(module):
        for index, value in enumerate(block.operations[len(block.operations) - 1].operands):
            if not is_integer(value):
                set_argument_attribute(block.owner, index, qd.BITS, bits, RESULTS)
