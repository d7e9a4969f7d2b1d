"""Pooling and means."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir.dialects.ext import Operand, Pure, Result

from dyadic.dialects.laws import Bool, I64s, fail, flag, given, ints, shape, window_law
from dyadic.dialects.qd.dialect import QD


class MaxPoolOp(QD.Operation, name="max_pool", traits=[Pure]):
    """Largest real cell of each window. The result's size may let windows reach beyond the padding (ceil mode)."""

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    dilation: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "kernel"):
            return True
        return window_law(self, shape(self.x)[2:], ints(self.kernel), shape(self.out)[2:], ceil=True)


class AvgPoolOp(QD.Operation, name="avg_pool", traits=[Pure]):
    """Mean of each window; `count_include_pad` counts padded cells, but never cells beyond the padding (ceil mode)."""

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    out: Result[Any]
    count_include_pad: Bool = flag()

    def verify_invariants(self) -> bool:
        if not given(self, "kernel"):
            return True
        return window_law(self, shape(self.x)[2:], ints(self.kernel), shape(self.out)[2:], ceil=True)


class ReduceMeanOp(QD.Operation, name="reduce_mean", traits=[Pure]):
    """Mean over `axes` (sorted, never 0), kept as 1 where `keep` is true. Global average pooling is axes [2, 3]."""

    x: Operand[Any]
    axes: I64s
    out: Result[Any]
    keep: Bool = flag()

    def verify_invariants(self) -> bool:
        if not given(self, "axes", "keep"):
            return True
        x, axes, out = shape(self.x), ints(self.axes), shape(self.out)
        if not axes or axes != sorted(set(axes)) or axes[0] < 1 or axes[-1] >= len(x):
            return fail(self, f"axes {axes} must be sorted dimensions of {x}, the batch not among them")
        expected = [1 if d in axes else n for d, n in enumerate(x) if self.keep.value or d not in axes]
        return expected == out or fail(self, f"the mean of {x} over {axes} is {expected}, not {out}")
