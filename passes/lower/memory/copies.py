"""What is made by the kernel of another op: a target's passes mark it, such as copies of a norm's result
(`join_copies`). It is made with what it reads first."""

from collections.abc import Callable, Iterator
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.rewriting import defining

JOINED = "qi.joined"


def mark_copies(module: ir.Operation, may: Callable[[Any, qi.LayerNormOp], bool]) -> None:
    """Mark the copy of each wide norm that its kernel writes, where there is one alone that it `may`."""
    with module.context, ir.Location.unknown():
        for op in main_function(module).operation.regions[0].blocks[0].operations:
            norm = op.opview
            if isinstance(norm, qi.LayerNormOp) and is_wide(norm.out):
                found = [one for one in readers(norm.out) if may(one, norm)]
                if len(found) == 1:
                    found[0].operation.attributes[JOINED] = ir.UnitAttr.get()


def is_joined(op: Any) -> bool:
    """Whether another op's kernel makes what this one makes."""
    return JOINED in op.operation.attributes


def joined_to(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor and is made by the kernel that makes the tensor, whose it is as a first operand."""
    yield from (use.owner.opview for use in value.uses if use.operand_number == 0 and is_joined(use.owner.opview))


def maker_of(op: Any) -> Any:
    """The op whose kernel makes what an op makes."""
    return maker_of(defining(op.operation.operands[0])) if is_joined(op) else op


def joined_copy(norm: qi.LayerNormOp) -> Any | None:
    """What the kernel of a norm writes beside its result, if anything."""
    return next((one for one in readers(norm.out) if is_joined(one)), None)


def may_be_copy(op: Any, norm: qi.LayerNormOp) -> bool:
    """Whether an op computes 8 bits of each number of a norm's result, by what its channel has."""
    if isinstance(op, qi.Conv2dOp):
        channels = shape(norm.out)[-1]
        if op.groups.value != channels or shape(op.weight) != [channels, 1, 1, 1] or shape(op.out) != shape(op.x):
            return False
        if acc_shift(op) or any(ints(op.padding)):
            return False
    elif not isinstance(op, qi.RequantOp):
        return False
    return not is_wide(op.out)


def readers(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor first of all it reads, through reshapes that keep its rows."""
    for op in (use.owner.opview for use in value.uses if use.operand_number == 0):
        if isinstance(op, qi.ReshapeOp) and shape(op.out)[-1] == shape(value)[-1]:
            yield from readers(op.out)
        else:
            yield op
