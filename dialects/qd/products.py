"""Layers with weights, and arithmetic with one constant a channel."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Pure, Result

from dyadic.dialects.laws import I64s, fail, given, shape, window_law
from dyadic.dialects.qd.dialect import QD


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
