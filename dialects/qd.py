"""`qd`: what the model means, plus what we decided. Still in float.

Few, regular ops on `tensor<...xf32>`. Images are NCHW; the leading batch dimension is 1 in the IR and a run-time
argument of everything that executes it. What was decided is written onto the ops as discardable attributes:

    qd.range = array<f64: low, high>   what calibration saw of the op's result
    qd.range4, qd.range16              what to represent of it with 4 or 16 bits, where that is another range
    qd.input_mean = array<f64: ...>    what it saw of x on average: one number a channel (conv2d, linear, scale_shift)
    qd.bits  = 8 : i64                 the width (4, 8 or 16) of its result, and qd.why = "..." the reason
    qd.weight_bits = 4 : i64           the width (2, 4 or 8) of the weights of a conv2d or linear; 8 where missing; 32:
                                       they stay float32, and the layer becomes a float island
    qd.weight_group = 32 : i64         so many input channels share an integer group scale (4 bits only); missing: none
    qd.weight_scale = array<f64: ...>  what one step of its weights is, one number an output channel
    qd.weight_steps = dense<...>       its weights in those steps, i8 in the shape of the weights
    qd.group_scales = dense<...>       with groups: what their steps are multiplied with, i8 in [1, 18],
                                       [O, ceil(I / group), ...], the spatial dimensions as in the weights; for a
                                       linear layer behind a flattened image C x H x W: [O, ceil(C / group), H, W]
    qd.bias_shift = array<f64: ...>    what integerize adds to the bias, one number an output channel; it then leaves
                                       qd.input_mean alone
    qd.name  = "input"                 on function arguments and results: the user's own name

What refine's passes learn from is written for one layer at a time and never stays (`compiler/refine`):

    qd.input_moments = dense<...>      [groups, blocks, K, K], f32: how the inputs of a weight row vary together; the
                                       K inputs of a block are taken to be independent of other blocks'
    qd.weight_target = dense<...>      f32 in the shape of the weights: the real weights that would serve best
    qd.output_error = array<f64: ...>  how far the rounded layer's results are off on average, by output channel

The scale of an activation is never written: it is derived from range and width in integerize, and so are the scale and
the steps of weights where refine has not written better ones. The meaning of the ops in torch is in
`dialects/reference.py`, so that this file can be read and loaded without torch.
"""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Dialect, Operand, Pure, Result

from dyadic.dialects.laws import Bool, Dense, I64s, fail, flag, given, ints, shape, slice_law, window_law

RANGE, INPUT_MEAN, BITS, WHY, NAME = "qd.range", "qd.input_mean", "qd.bits", "qd.why", "qd.name"
WEIGHT_BITS, WEIGHT_GROUP = "qd.weight_bits", "qd.weight_group"
WEIGHT_SCALE, WEIGHT_STEPS, GROUP_SCALES = "qd.weight_scale", "qd.weight_steps", "qd.group_scales"
FLOAT_BITS = 32  # of qd.weight_bits: no width of integers
BIAS_SHIFT = "qd.bias_shift"
RANGE_AT = {4: "qd.range4", 16: "qd.range16"}  # by width; RANGE is that of 8 bits until widths are chosen
INPUT_MOMENTS, WEIGHT_TARGET, OUTPUT_ERROR = "qd.input_moments", "qd.weight_target", "qd.output_error"


class QD(Dialect, name="qd"):
    """The float graph and the decisions about it."""


class ConstantOp(QD.Operation, name="constant", traits=[Pure]):
    """A weight, a bias, or a tensor that the model adds or multiplies with."""

    value: Dense
    out: Result[Any]


class Conv2dOp(QD.Operation, name="conv2d", traits=[Pure]):
    """Cross-correlation (ONNX Conv): x [1,C,H,W], weight [O,C/groups,KH,KW], bias [O].

    padding is [top, left, bottom, right].
    """

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "groups"):
            return True
        x, weight, bias, out = (shape(v) for v in (self.x, self.weight, self.bias, self.out))
        if len(x) != 4 or len(weight) != 4 or len(out) != 4:
            return fail(self, f"needs rank-4 x, weight and result, got {x}, {weight}, {out}")
        groups = self.groups.value
        if x[1] != weight[1] * groups or weight[0] % groups or bias != [weight[0]] or out[1] != weight[0]:
            return fail(
                self, f"channels do not fit: x {x}, weight {weight}, bias {bias}, groups {groups}, result {out}"
            )
        return window_law(self, x[2:], weight[2:], out[2:])


class LinearOp(QD.Operation, name="linear", traits=[Pure]):
    """`x @ weight^T + bias` over the last dimension: x [..., K], weight [O, K], bias [O]."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        x, weight, bias, out = (shape(v) for v in (self.x, self.weight, self.bias, self.out))
        if len(weight) != 2 or x[-1:] != weight[1:] or bias != weight[:1] or out != x[:-1] + weight[:1]:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, bias {bias}, result {out}")
        return True


class ScaleShiftOp(QD.Operation, name="scale_shift", traits=[Pure]):
    """`out = x * scale[c] + shift[c]` along `axis`.

    A batch norm that could not be folded, or arithmetic with a per-channel constant.
    """

    x: Operand[Any]
    scale: Operand[Any]
    shift: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        x, scale, shift = shape(self.x), shape(self.scale), shape(self.shift)
        axis = self.axis.value
        if not 0 < axis < len(x) or scale != [x[axis]] or shift != scale:
            return fail(self, f"needs one scale and one shift per entry of axis {axis} of {x}, got {scale} and {shift}")
        return True


class AddOp(QD.Operation, name="add", traits=[Pure]):
    """`a + b`, with broadcasting."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


class SubOp(QD.Operation, name="sub", traits=[Pure]):
    """`a - b`, with broadcasting."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


class MulOp(QD.Operation, name="mul", traits=[Pure]):
    """`a * b`, with broadcasting (squeeze-and-excite multiplies [1,C,H,W] by [1,C,1,1])."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


class ConcatOp(QD.Operation, name="concat", traits=[Pure]):
    """`a`, then `b`, along `axis` (never 0); more inputs are a chain. IRDL would give a variadic operand one type."""

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        axis, out = self.axis.value, shape(self.out)
        if not 0 < axis < len(out) or shape(self.a)[axis] + shape(self.b)[axis] != out[axis]:
            return fail(self, f"inputs {shape(self.a)} and {shape(self.b)} do not make {out} along axis {axis}")
        return True


class PadOp(QD.Operation, name="pad", traits=[Pure]):
    """`value` in `low[d]` places before and `high[d]` after the input in each dimension; negative entries crop."""

    x: Operand[Any]
    low: I64s
    high: I64s
    value: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "low", "high", "value"):
            return True
        x, out = shape(self.x), shape(self.out)
        expected = [lo + n + hi for lo, n, hi in zip(ints(self.low), x, ints(self.high), strict=False)]
        return expected == out or fail(
            self, f"{x} padded by {ints(self.low)} and {ints(self.high)} is {expected}, not {out}"
        )


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


class ClampOp(QD.Operation, name="clamp", traits=[Pure]):
    """`min(max(x, low), high)`: Relu is [0, inf], Relu6 is [0, 6]."""

    x: Operand[Any]
    low: ir.FloatAttr
    high: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if given(self, "low", "high") and not self.low.value <= self.high.value:
            return fail(self, f"low {self.low.value} must not exceed high {self.high.value}")
        return same_shape_law(self)


class SigmoidOp(QD.Operation, name="sigmoid", traits=[Pure]):
    """`1 / (1 + exp(-x))`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class TanhOp(QD.Operation, name="tanh", traits=[Pure]):
    """`tanh(x)`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class SiluOp(QD.Operation, name="silu", traits=[Pure]):
    """`x * sigmoid(x)`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class HardSigmoidOp(QD.Operation, name="hard_sigmoid", traits=[Pure]):
    """`min(max(alpha * x + beta, 0), 1)`."""

    x: Operand[Any]
    alpha: ir.FloatAttr
    beta: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class HardSwishOp(QD.Operation, name="hard_swish", traits=[Pure]):
    """`x * min(max(x + 3, 0), 6) / 6`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class LeakyReluOp(QD.Operation, name="leaky_relu", traits=[Pure]):
    """`x` where positive, `alpha * x` elsewhere."""

    x: Operand[Any]
    alpha: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class ReshapeOp(QD.Operation, name="reshape", traits=[Pure]):
    """The same numbers in the same (row-major) order under the result's shape; dimension 0 stays the batch."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        x, out = shape(self.x), shape(self.out)
        if not x or not out or x[0] != out[0]:
            return fail(self, f"{x} --> {out} mixes the batch into other dimensions")
        product = [1, 1]
        for n in x:
            product[0] *= n
        for n in out:
            product[1] *= n
        return product[0] == product[1] or fail(self, f"{x} and {out} do not hold the same number of elements")


class TransposeOp(QD.Operation, name="transpose", traits=[Pure]):
    """Dimension `d` of the result is dimension `permutation[d]` of x; dimension 0 stays in place."""

    x: Operand[Any]
    permutation: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "permutation"):
            return True
        x, out, order = shape(self.x), shape(self.out), ints(self.permutation)
        if sorted(order) != list(range(len(x))) or order[0] != 0 or [x[d] for d in order] != out:
            return fail(self, f"permutation {order} does not take {x} to {out} with the batch in place")
        return True


class SliceOp(QD.Operation, name="slice", traits=[Pure]):
    """Elements `starts[d], starts[d] + steps[d], ...` of each dimension, as many as the result has."""

    x: Operand[Any]
    starts: I64s
    steps: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return slice_law(self)


def is_island(op: Any) -> bool:
    """Whether the user keeps this layer in float."""
    attributes = op.operation.attributes
    return WEIGHT_BITS in attributes and attributes[WEIGHT_BITS].value == FLOAT_BITS


def broadcast_law(op: Any) -> bool:
    """The result's shape is what broadcasting makes of the operands'."""
    a, b, out = shape(op.a), shape(op.b), shape(op.out)
    rank = max(len(a), len(b))
    pairs = list(zip([1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b, strict=True))
    if any(m != n and 1 not in (m, n) for m, n in pairs) or [max(pair) for pair in pairs] != out:
        return fail(op, f"{a} and {b} do not broadcast to {out}")
    return True


def same_shape_law(op: Any) -> bool:
    """A function of each number alone keeps the shape."""
    return shape(op.x) == shape(op.out) or fail(op, f"makes {shape(op.out)} of {shape(op.x)}")
