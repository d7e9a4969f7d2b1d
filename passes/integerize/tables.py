"""Functions of one number of at most 8 bits as 256 entries, each the true value rounded once.

The true value is the op's `exact`, so that a table is the same on every machine.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.passes.integerize.quantization import Activation
from dyadic.runtime.fixedpoint import round_half_up

ENTRIES = 256


def table(
    op: qd.Function, x: Activation, out: Activation, low: int = 0, high: int = 255
) -> npt.NDArray[np.integer[Any]]:
    """256 entries: the step of `out` nearest to the function of each step of `x`, halves up, within [low, high].

    Those that a narrower `x` never asks for are 0.
    """
    entries = []
    for q in range(x.high + 1):
        value = op.exact(x.exact * (q - x.zero_point))
        entries.append(min(max(round_half_up(value / out.exact) + out.zero_point, low), high))
    return np.array(entries + [0] * (ENTRIES - len(entries)), out.storage)
