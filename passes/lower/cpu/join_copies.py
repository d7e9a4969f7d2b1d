"""Decide which copies of a norm's result its own kernel writes.

The norm of a residual stream is read twice: as it is, in 16 bits, by additions, and by layers through a copy of 8 bits,
which is a scale and shift of each channel, or one for all.

    layer_norm(x), conv2d(layer_norm(x), w)     one step, where w is one number a channel and the result has 8 bits

A number of the copy is one multiplication away while the norm has it in a register; a kernel of its own unpacks it
again. Whether the copy follows from a number by the arithmetic that fits beside the norm's own (`one_multiplication`)
is found out here, for every number that it can be; what does not keeps its step. So not a bit changes.
"""

from typing import Any

from torch_mlir import ir

from dyadic.passes.lower.cpu.kernel_selection.copies import copied
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import clamps
from dyadic.passes.lower.memory.copies import mark_copies, may_be_copy
from dyadic.passes.rewriting import module_pass


@module_pass
def join_copies(module: ir.Operation) -> None:
    """Mark copies that a norm's kernel writes: conv2d(layer_norm(x)) --> conv2d(layer_norm(x)) {qi.joined}; exact."""
    mark_copies(module, _may_join)


def _may_join(op: Any) -> bool:
    return may_be_copy(op) and not clamps(op.low.value, op.high.value) and copied(op) is not None
