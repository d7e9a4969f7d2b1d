"""Decide which copies of a norm's result its own kernel writes.

The norm of a residual stream is read in 16 bits by additions, and by layers through a copy of 8 bits, which has a scale
and shift for each channel, or one for all. A number of it is one product away while the norm has it in a register.
"""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide
from dyadic.passes.lower.memory.copies import JOINED, may_be_copy, readers
from dyadic.passes.rewriting import module_pass


@module_pass
def write_copies(module: ir.Operation) -> None:
    """Mark copies that a norm's kernel writes: conv2d(layer_norm(x)) --> conv2d(layer_norm(x)) {qi.joined}; exact."""
    with module.context, ir.Location.unknown():
        for op in main_function(module).operation.regions[0].blocks[0].operations:
            norm = op.opview
            if isinstance(norm, qi.LayerNormOp) and is_wide(norm.out):
                found = [one for one in readers(norm.out) if may_be_copy(one, norm)]
                if len(found) == 1:
                    found[0].operation.attributes[JOINED] = ir.UnitAttr.get()
