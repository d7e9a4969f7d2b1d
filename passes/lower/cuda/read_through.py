"""Decide which slices and pads are no launches: what they read is read where it lies.

Kernels of a GPU walk rows and pixels at any distance. So a slice is a place in its input with other strides, where all
its readers walk it so; a pad of channels that only additions of layers read is known by the channels that there are;
and what another pad puts a border around is made inside of it, since a border that no one writes again is written once,
when memory is allocated.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.memory.assign_layouts import reach
from dyadic.passes.lower.memory.views import IMAGE_RANK, MADE_INSIDE, NO_HALO, READ_THROUGH, is_constant
from dyadic.passes.lower.memory.walks import is_one_run
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def read_through(module: ir.Operation) -> None:
    """Mark slices and pads that need no launch: add(slice(x)) --> add(slice(x) {qi.read_through}); exact."""
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            op = one.opview
            if isinstance(op, qi.SliceOp) and _walked(op):
                op.operation.attributes[READ_THROUGH] = ir.UnitAttr.get()
            elif isinstance(op, qi.PadOp) and (mark := _of_pad(op)):
                op.operation.attributes[mark] = ir.UnitAttr.get()


def _walked(op: qi.SliceOp) -> bool:
    """Whether everything that reads a slice can read it where it is."""
    if len(shape(op.x)) > IMAGE_RANK or ints(op.steps)[-1] != 1 or min(ints(op.steps)) < 1 or is_constant(op.x):
        return False
    return all(_walks(use.owner.opview, op) for use in op.out.uses)


def _walks(reader: Any, op: qi.SliceOp) -> bool:
    if isinstance(reader, qi.Convolution):
        return op.out not in (reader.weight, reader.bias) and (reader.x != op.out or reach(reader) == NO_HALO)
    if isinstance(reader, qi.ReshapeOp):
        return is_one_run(shape(op.out)[1:], shape(op.x)[1:], ints(op.steps)[1:])
    return not isinstance(reader, qi.RecurrenceOp)  # whose states are one row


def _of_pad(op: qi.PadOp) -> str | None:
    """How a pad needs no launch, if so."""
    low, high = ints(op.low), ints(op.high)
    if min(*low, *high) < 0 or is_constant(op.x):
        return None
    if not any(low[:-1]) and not any(high[:-1]):
        read = all(_adds(use.owner.opview, op.out) for use in op.out.uses)
        return READ_THROUGH if read else None
    # inside of a border, more dimensions than rows, pixels and channels are not as far apart as kernels take them to be
    last = low[-1] == high[-1] == 0 and len(shape(op.out)) <= IMAGE_RANK
    return MADE_INSIDE if last and not isinstance(defining(op.x), qi.SliceOp) else None


def _adds(reader: Any, value: ir.Value) -> bool:
    """Whether a layer reads a tensor as its residual alone."""
    return qi.has_residual(reader) and reader.residual == value and reader.x != value
