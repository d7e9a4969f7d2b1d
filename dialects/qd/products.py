"""Layers with weights, and arithmetic with one constant a channel."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import Weights
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.qd.dialect import Operator, Values, rows_of_tokens
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail, verify_window

__all__ = ["Conv2dOp", "Layer", "LinearOp", "ScaleShiftOp"]


class Layer(Operator):
    """A sum of products with weights `[outputs, inputs of a group, ...]`, and a bias for each output."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    out: Result[Any]

    weights = Weights(operand=1, outputs=0, inputs=1)

    @property
    def channel_axis(self) -> int:
        """The dimension of x and of the result that holds channels."""
        raise NotImplementedError(f"{type(self).__name__} has no channels")

    @property
    def group_count(self) -> int:
        """Into how many groups its inputs and outputs fall."""
        return 1


class Conv2dOp(Layer, name="conv2d"):
    """Cross-correlation (ONNX Conv): x [1,C,H,W], weight [O,C/groups,KH,KW], bias [O].

    padding is [top, left, bottom, right].
    """

    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr

    @property
    def channel_axis(self) -> int:
        return 1

    @property
    def group_count(self) -> int:
        return self.groups.value

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
        return verify_window(self, x[2:], weight[2:], out[2:])

    def evaluate(self, xp: ModuleType, x: Values, weight: Values, bias: Values) -> Values:
        functional = xp.nn.functional
        strides, dilation, groups = ints(self.strides), ints(self.dilation), self.groups.value
        top, left, bottom, right = ints(self.padding)
        if (top, left) == (bottom, right):
            return functional.conv2d(x, weight, bias, strides, [top, left], dilation, groups)
        padded = functional.pad(x, [left, right, top, bottom])
        return functional.conv2d(padded, weight, bias, strides, 0, dilation, groups)


class LinearOp(Layer, name="linear"):
    """`x @ weight^T + bias` over the last dimension: x [..., K], weight [O, K], bias [O]."""

    @property
    def channel_axis(self) -> int:
        return len(shape(self.x)) - 1

    def verify_invariants(self) -> bool:
        x, weight, bias, out = (shape(v) for v in (self.x, self.weight, self.bias, self.out))
        if len(weight) != 2 or x[-1:] != weight[1:] or bias != weight[:1] or out != x[:-1] + weight[:1]:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, bias {bias}, result {out}")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return rows_of_tokens(axes[0], self.x)

    def evaluate(self, xp: ModuleType, x: Values, weight: Values, bias: Values) -> Values:
        return xp.nn.functional.linear(x, weight, bias)


class ScaleShiftOp(Operator, name="scale_shift"):
    """`out = x * scale[c] + shift[c]` along `axis`.

    A batch norm that could not be folded, or arithmetic with a per-channel constant.
    """

    x: Operand[Any]
    scale: Operand[Any]
    shift: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    folds = True

    @property
    def channel_axis(self) -> int:
        return self.axis.value

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        x, scale, shift = shape(self.x), shape(self.scale), shape(self.shift)
        axis = self.axis.value
        if not 0 < axis < len(x) or scale != [x[axis]] or shift != scale:
            return fail(self, f"needs one scale and one shift per entry of axis {axis} of {x}, got {scale} and {shift}")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return axes[0]

    def evaluate(self, xp: ModuleType, x: Values, scale: Values, shift: Values) -> Values:
        places = [1] * len(shape(self.x))
        places[self.axis.value] = -1
        return x * scale.reshape(places) + shift.reshape(places)
