"""Pooling and means."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import Range
from dyadic.dialects.fields import Bool, I64s, flag, given, ints
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail, verify_window
from dyadic.dialects.windows import valid_cells

__all__ = ["AvgPoolOp", "MaxPoolOp", "ReduceMaxOp", "ReduceMeanOp", "Reduction"]


class MaxPoolOp(Operator, name="max_pool"):
    """Largest real cell of each window. The result's size may let windows reach beyond the padding (ceil mode)."""

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    dilation: I64s
    out: Result[Any]

    result_range = Range.INPUT
    takes_clamp = False

    def verify_invariants(self) -> bool:
        if not given(self, "kernel"):
            return True
        return verify_window(self, shape(self.x)[2:], ints(self.kernel), shape(self.out)[2:], ceil=True)

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        functional = xp.nn.functional
        kernel, strides, dilation = ints(self.kernel), ints(self.strides), ints(self.dilation)
        top, left, bottom, right = reach(self, kernel, dilation)
        if (top, left) == (bottom, right) and 2 * top <= kernel[0] and 2 * left <= kernel[1]:
            return functional.max_pool2d(x, kernel, strides, [top, left], dilation)
        padded = functional.pad(x, [left, right, top, bottom], value=float("-inf"))
        return functional.max_pool2d(padded, kernel, strides, 0, dilation)


class AvgPoolOp(Operator, name="avg_pool"):
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
        return verify_window(self, shape(self.x)[2:], ints(self.kernel), shape(self.out)[2:], ceil=True)

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        functional = xp.nn.functional
        kernel, strides, padding = ints(self.kernel), ints(self.strides), ints(self.padding)
        top, left, bottom, right = reach(self, kernel, [1, 1])
        if not any((top, left, bottom, right)):
            return functional.avg_pool2d(x, kernel, strides)
        include = self.count_include_pad.value
        cells = valid_cells(shape(self.x)[2:], kernel, strides, padding, shape(self.out)[2:], include)
        padded = functional.pad(x, [left, right, top, bottom])
        total = functional.avg_pool2d(padded, kernel, strides, divisor_override=1)
        return total / xp.from_numpy(cells).float().to(x.device)


class Reduction(Operator):
    """One number for all along `axes` (sorted, never 0), which are kept as 1 where `keep` is true."""

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
        return expected == out or fail(self, f"the {self.called} of {x} over {axes} is {expected}, not {out}")

    called = "mean"  # in complaints

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        (axis,), reduced = axes, ints(self.axes)
        if axis is None or axis in reduced:
            return super().token_axis(axes)
        return axis if self.keep.value else axis - sum(d < axis for d in reduced)


class ReduceMeanOp(Reduction, name="reduce_mean"):
    """Mean over `axes` (sorted, never 0), kept as 1 where `keep` is true. Global average pooling is axes [2, 3]."""

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x.mean(ints(self.axes), keepdim=self.keep.value)


class ReduceMaxOp(Reduction, name="reduce_max"):
    """Largest entry over `axes` (sorted, never 0), kept as 1 where `keep` is true. Global max pooling is [2, 3]."""

    result_range = Range.INPUT
    takes_clamp = False
    called = "largest entry"

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x.amax(ints(self.axes), keepdim=self.keep.value)


def reach(op: MaxPoolOp | AvgPoolOp, kernel: list[int], dilation: list[int]) -> list[int]:
    """[top, left, bottom, right]: the op's padding, bottom and right at least as far as the last window reaches.

    Torch cannot say windows with asymmetric padding, nor ceil mode as ONNX counts it: the input is padded first.
    """
    size, out, strides, padding = shape(op.x)[2:], shape(op.out)[2:], ints(op.strides), ints(op.padding)
    after = [(out[d] - 1) * strides[d] + dilation[d] * (kernel[d] - 1) + 1 - padding[d] - size[d] for d in range(2)]
    return [*padding[:2], max(after[0], padding[2]), max(after[1], padding[3])]
