"""What verifiers of integer ops share: requantization, clamps, products, broadcasts, moves."""

from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects.dimensions import pixels_shape
from dyadic.dialects.fields import acc_shift, given, ints, numbers
from dyadic.dialects.tensor_types import activation, is_wide, quantized_bounds, shape
from dyadic.dialects.verifiers import fail, verify_window
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES, factors
from dyadic.runtime import fixedpoint


def verify_requantization(op: Any, channels: int | None = None) -> bool:
    """Multipliers and shifts inside the bounds of requantization, one pair a channel; the clamp inside the type."""
    if not given(op, "multiplier", "shift", "low", "high"):
        return True
    m, s = numbers(op.multiplier), numbers(op.shift)
    if channels is not None and (len(m) != channels or len(s) != channels):
        return fail(op, f"needs {channels} multipliers and shifts, got {len(m)} and {len(s)}")
    if min(m) < 0 or not fixedpoint.SHIFT_MIN <= min(s) <= max(s) <= fixedpoint.SHIFT_MAX:
        seen = f"{min(m)} and [{min(s)}, {max(s)}]"
        return fail(op, f"multipliers must not be negative and shifts must lie in [2, 62], got {seen}")
    return verify_clamp(op)


def verify_accumulator(op: Any) -> bool:
    """The proven interval of every partial sum lies inside int32."""
    if given(op, "acc"):
        low, high = ints(op.acc)
        if low < fixedpoint.INT32_MIN or high > fixedpoint.INT32_MAX:
            return fail(op, f"accumulator interval [{low}, {high}] leaves int32")
    return True


def verify_clamp(op: Any) -> bool:
    """The clamp is inside the integers of the result, and the result is an activation."""
    if activation(op.out) is None:
        return fail(op, f"must make a quantized activation, not {op.out.type}")
    low, high = quantized_bounds(op.out)
    if given(op, "low", "high") and not low <= op.low.value <= op.high.value <= high:
        return fail(op, f"clamp [{op.low.value}, {op.high.value}] leaves [{low}, {high}]")
    return True


def verify_last_dimension(op: Any) -> bool:
    """What linear layers share: x [..., K] times weight [O, K] makes [..., O]."""
    x, weight, out = shape(op.x), shape(op.weight), shape(op.out)
    fits = len(weight) == 2 and x[-1:] == weight[1:] and out == x[:-1] + weight[:1]
    return fits or fail(op, f"shapes do not fit: x {x}, weight {weight}, result {out}")


def verify_product(op: Any, channels: int) -> bool:
    """What layers with weights share: i32 bias, s8 weights, requantization a channel, accumulators inside int32."""
    weight, bias = ir.RankedTensorType(op.weight.type).element_type, ir.RankedTensorType(op.bias.type)
    if not isinstance(weight, quant.UniformQuantizedPerAxisType) or not weight.is_signed:
        return fail(op, f"needs signed weights with one scale a channel, got {op.weight.type}")
    if list(bias.shape) != [channels] or str(bias.element_type) != "i32":
        return fail(op, f"needs a bias tensor<{channels}xi32>, got {op.bias.type}")
    if activation(op.x) is None:
        return fail(op, f"must read a quantized activation, not {op.x.type}")
    if not verify_accumulator(op):
        return False
    most = fixedpoint.ACC_SHIFT_MAX if is_wide(op.x) else 0
    if not 0 <= acc_shift(op) <= most:
        return fail(op, f"acc_shift {acc_shift(op)} must lie in [0, {most}] for inputs of {op.x.type}")
    if given(op, "form") and op.form.value not in ("wide", "short"):
        return fail(op, f'form must be "wide" or "short", got "{op.form.value}"')
    return verify_requantization(op, channels)


def verify_residual(op: Any) -> bool:
    """Of the result's shape, with multipliers and shifts inside the bounds of a fused addition."""
    channels, out = shape(op.weight)[0], shape(op.out)
    if shape(op.residual) != out:
        return fail(op, f"residual {shape(op.residual)} must have the result's shape {out}")
    if not given(op, "residual_multiplier", "residual_shift", "shift"):
        return True
    mb, by, s = ints(op.residual_multiplier), op.residual_shift.value, ints(op.shift)
    high = by == fixedpoint.HIGH_RESIDUAL_SHIFT
    limits = fixedpoint.residual_limits(quantized_bounds(op.residual)[1])
    if len(mb) != channels or min(mb) < 0 or not (0 <= by <= limits.shift or high):
        return fail(
            op,
            f"needs {channels} residual multipliers >= 0 and a shift in [0, {limits.shift}] or 32, got {mb}, {by}",
        )
    if high and (max(mb) >> limits.high_bits or not set(s) <= set(fixedpoint.HIGH_SHIFTS)):
        return fail(
            op,
            f"residual shift 32 needs residual multipliers below 2^{limits.high_bits} and shifts in [33, 53], "
            f"got {max(mb)} and [{min(s)}, {max(s)}]",
        )
    return True


def verify_weights(op: Any) -> bool:
    """Weights lie inside the range of their type; with groups, they are group scale times a step of 4 bits.

    Only looks at what is there: an artifact keeps the numbers elsewhere.
    """
    kind = ir.RankedTensorType(op.out.type).element_type
    if not isinstance(kind, quant.UniformQuantizedPerAxisType) or isinstance(op.value, ir.UnitAttr):
        return True
    values = np.array(op.value, copy=False)
    low, high = int(values.min()), int(values.max())
    if low < kind.storage_type_min or high > kind.storage_type_max:
        return fail(op, f"holds weights in [{low}, {high}], outside of {kind}")
    attributes = op.operation.attributes
    if GROUP_SCALES in attributes:
        scales = factors(np.array(attributes[GROUP_SCALES]), attributes[GROUP].value, values.shape)
        if (values % scales).any() or (np.abs(values) > 7 * scales).any():
            return fail(op, "holds weights that are not group scale times a step in [-7, 7]")
    return True


def verify_convolution(op: Any) -> bool:
    """Images and weights of rank 4 whose channels and windows fit, and what products share."""
    return verify_image(op) and verify_product(op, shape(op.weight)[0])


def verify_image(op: Any) -> bool:
    """Images and weights of rank 4 whose channels and windows fit."""
    x, weight, out = pixels_shape(op, op.x), shape(op.weight), pixels_shape(op, op.out)
    ranks, groups = [len(x), len(weight), len(out)], op.groups.value
    if ranks != [4, 4, 4] or x[3] != weight[3] * groups or out[3] != weight[0] or weight[0] % groups:
        return fail(op, f"channels do not fit: x {x}, weight {weight}, groups {groups}, result {out}")
    return verify_window(op, x[1:3], weight[1:3], out[1:3])


def verify_float_product(op: Any, channels: int) -> bool:
    """What float islands share: f32 weights and bias, an input of integers, a clamp inside those of the result."""
    weight, bias = (ir.RankedTensorType(value.type) for value in (op.weight, op.bias))
    if str(weight.element_type) != "f32":
        return fail(op, f"needs weights of f32, got {op.weight.type}")
    if list(bias.shape) != [channels] or str(bias.element_type) != "f32":
        return fail(op, f"needs a bias tensor<{channels}xf32>, got {op.bias.type}")
    if activation(op.x) is None:
        return fail(op, f"must read a quantized activation, not {op.x.type}")
    return verify_clamp(op)


def verify_broadcast(op: Any) -> bool:
    """`a` and `b` have the result's rank, and its size or 1 in each dimension."""
    a, b, out = shape(op.a), shape(op.b), shape(op.out)
    if activation(op.a) is None or activation(op.b) is None:
        return fail(op, f"must read quantized activations, not {op.a.type} and {op.b.type}")
    if len(a) == len(b) == len(out) and all(
        {i, j} <= {1, n} and n in (i, j) for i, j, n in zip(a, b, out, strict=True)
    ):
        return True
    return fail(op, f"a {a} and b {b} do not broadcast to {out}")


def verify_move(op: Any, sizes: list[int] | None) -> bool:
    """The result has the input's type, and the shape `sizes` that the op's attributes ask for (None: not known yet)."""
    have, want = ir.RankedTensorType(op.out.type).element_type, ir.RankedTensorType(op.x.type).element_type
    if have != want:
        return fail(op, f"moves {want} and cannot make {have} of it")
    return sizes is None or sizes == shape(op.out) or fail(op, f"makes {sizes}, not {shape(op.out)}")
