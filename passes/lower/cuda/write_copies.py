"""Decide which requantized copies of a tensor another op's kernel writes.

The norm of a residual stream is read in 16 bits by additions, and by layers through a copy of 8 bits, which has a scale
and shift for each channel, or one for all. A number of it is one product away while the norm has it in a register.

What is joined with others has their scale, so that a tensor with other readers is joined as a copy. The kernel of a
layer has the bytes of its results in shared memory, and makes one of all or some channels of them before they are
gone; that of a pool has them in registers. Of what neither makes, another reader may make it that is a scale and shift
for each channel, as the batch norms of DenseNet are: its kernel has every number of the copy in a register, too.

    requant(conv2d(x, w))        one launch, which writes one result or both
    requant(x), conv2d(x, w)     one launch, which writes two results
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.cuda.kernel_selection.joined import result_of
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import LEAST_SHIFT
from dyadic.passes.lower.memory.assign_layouts import only_channels
from dyadic.passes.lower.memory.copies import (
    COPIES,
    JOINED,
    is_joined,
    joined_to,
    maker_of,
    mark_copies,
    may_be_copy,
    scales_channels,
)
from dyadic.passes.lower.memory.views import IMAGE_RANK
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def write_copies(module: ir.Operation) -> None:
    """Mark copies that others' kernels write: requant(layer_norm(x)) --> requant(layer_norm(x)) {qi.joined}; exact."""
    mark_copies(module, may_be_copy)
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            op = one.opview
            if not isinstance(op, qi.RequantOp) or is_joined(op) or not _is_of_bytes(op):
                continue
            if _is_of_a_layer(op.x):
                op.operation.attributes[JOINED] = ir.UnitAttr.get()
            elif before := [reader for reader in _copying(op) if reader.operation.is_before_in_block(one.operation)]:
                op.operation.attributes[JOINED] = before[0].operation.attributes[COPIES] = ir.UnitAttr.get()
            elif isinstance(defining(op.x), qi.MaxPoolOp) and not list(joined_to(op.x)):
                op.operation.attributes[JOINED] = ir.UnitAttr.get()


def _is_of_bytes(op: qi.RequantOp) -> bool:
    """Whether kernels have the arithmetic of it."""
    return not (is_wide(op.x) or is_wide(op.out)) and op.shift.value >= LEAST_SHIFT


def _is_of_a_layer(value: ir.Value) -> bool:
    """Whether a layer's kernel stores a tensor, or one whose channels it has."""
    source = defining(value)
    while isinstance(source, qi.SliceOp) and only_channels(source):
        value, source = source.x, defining(source.x)
    if source is None or len(shape(value)) > IMAGE_RANK:
        return False
    layer = maker_of(source)
    return has_product(layer) and TOGETHER not in layer.operation.attributes and result_of(layer) == value


def _copying(op: qi.RequantOp) -> list[Any]:
    """Other readers of what is copied whose kernel may write the copy."""
    found = (use.owner.opview for use in op.x.uses)
    return [one for one in found if scales_channels(one) and one.x == op.x and COPIES not in one.operation.attributes]
