"""Functions of one number of at most 8 bits as 256 entries, each the true value rounded once.

The true value is the op's `exact`, so that a table is the same on every machine.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.passes.integerize.quantization import Activation
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import round_half_up

ENTRIES = 256


def table(
    op: qd.Function, x: Activation, out: Activation, low: int = 0, high: int = 255
) -> npt.NDArray[np.integer[Any]]:
    """256 entries: the step of `out` nearest to the function of each step of `x`, halves up, within [low, high].

    Those that a narrower `x` never asks for are 0.
    """
    entries = []
    for q in within_domain(op, x):
        value = op.exact(x.exact * (q - x.zero_point))
        entries.append(min(max(round_half_up(value / out.exact) + out.zero_point, low), high))
    return np.array(entries + [0] * (ENTRIES - len(entries)), out.storage)


def within_domain(op: qd.Function, x: Activation) -> list[int]:
    """Every step of `x`; where the function has no value, the nearest step that has one, the upper of two.

    Raises:
        ModelError: there is none.
    """
    steps = range(x.high + 1)
    has_value = [q for q in steps if op.defined(x.exact * (q - x.zero_point))]
    if not has_value:
        raise ModelError(
            f"{layer_name(op)}: {op.operation.name.removeprefix('qd.')} has no value anywhere in what it reads, "
            f"[{float(x.exact * -x.zero_point):.6g}, {float(x.exact * (x.high - x.zero_point)):.6g}]; "
            "check the calibration data."
        )
    if len(has_value) == len(steps):
        return has_value
    return [min(has_value, key=lambda p: (abs(p - q), -p)) for q in steps]


def reach(op: qd.Function, x: Activation) -> tuple[float, float]:
    """The smallest and the largest value that the function has at steps of `x`."""
    values = [float(op.exact(x.exact * (q - x.zero_point))) for q in set(within_domain(op, x))]
    return min(values), max(values)
