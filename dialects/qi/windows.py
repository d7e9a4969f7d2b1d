"""Pooling of images [1,C,H,W], or [1,H,W,C] with the unit attribute `channels_last`."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order, image, pixels, pixels_shape
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Bool, I32s, I64s, flag, given, ints
from dyadic.dialects.integer_verifiers import verify_move, verify_requantization
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import quantized_bounds, storage, zero_point
from dyadic.dialects.verifiers import fail, verify_window
from dyadic.dialects.windows import taps, valid_cells
from dyadic.runtime import fixedpoint

__all__ = ["AvgPoolOp", "MaxPoolOp"]

Array = npt.NDArray[Any]


class MaxPoolOp(Operator, name="max_pool"):
    """Largest real cell of each window: windows are clipped and never read padding. x and result share one type."""

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    dilation: I64s
    out: Result[Any]

    arithmetic = Arithmetic.MOVE
    made_from = (qd.MaxPoolOp, qd.ReduceMaxOp)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        if not given(self, "kernel"):
            return True
        return verify_move(self, None) and verify_window(
            self, pixels_shape(self, self.x)[1:3], ints(self.kernel), pixels_shape(self, self.out)[1:3], ceil=True
        )

    def evaluate(self, x: Array) -> Array:
        x, out = pixels(self, x), pixels_shape(self, self.out)[1:3]
        lowest = quantized_bounds(self.x)[0]
        every = taps(x, ints(self.kernel), ints(self.strides), ints(self.padding), ints(self.dilation), out, lowest)
        return image(self, np.stack([cells for _, cells in every]).max(0))


class AvgPoolOp(Operator, name="avg_pool"):
    """`requant(sum(x - zx) over real cells, m[i], s[i])`, where the window has `counts[i]` valid cells.

    Counted padding adds 0 and counts; `counts` are the numbers of cells that the windows of this op divide by.
    """

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    counts: I64s
    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]
    count_include_pad: Bool = flag()

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.AvgPoolOp, qd.ReduceMeanOp)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        if not given(self, "kernel", "counts", "multiplier", "shift"):
            return True
        counts, m, s = ints(self.counts), ints(self.multiplier), ints(self.shift)
        if not len(counts) == len(m) == len(s):
            return fail(self, f"needs one multiplier and one shift per count, got {counts}, {m}, {s}")
        return verify_requantization(self, len(counts)) and verify_window(
            self, pixels_shape(self, self.x)[1:3], ints(self.kernel), pixels_shape(self, self.out)[1:3], ceil=True
        )

    def evaluate(self, x: Array) -> Array:
        kernel, strides, padding = ints(self.kernel), ints(self.strides), ints(self.padding)
        x, out = pixels(self, x), pixels_shape(self, self.out)[1:3]
        zero = zero_point(self.x)
        total = sum(cells.astype(np.int64) - zero for _, cells in taps(x, kernel, strides, padding, [1, 1], out, zero))
        cells = valid_cells(list(x.shape[1:3]), kernel, strides, padding, out, self.count_include_pad.value)
        index = np.searchsorted(ints(self.counts), cells)
        m, s = np.array(ints(self.multiplier), np.int64)[index], np.array(ints(self.shift), np.int64)[index]
        q = fixedpoint.requant(total, m[..., None], s[..., None], zero_point(self.out), self.low.value, self.high.value)
        return image(self, q.astype(storage(self.out)))
