"""Say how tensors are to lie for a GPU, before layouts are chosen.

Pixels of many channels begin at multiples of 16 bytes, which one `cp.async` brings. Rings of zero points are written
once, when memory is allocated: what has one shares its place in the arena with nothing, since memory is plenty and a
launch is as long as a small layer.
"""

from torch_mlir import ir

from dyadic.dialects.reference import main_function
from dyadic.passes.lower.memory.views import KEPT_RINGS, PIXEL_BYTES
from dyadic.passes.rewriting import module_pass

COPY_BYTES = 16


@module_pass
def align_pixels(module: ir.Operation) -> None:
    """Let layouts suit a GPU: function --> function {qi.pixel_bytes = 16, qi.kept_rings}; nothing is computed."""
    with module.context:
        attributes = main_function(module).operation.attributes
        attributes[PIXEL_BYTES] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), COPY_BYTES)
        attributes[KEPT_RINGS] = ir.UnitAttr.get()
