"""How a copy follows from a number of a norm's result, whose kernel writes both (see `join_copies`)."""

from typing import Any

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy, one_multiplication
from dyadic.passes.rewriting import defining


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
