"""What is made by the kernel of another op: a target's passes mark it, such as copies of a norm's result
(`join_copies`). It is made with what it reads first; a copy may be made with another reader of the same tensor, whose
kernel has all its numbers in registers, too."""

from collections.abc import Callable, Iterator
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.rewriting import defining

JOINED = "qi.joined"
COPIES = "qi.copies"  # of an op whose kernel writes a copy of what it reads, which is another, joined, reader of that


def mark_copies(module: ir.Operation, may: Callable[[Any], bool]) -> None:
    """Mark the copy of each wide norm that its kernel writes, where there is one alone that it `may`."""
    with module.context, ir.Location.unknown():
        for op in main_function(module).operation.regions[0].blocks[0].operations:
            norm = op.opview
            if isinstance(norm, qi.LayerNormOp) and is_wide(norm.out):
                found = [one for one in readers(norm.out) if may(one)]
                if len(found) == 1:
                    found[0].operation.attributes[JOINED] = ir.UnitAttr.get()


def mark_joined(module: ir.Operation, kind: type, may: Callable[[Any], bool]) -> None:
    """Mark every op of a kind that `may` be made by the kernel of another op; those before it are marked by then."""
    with module.context:
        for op in main_function(module).operation.regions[0].blocks[0].operations:
            if isinstance(op.opview, kind) and may(op.opview):
                op.attributes[JOINED] = ir.UnitAttr.get()


def is_joined(op: Any) -> bool:
    """Whether another op's kernel makes what this one makes."""
    return JOINED in op.operation.attributes


def joined_to(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor and is made by the kernel that makes the tensor, whose it is as a first operand."""
    yield from (use.owner.opview for use in value.uses if use.operand_number == 0 and is_joined(use.owner.opview))


def maker_of(op: Any) -> Any:
    """The op whose kernel makes what an op makes."""
    if not is_joined(op):
        return op
    read = op.operation.operands[0]
    by_reader = copying(read) if isinstance(op, qi.RequantOp) else None
    return by_reader or maker_of(whole(read))


def copying(value: ir.Value) -> Any | None:
    """The reader of a tensor whose kernel writes a copy of it, if any."""
    return next((one for one in readers(value) if COPIES in one.operation.attributes), None)


def whole(value: ir.Value) -> Any:
    """What makes a tensor, or the one that it is a slice or a reshape of."""
    op = defining(value)
    if isinstance(op, qi.SliceOp):
        return whole(op.x)
    return whole(op.x) if isinstance(op, qi.ReshapeOp) else op


def is_written(value: ir.Value) -> bool:
    """Whether a tensor is in memory at all: not where the kernel of a layer makes all that reads it, from registers."""
    maker = maker_of(defining(value))
    made = [one for one in joined_to(value) if maker_of(one) == maker]
    return not 0 < len(made) == len(list(value.uses)) or isinstance(maker, qi.LayerNormOp)


def joined_copy(norm: qi.LayerNormOp) -> Any | None:
    """What the kernel of a norm writes beside its result, if anything."""
    return next((one for one in readers(norm.out) if is_joined(one) and maker_of(one) == norm), None)


def copy_of_input(op: Any) -> qi.RequantOp | None:
    """The copy of what an op reads that its kernel writes, if any."""
    if COPIES not in op.operation.attributes:
        return None
    return next(one for one in readers(op.x) if isinstance(one, qi.RequantOp) and is_joined(one))


def may_be_copy(op: Any) -> bool:
    """Whether an op computes 8 bits of each number that it reads, by what its channel has."""
    if not (isinstance(op, qi.RequantOp) or (scales_channels(op) and not acc_shift(op))):
        return False
    return not is_wide(op.out)


def scales_channels(op: Any) -> bool:
    """Whether an op is a convolution that has one number for each channel."""
    if not isinstance(op, qi.Conv2dOp):
        return False
    channels = shape(op.x)[-1]
    alone = op.groups.value == channels and shape(op.weight) == [channels, 1, 1, 1]
    return alone and shape(op.out) == shape(op.x) and not any(ints(op.padding))


def readers(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor first of all it reads, through reshapes that keep its rows."""
    for op in (use.owner.opview for use in value.uses if use.operand_number == 0):
        if isinstance(op, qi.ReshapeOp) and shape(op.out)[-1] == shape(value)[-1]:
            yield from readers(op.out)
        else:
            yield op
