"""What the sums of a layer start at, on every target whose tensors of 16 bits are two planes of bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects.fields import acc_shift
from dyadic.dialects.tensor_types import is_wide
from dyadic.passes.rewriting import defining


def low_bias(op: Any) -> npt.NDArray[np.int64]:
    """What the sum of an input's (low) bytes starts at: the bias, and the half that `acc_shift` rounds by."""
    return np.array(defining(op.bias).value, np.int64) + (1 << acc_shift(op) >> 1)


def high_bias(op: Any) -> npt.NDArray[np.int64] | None:
    """What the sum of an input's high bytes starts at: they are stored 128 larger. None where there are none."""
    if not is_wide(op.x):
        return None
    weight = np.array(defining(op.weight).value, np.int64)
    return -128 * weight.reshape(len(weight), -1).sum(1)
