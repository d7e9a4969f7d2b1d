"""What a network says of its own data: the mean and the deviation of every channel behind a batch norm.

A batch norm makes channels of mean 0 and variance 1 of its training data, and scales and shifts them: behind it a
channel has its shift as mean and its scale as deviation. Where the norm is folded into a layer, that is known of what
the layer makes. `compiler/datafree/` learns ranges from it where there are no samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.rewriting import defining

Reals = npt.NDArray[np.float64]


def statistics_of(op: Any) -> tuple[Reals, Reals] | None:
    """(means, deviations) by channel of what an op makes; None where nothing says so."""
    if op is None or qd.STATISTICS not in op.operation.attributes:
        return None
    mean, deviation = np.array([float(v) for v in op.operation.attributes[qd.STATISTICS]]).reshape(2, -1)
    return mean, deviation


def note_statistics(value: ir.Value, mean: Reals, deviation: Reals) -> None:
    """Write them onto the op that makes `value`, if an op does."""
    op = defining(value)
    if op is not None:
        numbers = np.concatenate([mean, deviation]).astype(np.float64).tolist()
        op.operation.attributes[qd.STATISTICS] = ir.DenseF64ArrayAttr.get(numbers, op.operation.context)


def carry_statistics(op: Any, value: ir.Value) -> None:
    """What is known of what `op` makes holds for `value`, too, which takes its place."""
    if (known := statistics_of(op)) is not None:
        note_statistics(value, *known)


def statistics_behind(op: Any, before: Any, scale: Reals, shift: Reals) -> tuple[Reals, Reals] | None:
    """Of what `op`, a scale and shift, makes of what `before` made: its own, or else those of `before` through it."""
    own, first = statistics_of(op), statistics_of(before)
    if own is not None or first is None:
        return own
    return first[0] * scale + shift, first[1] * np.abs(scale)
