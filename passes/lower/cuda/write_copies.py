"""Decide which copies of a norm's result its own kernel writes.

The norm of a residual stream is read in 16 bits by additions, and by layers through a copy of 8 bits, which has a scale
and shift for each channel, or one for all. A number of it is one product away while the norm has it in a register.
"""

from torch_mlir import ir

from dyadic.passes.lower.memory.copies import mark_copies, may_be_copy
from dyadic.passes.rewriting import module_pass


@module_pass
def write_copies(module: ir.Operation) -> None:
    """Mark copies that a norm's kernel writes: conv2d(layer_norm(x)) --> conv2d(layer_norm(x)) {qi.joined}; exact."""
    mark_copies(module, may_be_copy)
