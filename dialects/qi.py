"""`qi`: what the machine will do. Integers only, float islands apart; every op is its fields, its law and its exact
meaning.

Rank-4 tensors are NHWC here; other ranks are as the model has them. An activation is
`tensor<..x!quant.uniform<u8:f32, S:zp>>` with S exactly a float32; of 4 bits it is `u8<0:15>`, of 16 bits `i16` without
a zero point, and ops may read and make any of them. Weights are `qi.constant` of
`!quant.uniform<i8<-127:127>:f32:0, {...}>`, `<i4<-7:7>...>` or `<i2<-1:1>...>`, their numbers always an array of i8;
biases are int32 at scale `S_in * S_w` with `-zp * sum(w)` folded in. The scales say what the integers stand for; the
arithmetic needs none of them: multiplier, shift and zero points ARE it.

The accumulator of a layer that reads 16 bits may need more than 32: it is then narrowed by `acc_shift` bits, halves up,
before anything else is done with it (an i64 attribute in [0, 8]; where it is missing, nothing is narrowed).

A layer that the user excluded from the integers is a *float island*: `qi.float_conv2d` or `qi.float_linear`, which read
and make integers like every op, but compute with float32 weights and biases (tensors of f32) in between. The order of
its operations is part of its meaning, so that its bits are the same everywhere, too. The artifact is no longer
integer-only, and its certificate says so.

`evaluate` takes and returns NumPy arrays whose leading dimension is the batch, any batch. It is the oracle that every
kernel is compared with, bit for bit. Sums of products run in floating point only where that is exact (`exact_float`).
"""
# pyright: reportInvalidTypeForm=false

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Dialect, Operand, Pure, Result

from dyadic.dialects.integer_laws import (
    acc_shift,
    broadcast_law,
    clamp_law,
    convolution_law,
    float_product_law,
    image_law,
    move_law,
    numbers,
    product_law,
    requant_law,
    weight_law,
)
from dyadic.dialects.laws import (
    Bool,
    Dense,
    I32s,
    I64s,
    activation,
    fail,
    flag,
    given,
    ints,
    is_wide,
    known_activation,
    shape,
    slice_law,
    steps_of,
    storage,
    window_law,
    zero_point,
)
from dyadic.dialects.windows import taps, valid_cells
from dyadic.runtime import fixedpoint

Array = npt.NDArray[Any]


class QI(Dialect, name="qi"):
    """The integer graph."""


class ConstantOp(QI.Operation, name="constant", traits=[Pure]):
    """Integers known at compile time: weights (i8), biases (i32), or an activation that never changes.

    Such an activation has leading dimension 1 and is the same in every image of a batch. Weights in groups are whole
    here, and their groups beside them (`dialects/weight_groups.py`).
    """

    value: Dense
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return not given(self, "value") or weight_law(self)

    def evaluate(self) -> Array:
        value = np.array(self.value)
        return value.view(storage(self.out)) if activation(self.out) is not None else value


class QuantizeOp(QI.Operation, name="quantize", traits=[Pure]):
    """The input boundary (docs/arithmetic.md): float32 to integers, NCHW to NHWC for rank 4. Done by the runtime."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return activation(self.out) is not None or fail(self, f"must make a quantized activation, not {self.out.type}")

    def evaluate(self, x: Array) -> Array:
        kind = known_activation(self.out)
        q = fixedpoint.quantize(x, kind.scale, kind.zero_point, *steps_of(self.out))
        return q.transpose(0, 2, 3, 1) if q.ndim == 4 else q


class DequantizeOp(QI.Operation, name="dequantize", traits=[Pure]):
    """The output boundary (docs/arithmetic.md): integers to float32, NHWC to NCHW for rank 4. Done by the runtime."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return activation(self.x) is not None or fail(self, f"must read a quantized activation, not {self.x.type}")

    def evaluate(self, x: Array) -> Array:
        kind = known_activation(self.x)
        r = fixedpoint.dequantize(x, kind.scale, kind.zero_point)
        return r.transpose(0, 3, 1, 2) if r.ndim == 4 else r


class Conv2dOp(QI.Operation, name="conv2d", traits=[Pure]):
    """`clamp(requant(bias + sum(x * w), m[o], s[o]))`: x [1,H,W,C], weight [O,KH,KW,C/groups], bias i32[O].

    One m and one s a channel. Padded cells hold the zero point of x: the folded `-zp * sum(w)` holds everywhere.
    `form` is "wide" or "short" (every |acc|*m + 2^(s-1) proven below 2^31): it says which computation is allowed, never
    which result is right.
    `acc` is the proven interval of every partial sum, bias included; of 16-bit inputs, those of low and of high bytes
    apart, and the accumulator after `acc_shift`.
    """

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr
    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    form: ir.StringAttr
    acc: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return not given(self, "groups") or convolution_law(self)

    def accumulate(self, x: Array, weight: Array, bias: Array) -> npt.NDArray[np.int64]:
        """The accumulators, narrowed to int32 where they must be, as int64 [N,OH,OW,O]."""
        kernel, out, groups = list(weight.shape[1:3]), shape(self.out)[1:3], self.groups.value
        kind = exact_float(weight, self.x)
        total = np.zeros((len(x), *out, weight.shape[0]), kind)
        step_in, step_out = x.shape[3] // groups, weight.shape[0] // groups
        for (kh, kw), cells in taps(
            x, kernel, ints(self.strides), ints(self.padding), ints(self.dilation), out, zero_point(self.x)
        ):
            tap = weight[:, kh, kw, :].astype(kind)
            cells = cells.astype(kind)
            if step_in == step_out == 1:
                total += cells * tap[:, 0]
                continue
            for g in range(groups):
                o = slice(g * step_out, (g + 1) * step_out)
                total[..., o] += cells[..., g * step_in : (g + 1) * step_in] @ tap[o].T
        return fixedpoint.round_shift(total.astype(np.int64) + bias, acc_shift(self))

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        return narrow(self, self.accumulate(x, weight, bias))


class ConvAddOp(QI.Operation, name="conv_add", traits=[Pure]):
    """A convolution whose accumulator is added to a residual before the one rounding.

    `clamp(((acc * m[o] + ((b - zb) << residual_shift) * mb[o] + 2^(s[o]-1)) >> s[o]) + zp, low, high)`; sum in int64.
    `residual_shift` lies in [0, 16], or is 32 where every mb is below 2^15 and every s in [33, 53]. For a residual of
    16 bits it lies in [0, 8], or is 32 where every mb is below 2^13.
    """

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    residual: Operand[Any]
    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr
    multiplier: I32s
    residual_multiplier: I32s
    residual_shift: ir.IntegerAttr
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "groups"):
            return True
        channels, out = shape(self.weight)[0], shape(self.out)
        if shape(self.residual) != out:
            return fail(self, f"residual {shape(self.residual)} must have the result's shape {out}")
        if given(self, "residual_multiplier", "residual_shift", "shift"):
            mb, by, s = ints(self.residual_multiplier), self.residual_shift.value, ints(self.shift)
            high = by == fixedpoint.HIGH_RESIDUAL_SHIFT
            limits = fixedpoint.residual_limits(steps_of(self.residual)[1])
            if len(mb) != channels or min(mb) < 0 or not (0 <= by <= limits.shift or high):
                seen = f"{mb}, {by}"
                return fail(
                    self,
                    f"needs {channels} residual multipliers >= 0 and a shift in [0, {limits.shift}] or 32, got {seen}",
                )
            if high and (max(mb) >> limits.high_bits or not set(s) <= set(fixedpoint.HIGH_SHIFTS)):
                seen = f"{max(mb)} and [{min(s)}, {max(s)}]"
                return fail(
                    self,
                    f"residual shift 32 needs residual multipliers below 2^{limits.high_bits} and shifts in [33, 53], "
                    f"got {seen}",
                )
        return convolution_law(self)

    accumulate = Conv2dOp.accumulate

    def evaluate(self, x: Array, weight: Array, bias: Array, residual: Array) -> Array:
        b = (residual.astype(np.int64) - zero_point(self.residual)) << self.residual_shift.value
        shift = np.array(ints(self.shift), np.int64)
        total = self.accumulate(x, weight, bias) * np.array(ints(self.multiplier), np.int64)
        total += b * np.array(ints(self.residual_multiplier), np.int64)
        return np.clip(
            fixedpoint.round_shift(total, shift) + zero_point(self.out), self.low.value, self.high.value
        ).astype(storage(self.out))


class LinearOp(QI.Operation, name="linear", traits=[Pure]):
    """The same over the last dimension: x [..., K], weight [O, K], bias i32[O]."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    form: ir.StringAttr
    acc: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        x, weight, out = shape(self.x), shape(self.weight), shape(self.out)
        if len(weight) != 2 or x[-1:] != weight[1:] or out != x[:-1] + weight[:1]:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, result {out}")
        return product_law(self, weight[0])

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        kind = exact_float(weight, self.x)
        acc = (x.astype(kind) @ weight.astype(kind).T).astype(np.int64) + bias
        return narrow(self, fixedpoint.round_shift(acc, acc_shift(self)))


class FloatConv2dOp(QI.Operation, name="float_conv2d", traits=[Pure]):
    """A float island: x [1,H,W,C] of integers, weight f32[O,KH,KW,C/groups], bias f32[O], a result of integers.

    `clamp(quantize(bias + r * w + ...), low, high)`: `r` and `quantize` are the boundary's (docs/arithmetic.md).
    The sum begins with the bias and takes one product after the other: kernel row, kernel column, input channel, the
    last innermost. Each product and each sum is a float32, rounded half to even by itself, never fused. Padded cells
    are 0.0; as weights are finite, adding their products or leaving them out makes the same result.
    """

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return not given(self, "groups") or (float_product_law(self, shape(self.weight)[0]) and image_law(self))

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        (outputs, *kernel, depth), groups, out = weight.shape, self.groups.value, shape(self.out)[1:3]
        strides, padding, dilation = ints(self.strides), ints(self.padding), ints(self.dilation)
        total = np.broadcast_to(bias.reshape(groups, -1), (len(x), *out, groups, outputs // groups)).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for (kh, kw), cells in taps(real(self.x, x), kernel, strides, padding, dilation, out, 0):
                for i in range(depth):
                    total += cells[..., i::depth, None] * weight[:, kh, kw, i].reshape(groups, -1)
        return quantized(self, total.reshape(len(x), *out, outputs))


class FloatLinearOp(QI.Operation, name="float_linear", traits=[Pure]):
    """The same over the last dimension: x [..., K] of integers, weight f32[O, K], bias f32[O]."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        x, weight, out = shape(self.x), shape(self.weight), shape(self.out)
        if len(weight) != 2 or x[-1:] != weight[1:] or out != x[:-1] + weight[:1]:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, result {out}")
        return float_product_law(self, weight[0])

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        r, total = real(self.x, x), np.broadcast_to(bias, (*x.shape[:-1], len(bias))).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for i in range(weight.shape[1]):
                total += r[..., i, None] * weight[:, i]
        return quantized(self, total)


class AddOp(QI.Operation, name="add", traits=[Pure]):
    """`clamp((((a-za)*ma + (b-zb)*mb + 2^(s-1)) >> s) + zp, low, high)`: one rounding.

    |m| < 2^15, so the sum fits int32; where an operand or the result has 16 bits, |m| < 2^31 and the sum is int64.
    A subtraction has a negative mb (ma where the operands were exchanged). `b` may be [1, .., 1, C], of the same rank,
    and is broadcast.
    """

    a: Operand[Any]
    b: Operand[Any]
    multiplier_a: ir.IntegerAttr
    multiplier_b: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not (broadcast_law(self) and clamp_law(self)):
            return False
        if given(self, "multiplier_a", "multiplier_b", "shift"):
            ma, mb, shift = self.multiplier_a.value, self.multiplier_b.value, self.shift.value
            wide = any(is_wide(value) for value in (self.a, self.b, self.out))
            bits, most, sum_ = (31, fixedpoint.SHIFT_MAX, "int64") if wide else (15, fixedpoint.ADD_SHIFT_MAX, "int32")
            if max(abs(ma), abs(mb)) >= 1 << bits:
                return fail(self, f"multipliers {ma}, {mb} must be below 2^{bits} in size")
            if not fixedpoint.SHIFT_MIN <= shift <= most:
                return fail(self, f"shift {shift} must lie in [2, {most}]: the sum is {sum_}")
        return True

    def evaluate(self, a: Array, b: Array) -> Array:
        total = (a.astype(np.int64) - zero_point(self.a)) * self.multiplier_a.value
        total = total + (b.astype(np.int64) - zero_point(self.b)) * self.multiplier_b.value
        q = fixedpoint.round_shift(total, self.shift.value) + zero_point(self.out)
        return np.clip(q, self.low.value, self.high.value).astype(storage(self.out))


class MulOp(QI.Operation, name="mul", traits=[Pure]):
    """`requant((a-za) * (b-zb), m, s)`; `b` may be [1, .., 1, C], of the same rank, and is broadcast."""

    a: Operand[Any]
    b: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self) and requant_law(self)

    def evaluate(self, a: Array, b: Array) -> Array:
        product = (a.astype(np.int64) - zero_point(self.a)) * (b.astype(np.int64) - zero_point(self.b))
        return narrow(self, product)


class RequantOp(QI.Operation, name="requant", traits=[Pure]):
    """`requant(x - zx, m, s)`: another scale, or a clamp that no producer could take."""

    x: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if activation(self.x) is None or shape(self.x) != shape(self.out):
            return fail(self, f"must make an activation of its input's shape, not {self.x.type} --> {self.out.type}")
        return requant_law(self)

    def evaluate(self, x: Array) -> Array:
        return narrow(self, x.astype(np.int64) - zero_point(self.x))


class TableOp(QI.Operation, name="table", traits=[Pure]):
    """`table[x]`, 256 entries: any function of a number of at most 8 bits, exact to the rounding of the result.

    An entry has the result's storage, i8 for u8 and i16.
    """

    x: Operand[Any]
    table: Dense
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if given(self, "table") and list(self.table.type.shape) != [256]:
            return fail(self, f"table has shape {list(self.table.type.shape)}, needs 256 entries")
        if activation(self.x) is None or activation(self.out) is None or is_wide(self.x):
            return fail(self, f"must map activations of at most 8 bits, not {self.x.type} --> {self.out.type}")
        width = 16 if is_wide(self.out) else 8
        if given(self, "table") and ir.IntegerType(self.table.type.element_type).width != width:
            return fail(self, f"table of {self.table.type.element_type} needs entries of {width} bits")
        return True

    def evaluate(self, x: Array) -> Array:
        return np.array(self.table).view(storage(self.out))[x]


class ConcatOp(QI.Operation, name="concat", traits=[Pure]):
    """`a`, then `b`, both of the result's element type, along `axis` (never 0); more inputs are a chain."""

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        element = ir.RankedTensorType(self.out.type).element_type
        if any(ir.RankedTensorType(v.type).element_type != element for v in (self.a, self.b)):
            return fail(self, "inputs must have the result's scale and zero point; requantize them in their producers")
        axis, out = self.axis.value, shape(self.out)
        if not 0 < axis < len(out) or shape(self.a)[axis] + shape(self.b)[axis] != out[axis]:
            return fail(self, f"inputs {shape(self.a)} and {shape(self.b)} do not make {out} along axis {axis}")
        return True

    def evaluate(self, *inputs: Array) -> Array:
        batch = max(len(x) for x in inputs)  # a constant has one image
        return np.concatenate([np.broadcast_to(x, (batch, *x.shape[1:])) for x in inputs], self.axis.value)


class PadOp(QI.Operation, name="pad", traits=[Pure]):
    """`value` (already in the type's steps) in `low[d]` places before and `high[d]` after; negative entries crop."""

    x: Operand[Any]
    low: I64s
    high: I64s
    value: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "low", "high", "value"):
            return True
        if activation(self.x) is None:
            return fail(self, f"must read a quantized activation, not {self.x.type}")
        lowest, highest = steps_of(self.x)
        if not lowest <= self.value.value <= highest:
            return fail(self, f"value {self.value.value} leaves [{lowest}, {highest}]")
        sides = zip(ints(self.low), shape(self.x), ints(self.high), strict=True)
        return move_law(self, [low + n + high for low, n, high in sides])

    def evaluate(self, x: Array) -> Array:
        low, high = ints(self.low), ints(self.high)
        crop = tuple(slice(max(0, -lo), n - max(0, -hi)) for lo, n, hi in zip(low, x.shape, high, strict=True))
        grow = [(max(0, lo), max(0, hi)) for lo, hi in zip(low, high, strict=True)]
        return np.pad(x[crop], grow, constant_values=self.value.value)


class MaxPoolOp(QI.Operation, name="max_pool", traits=[Pure]):
    """Largest real cell of each window: windows are clipped and never read padding. x and result share one type."""

    x: Operand[Any]
    kernel: I64s
    strides: I64s
    padding: I64s
    dilation: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "kernel"):
            return True
        return move_law(self, None) and window_law(
            self, shape(self.x)[1:3], ints(self.kernel), shape(self.out)[1:3], ceil=True
        )

    def evaluate(self, x: Array) -> Array:
        out = shape(self.out)[1:3]
        lowest = steps_of(self.x)[0]
        every = taps(x, ints(self.kernel), ints(self.strides), ints(self.padding), ints(self.dilation), out, lowest)
        return np.stack([cells for _, cells in every]).max(0)


class AvgPoolOp(QI.Operation, name="avg_pool", traits=[Pure]):
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

    def verify_invariants(self) -> bool:
        if not given(self, "kernel", "counts", "multiplier", "shift"):
            return True
        counts, m, s = ints(self.counts), ints(self.multiplier), ints(self.shift)
        if not len(counts) == len(m) == len(s):
            return fail(self, f"needs one multiplier and one shift per count, got {counts}, {m}, {s}")
        return requant_law(self, len(counts)) and window_law(
            self, shape(self.x)[1:3], ints(self.kernel), shape(self.out)[1:3], ceil=True
        )

    def evaluate(self, x: Array) -> Array:
        kernel, strides, padding, out = ints(self.kernel), ints(self.strides), ints(self.padding), shape(self.out)[1:3]
        zero = zero_point(self.x)
        total = sum(cells.astype(np.int64) - zero for _, cells in taps(x, kernel, strides, padding, [1, 1], out, zero))
        cells = valid_cells(list(x.shape[1:3]), kernel, strides, padding, out, self.count_include_pad.value)
        index = np.searchsorted(ints(self.counts), cells)
        m, s = np.array(ints(self.multiplier), np.int64)[index], np.array(ints(self.shift), np.int64)[index]
        q = fixedpoint.requant(total, m[..., None], s[..., None], zero_point(self.out), self.low.value, self.high.value)
        return q.astype(storage(self.out))


class ReshapeOp(QI.Operation, name="reshape", traits=[Pure]):
    """The same bytes in the same (row-major) order under the result's shape; dimension 0 stays the batch."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        x, out = shape(self.x), shape(self.out)
        if math.prod(x) != math.prod(out) or x[0] != out[0]:
            return fail(self, f"{x} and {out} do not hold the same numbers with the batch in place")
        return move_law(self, None)

    def evaluate(self, x: Array) -> Array:
        return x.reshape(len(x), *shape(self.out)[1:])


class TransposeOp(QI.Operation, name="transpose", traits=[Pure]):
    """Dimension `d` of the result is dimension `permutation[d]` of x; dimension 0 stays in place."""

    x: Operand[Any]
    permutation: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "permutation"):
            return True
        x, order = shape(self.x), ints(self.permutation)
        if sorted(order) != list(range(len(x))) or order[0] != 0:
            return fail(self, f"{order} does not permute the dimensions of {x} with the batch in place")
        return move_law(self, [x[d] for d in order])

    def evaluate(self, x: Array) -> Array:
        return np.ascontiguousarray(x.transpose(ints(self.permutation)))


class SliceOp(QI.Operation, name="slice", traits=[Pure]):
    """Elements `starts[d], starts[d] + steps[d], ...` of each dimension, as many as the result has."""

    x: Operand[Any]
    starts: I64s
    steps: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return slice_law(self) and move_law(self, None)

    def evaluate(self, x: Array) -> Array:
        bounds = zip(ints(self.starts), ints(self.steps), shape(self.out), strict=True)
        places = [slice(start, start + (n - 1) * step + 1, step) for start, step, n in bounds]
        return x[(slice(None), *places[1:])]


def exact_float(weight: Array, x: ir.Value) -> type[np.floating[Any]]:
    """The narrowest float type in which every partial sum of what `x` holds times `weight` (one row an output) is
    exact."""
    low, high = steps_of(x)
    largest = max(-low, high) * int(np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(1).max(initial=0))
    if largest >= 1 << 53:
        raise ValueError(f"partial sums reach {largest}, more than float64 holds exactly")
    return np.float32 if largest < 1 << 24 else np.float64


def narrow(op: Any, acc: npt.NDArray[np.int64]) -> Array:
    """`requant` with the op's own multiplier, shift, clamp and result type."""
    m, s = op.multiplier, op.shift
    q = fixedpoint.requant(acc, numbers(m), numbers(s), zero_point(op.out), op.low.value, op.high.value)
    return q.astype(storage(op.out))


def real(value: ir.Value, q: Array) -> npt.NDArray[np.float32]:
    """What the integers `q` of a `qi` activation stand for, as the boundary says it."""
    kind = known_activation(value)
    return fixedpoint.dequantize(q, kind.scale, kind.zero_point)


def quantized(op: Any, total: npt.NDArray[np.float32]) -> Array:
    """Float32 results as integers of the op's result type, as the boundary makes them, inside the op's clamp."""
    kind = known_activation(op.out)
    q = fixedpoint.quantize(total, kind.scale, kind.zero_point, *steps_of(op.out))
    return np.clip(q, op.low.value, op.high.value).astype(storage(op.out))
