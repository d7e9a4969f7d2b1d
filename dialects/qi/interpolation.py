"""Images of another size, between four pixels [1,C,H,W], or [1,H,W,C] with the unit attribute `channels_last`."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order, image, pixels, pixels_shape
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import I32s, I64s, given, ints
from dyadic.dialects.integer_verifiers import verify_clamp
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, storage, zero_point
from dyadic.dialects.verifiers import fail, verify_places
from dyadic.runtime import fixedpoint

__all__ = ["SHARE_BITS", "InterpolateOp", "corner_weights"]

Array = npt.NDArray[Any]
Wide = npt.NDArray[np.int64]

SHARE_BITS = 15  # of the share of the second row or column: 2^15 is all of it
LARGEST_MULTIPLIER = 1 << 15


def corner_weights(multiplier: int, row_share: Wide, column_share: Wide) -> tuple[Wide, Wide, Wide, Wide]:
    """Weights of (first row, first column), (first, second), (second, first), (second, second); their sum is exactly
    `multiplier`.

    >>> [int(w) for w in corner_weights(1 << 14, np.int64(1 << 14), np.int64(1 << 13))]
    [6144, 2048, 6144, 2048]
    """
    last = fixedpoint.round_shift(row_share * column_share * multiplier, 2 * SHARE_BITS)
    below = fixedpoint.round_shift(row_share * multiplier, SHARE_BITS) - last
    beside = fixedpoint.round_shift(column_share * multiplier, SHARE_BITS) - last
    return multiplier - last - below - beside, beside, below, last


class InterpolateOp(Operator, name="interpolate"):
    """`clamp(((sum of four (x - zx) * w + 2^(s-1)) >> s) + zp, low, high)` with `corner_weights` of `multiplier`.

    Row `rows[i]` and the next, `row_shares[i]` of 2^15 of the second; the same of columns. The multiplier is below
    2^15, so that sums fit int32.
    """

    x: Operand[Any]
    rows: I64s
    row_shares: I32s
    columns: I64s
    column_shares: I32s
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.InterpolateOp,)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        if not given(self, "rows", "row_shares", "columns", "column_shares", "multiplier", "shift"):
            return True
        if activation(self.x) is None:
            return fail(self, f"must read a quantized activation, not {self.x.type}")
        m, s = self.multiplier.value, self.shift.value
        if not 0 <= m < LARGEST_MULTIPLIER or not 1 <= s <= fixedpoint.ADD_SHIFT_MAX:
            return fail(self, f"multiplier {m} must be below 2^15 and shift {s} in [1, 30]")
        x, out = ([n, c, h, w] for n, h, w, c in (pixels_shape(self, self.x), pixels_shape(self, self.out)))
        return verify_clamp(self) and verify_places(self, x, out, 1 << SHARE_BITS)

    def evaluate(self, x: Array) -> Array:
        x = pixels(self, x).astype(np.int64) - zero_point(self.x)
        shares = np.array(ints(self.row_shares))[:, None], np.array(ints(self.column_shares))[None, :]
        weights = corner_weights(self.multiplier.value, *shares)
        rows, columns = (
            (places, np.minimum(places + 1, size - 1))
            for places, size in ((np.array(ints(self.rows)), x.shape[1]), (np.array(ints(self.columns)), x.shape[2]))
        )
        corners = [(r, c) for r in rows for c in columns]
        total = sum(
            x[:, row[:, None], column[None, :]] * weight[..., None]
            for (row, column), weight in zip(corners, weights, strict=True)
        )
        q = fixedpoint.round_shift(total, self.shift.value) + zero_point(self.out)
        return image(self, np.clip(q, self.low.value, self.high.value).astype(storage(self.out)))
