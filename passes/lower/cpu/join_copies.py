"""Decide which copies of a norm's result its own kernel writes.

The norm of a residual stream is read twice: as it is, in 16 bits, by additions, and by layers through a copy of 8 bits,
which is a scale and shift of each channel, or one for all.

    layer_norm(x), conv2d(layer_norm(x), w)     one step, where w is one number a channel and the result has 8 bits

A number of the copy is one multiplication away while the norm has it in a register; a kernel of its own unpacks it
again. Whether the copy follows from a number by the arithmetic that fits beside the norm's own (`one_multiplication`)
is found out here, for every number that it can be; what does not keeps its step. So not a bit changes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape, zero_point
from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy, one_multiplication
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import clamps
from dyadic.passes.rewriting import defining, module_pass

JOINED = "qi.joined"


@module_pass
def join_copies(module: ir.Operation) -> None:
    """Mark copies that a norm's kernel writes: conv2d(layer_norm(x)) --> conv2d(layer_norm(x)) {qi.joined}; exact."""
    with module.context, ir.Location.unknown():
        for op in main_function(module).operation.regions[0].blocks[0].operations:
            norm = op.opview
            if isinstance(norm, qi.LayerNormOp) and is_wide(norm.out):
                found = [one for one in _readers(norm.out) if _may_join(one, norm)]
                if len(found) == 1:
                    found[0].operation.attributes[JOINED] = ir.UnitAttr.get()


def is_joined(op: Any) -> bool:
    """Whether another op's kernel makes what this one makes."""
    return JOINED in op.operation.attributes


def joined_copy(norm: qi.LayerNormOp) -> Any | None:
    """What the kernel of a norm writes beside its result, if anything."""
    return next((one for one in _readers(norm.out) if is_joined(one)), None)


def _readers(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor, through reshapes that keep its rows."""
    for use in value.uses:
        op = use.owner.opview
        if isinstance(op, qi.ReshapeOp) and shape(op.out)[-1] == shape(value)[-1]:
            yield from _readers(op.out)
        else:
            yield op


def _may_join(op: Any, norm: qi.LayerNormOp) -> bool:
    if isinstance(op, qi.Conv2dOp):
        channels = shape(norm.out)[-1]
        if op.groups.value != channels or shape(op.weight) != [channels, 1, 1, 1] or shape(op.out) != shape(op.x):
            return False
        if acc_shift(op) or any(ints(op.padding)):
            return False
    elif not isinstance(op, qi.RequantOp):
        return False
    plain = not is_wide(op.out) and not clamps(op.low.value, op.high.value)
    return plain and copied(op) is not None


def copied(op: Any) -> Copy | None:
    """How the copy follows from a number of each channel, None where it does not in so many words."""
    channels = shape(op.x)[-1]
    if isinstance(op, qi.Conv2dOp):
        multiplier, shift = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
        weight, bias = (np.array(defining(each).value, np.int64).reshape(channels) for each in (op.weight, op.bias))
    else:
        multiplier, shift = (np.full(channels, each.value, np.int64) for each in (op.multiplier, op.shift))
        weight, bias = np.ones(channels, np.int64), np.zeros(channels, np.int64)
    start = bias * multiplier + (np.int64(1) << (shift - 1))
    return one_multiplication(weight * multiplier, start, shift, zero_point(op.out))
