"""Decide which squeeze-and-excite blocks are two launches: what is averaged for a layer, and what that multiplies.

An average of a whole image, two layers on one pixel and a product are four launches, three of them tiny. The first
kernel leaves sums of the first layer instead of the average, so that many blocks may make it; every block of the second
one adds them up, makes the gates of its channels, and multiplies its pixels (`kernel_selection/squeeze.py`). A model
says whether that pays (`squeeze_blocks`). Layers have weights of 8 bits: with fewer, all are launches of their own.

    mul(x, conv2d(conv2d(avg_pool(x))))     two launches
"""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.kernel_selection.squeeze import SqueezeExcite
from dyadic.passes.lower.cuda.kernel_selection.squeeze_blocks import pays
from dyadic.passes.lower.memory.copies import JOINED
from dyadic.passes.lower.memory.views import LEAST_BYTES, sizes_of
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def join_squeezes(module: ir.Operation) -> None:
    """Mark layers and products of squeeze-and-excite blocks: mul(x, gate) --> mul(gate, x) {qi.joined}; exact.

    Functions of layers are joined to them already.
    """
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            block = SqueezeExcite.of(one.opview) if isinstance(one.opview, qi.MulOp) else None
            if block is None:
                continue
            x = sizes_of(block.average.x)
            if pays(x.rows * x.columns, x.channels, block.inner):
                for op in (block.first, block.product):
                    op.operation.attributes[JOINED] = ir.UnitAttr.get()
                operands = block.product.operation.operands
                operands[0], operands[1] = block.gate, block.average.x
                count = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), block.sums_bytes)
                defining(block.second.x).operation.attributes[LEAST_BYTES] = count
