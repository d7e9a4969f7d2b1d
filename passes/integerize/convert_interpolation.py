"""Images of another size: four weights a pixel, whose sum is the same multiplier everywhere.

interpolate(x) [clamp]   -->  qi.interpolate
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import Conversion, Target, activation_of, converts, i32s, i64
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import ADD_SHIFT_MAX, round_half_up


@converts(qd.InterpolateOp)
def interpolate(c: Conversion, op: qd.InterpolateOp, target: Target) -> ir.Value:
    """The ratio of scales is in the weights, so that there is one rounding."""
    x = c.get(op.x)
    m, s = multiplier(op, activation_of(x).exact / target.activation.exact)
    return qi.InterpolateOp(
        x=x,
        rows=op.rows,
        row_shares=_shares(op.row_shares),
        columns=op.columns,
        column_shares=_shares(op.column_shares),
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(shape(op.out)),
    ).out


def multiplier(op: Any, ratio: Fraction) -> tuple[int, int]:
    """(m, s) with m / 2^s nearest to the ratio, m of 15 bits at most."""
    shift = min(ADD_SHIFT_MAX, 15 - math.frexp(float(ratio))[1])
    if round_half_up(ratio * (1 << max(shift, 0))) >= 1 << 15:
        shift -= 1
    if shift < 1:
        raise ModelError(f"{layer_name(op)}: its result's steps are {float(ratio):.3g} times finer than its input's.")
    return round_half_up(ratio * (1 << shift)), shift


def _shares(shares: Any) -> Any:
    return i32s([int(np.floor(float(share) * (1 << qi.SHARE_BITS) + 0.5)) for share in shares])
