"""Random layers as `qi` ops, for `selected.py`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from support.ptx.selected import Selected, activation, constant, selected, weights
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ACC_SHIFT
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.weight_groups import factors
from dyadic.passes.lower.memory.copies import JOINED
from dyadic.passes.lower.memory.views import READ_THROUGH

X_ZERO, OUT_ZERO, REST_ZERO = 7, 3, 9


def i64(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


def i64s(values: list[int]) -> ir.Attribute:
    return ir.DenseI64ArrayAttr.get(values)


def i32s(values: np.ndarray) -> ir.Attribute:
    return ir.DenseI32ArrayAttr.get([int(v) for v in values])


@dataclass(frozen=True)
class Layer:
    """A convolution of an image [height, width, inputs], or, without a kernel, a linear layer of its rows."""

    inputs: int
    outputs: int
    height: int = 1
    width: int = 1
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    x_bits: int = 8
    out_bits: int = 8
    rest_bits: int = 0  # of a residual; 0: there is none
    rest_shift: int = 5
    rest_inside: tuple[int, int] = (
        0,
        0,
    )  # its first channel, and how many of every second pixel; the others are padded
    weight_bits: int = 8
    weight_group: int = 0
    runs: int = 1  # of a linear layer whose weights have groups
    acc_shift: int = 0
    clamp: bool = False
    extreme: bool = False  # channels that saturate, and dead ones
    joined: int = 0  # channels of another tensor behind the result's
    table: bool = False  # what its kernel makes besides: a function of what has 8 bits, ...
    added: tuple[int, int] | None = None  # ... and an addition of such, with multipliers of both, ...
    shuffled: tuple[int, int] = (1, 1)  # ... or pixels below and beside each other, which its channels are

    def selected(self, seed: int) -> Selected:
        random = np.random.default_rng(seed)
        image = [1, self.height, self.width, self.inputs]
        x = image if self.kernel else [1, self.height * self.width, self.inputs]
        out = [*x[:-1], self.outputs]
        if self.kernel:
            top, left, bottom, right = self.padding
            sizes = ((self.height + top + bottom, 0), (self.width + left + right, 1))
            out[1:3] = [(n - self.dilation[d] * (self.kernel[d] - 1) - 1) // self.stride[d] + 1 for n, d in sizes]
        kinds = [activation(x, self.x_bits, 0 if self.x_bits == 16 else X_ZERO)]
        if self.rest_bits:
            kinds.append(activation(self.rest(out), self.rest_bits, 0 if self.rest_bits == 16 else REST_ZERO))
        if self.added:
            kinds.append(activation(out, 8, REST_ZERO))
        if self.joined:
            kinds.append(activation([*out[:-1], self.joined], self.out_bits, 0 if self.out_bits == 16 else OUT_ZERO))

        def build(values: list[ir.Value]) -> Any:
            inside = [self.inside(values[1], out)] if self.rest_inside[1] and self.rest_bits else values[1:2]
            op = self.op([values[0], *inside], out, random)
            if self.table:
                op = self.looked_up(op, random)
            if self.added:
                op = self.sum(op, values[1])
            if self.shuffled != (1, 1):
                op = self.shuffle(op)
            if self.joined:
                whole = activation([*out[:-1], self.outputs + self.joined], self.out_bits, OUT_ZERO)
                axis = i64(len(out) - 1)
                qi.ConcatOp(a=op.out, b=values[-1], axis=axis, out=ir.Type.parse(whole))
            return op

        return selected(kinds, build)

    def rest(self, out: list[int]) -> list[int]:
        """The sizes of what a residual is read from."""
        channels = self.rest_inside[1]
        return [1, *(2 * n for n in out[1:-1]), channels] if channels else out

    def inside(self, value: ir.Value, out: list[int]) -> ir.Value:
        """Every second pixel, and channels of another number than its zero point around it."""
        first, count = self.rest_inside
        zero = 0 if self.rest_bits == 16 else REST_ZERO
        none = [0] * (len(out) - 1)
        kinds = [ir.Type.parse(activation([*out[:-1], n], self.rest_bits, zero)) for n in (count, out[-1])]
        steps = [1, *[2] * (len(out) - 2), 1]
        cut = qi.SliceOp(x=value, starts=i64s([*none, 0]), steps=i64s(steps), out=kinds[0])
        high = out[-1] - first - count
        pad = qi.PadOp(
            x=cut.out, low=i64s([*none, first]), high=i64s([*none, high]), value=i64(zero + 20), out=kinds[1]
        )
        for op in (cut, pad):
            op.operation.attributes[READ_THROUGH] = ir.UnitAttr.get()
        return pad.out

    def looked_up(self, op: Any, random: np.random.Generator) -> qi.TableOp:
        """A function behind it."""
        table = ir.DenseElementsAttr.get(random.integers(0, 256, 256).astype(np.uint8).view(np.int8))
        made = qi.TableOp(x=op.out, table=table, out=op.out.type)
        made.operation.attributes[JOINED] = ir.UnitAttr.get()
        return made

    def sum(self, op: Any, other: ir.Value) -> qi.AddOp:
        """An addition behind it, of numbers that are there."""
        assert self.added is not None
        a, b = self.added
        made = qi.AddOp(
            a=op.out, b=other, multiplier_a=i64(a), multiplier_b=i64(b), shift=i64(15), low=i64(2), high=i64(250),
            out=op.out.type,
        )  # fmt: skip
        made.operation.attributes[JOINED] = ir.UnitAttr.get()
        return made

    def shuffle(self, op: Any) -> qi.TransposeOp:
        """Pixels behind it."""
        *image, channels = shape(op.out)
        split = [*image, *self.shuffled, channels // (self.shuffled[0] * self.shuffled[1])]
        order = [0, 1, 3, 2, 4, 5]
        kinds = [activation(dims, self.out_bits, OUT_ZERO) for dims in (split, [split[d] for d in order])]
        pixels = qi.ReshapeOp(x=op.out, out=ir.Type.parse(kinds[0]))
        made = qi.TransposeOp(x=pixels.out, permutation=i64s(order), out=ir.Type.parse(kinds[1]))
        for each in (pixels, made):
            each.operation.attributes[JOINED] = ir.UnitAttr.get()
        *_, rows, below, columns, beside, channels = shape(made.out)
        whole = [1, rows * below, columns * beside, channels]
        qi.ReshapeOp(x=made.out, out=ir.Type.parse(activation(whole, self.out_bits, OUT_ZERO)))
        return made

    def op(self, values: list[ir.Value], out: list[int], random: np.random.Generator) -> Any:
        weight, fields = self._weight(random)
        per = np.array(weight[1])
        spread = per.reshape(len(per), -1).astype(np.int64)
        typical = np.sqrt((spread**2).sum(1)) * (20000 if self.x_bits == 16 else 80) + 1
        zero = X_ZERO if self.x_bits < 16 else 0
        bias = random.integers(-5000, 5000, self.outputs) - zero * spread.sum(1)
        range_ = (15 if self.out_bits == 4 else 255) if self.out_bits < 16 else 40000
        ratio = range_ / (4 * typical) * (1 << self.acc_shift)
        shift = np.clip(np.floor(30.9 - np.log2(ratio)).astype(np.int64), 2, 62)
        multiplier = np.minimum(ratio * 2.0**shift, (1 << 31) - 1).astype(np.int64)
        if self.extreme:
            multiplier[::3], shift[::3] = (1 << 31) - 1, 2
            multiplier[1::5], shift[1::5] = 0, 2
        low, high = {16: (-32768, 32767), 4: (0, 15)}.get(self.out_bits, (0, 255))
        if self.clamp:
            low, high = low + (high - low) // 4, high - (high - low) // 5
        kind = ir.Type.parse(activation(out, self.out_bits, OUT_ZERO))
        fields |= {
            "x": values[0], "weight": weight[0], "bias": constant(bias.astype(np.int32)), "low": i64(low),
            "high": i64(high), "multiplier": i32s(multiplier), "shift": i32s(shift), "acc": i64s([-(1 << 30), 1 << 30]),
            "out": kind,
        }  # fmt: skip
        rest_shift = self.rest_shift
        if rest_shift == 32 and not (shift.min() >= 33 and shift.max() <= 53):
            rest_shift = 5
        if self.rest_bits:
            each = random.integers(0, 3 if self.rest_bits == 16 else 500, self.outputs) + 1
            wanted = (1 << shift) // (4 if self.rest_bits < 16 or self.out_bits == 16 else 300)
            each = np.clip(wanted * each // 200 >> rest_shift, 1, 8191 if rest_shift == 32 else (1 << 31) - 1)
            fields |= {
                "residual": values[1], "residual_multiplier": i32s(each), "residual_shift": i64(rest_shift)
            }  # fmt: skip
        else:
            fields["form"] = ir.StringAttr.get("wide")
        made = {True: (qi.ConvAddOp, qi.Conv2dOp), False: (qi.LinearAddOp, qi.LinearOp)}[self.kernel is not None]
        op = made[0 if self.rest_bits else 1](**fields)
        if self.kernel:
            op.operation.attributes["channels_last"] = ir.UnitAttr.get()
        if self.acc_shift:
            op.operation.attributes[ACC_SHIFT] = i64(self.acc_shift)
        return op

    def _weight(self, random: np.random.Generator) -> tuple[tuple[ir.Value, np.ndarray], dict[str, Any]]:
        fields: dict[str, Any] = {}
        dims = [self.outputs, self.inputs]
        if self.kernel:
            dims = [self.outputs, *self.kernel, self.inputs // self.groups]
            fields = {
                "strides": i64s(list(self.stride)), "padding": i64s(list(self.padding)),
                "dilation": i64s(list(self.dilation)), "groups": i64(self.groups),
            }  # fmt: skip
        largest = (1 << ((4 if self.weight_group else self.weight_bits) - 1)) - 1
        value = random.integers(-largest, largest + 1, dims)
        scales = None
        if self.weight_group:
            runs = dims[1:3] if self.kernel else [self.runs]
            depth = dims[-1] if self.kernel else self.inputs // self.runs
            scales = random.integers(1, 19, [self.outputs, *runs, -(-depth // self.weight_group)])
            value = value * factors(scales, self.weight_group, dims)
        bits = 8 if self.weight_group else self.weight_bits
        return (weights(value, bits, scales, self.weight_group), value), fields
