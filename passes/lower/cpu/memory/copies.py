"""Which copies of a norm's result its own kernel writes, and how they follow from it (see `join_copies`)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy, one_multiplication
from dyadic.passes.rewriting import defining

JOINED = "qi.joined"


def is_joined(op: Any) -> bool:
    """Whether another op's kernel makes what this one makes."""
    return JOINED in op.operation.attributes


def joined_copy(norm: qi.LayerNormOp) -> Any | None:
    """What the kernel of a norm writes beside its result, if anything."""
    return next((one for one in readers(norm.out) if is_joined(one)), None)


def readers(value: ir.Value) -> Iterator[Any]:
    """What reads a tensor, through reshapes that keep its rows."""
    for use in value.uses:
        op = use.owner.opview
        if isinstance(op, qi.ReshapeOp) and shape(op.out)[-1] == shape(value)[-1]:
            yield from readers(op.out)
        else:
            yield op


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
