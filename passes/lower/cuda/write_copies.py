"""Decide which requantized copies of a tensor another op's kernel writes.

The norm of a residual stream is read in 16 bits by additions, and by layers through a copy of 8 bits, which has a scale
and shift for each channel, or one for all. A number of it is one product away while the norm has it in a register.

What is joined with others has their scale, so that a tensor with other readers is joined as a copy. Where one of these
is a scale and shift for each channel, as the batch norms of DenseNet are, its kernel has every number of the copy in a
register, too.

    requant(x), conv2d(x, w)     one launch, which writes two results
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide
from dyadic.passes.lower.memory.copies import COPIES, JOINED, is_joined, mark_copies, may_be_copy, scales_channels
from dyadic.passes.rewriting import module_pass


@module_pass
def write_copies(module: ir.Operation) -> None:
    """Mark copies that others' kernels write: requant(layer_norm(x)) --> requant(layer_norm(x)) {qi.joined}; exact."""
    mark_copies(module, may_be_copy)
    with module.context:
        operations = main_function(module).operation.regions[0].blocks[0].operations
        position = {op: number for number, op in enumerate(operations)}
        for one in operations:
            op = one.opview
            if isinstance(op, qi.RequantOp) and _has_bytes(op) and not is_joined(op):
                before = [reader for reader in _copying(op) if position[reader.operation] < position[one]]
                if before:
                    _mark(op, before[0])


def _has_bytes(op: qi.RequantOp) -> bool:
    """On both sides."""
    return not (is_wide(op.x) or is_wide(op.out))


def _copying(op: qi.RequantOp) -> list[Any]:
    """Other readers of what is copied whose kernel may write the copy."""
    found = (use.owner.opview for use in op.x.uses)
    return [one for one in found if scales_channels(one) and one.x == op.x and COPIES not in one.operation.attributes]


def _mark(op: qi.RequantOp, reader: Any) -> None:
    op.operation.attributes[JOINED] = reader.operation.attributes[COPIES] = ir.UnitAttr.get()
