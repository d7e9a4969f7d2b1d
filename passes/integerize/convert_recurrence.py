"""LSTM, GRU and simple recurrent layers.

    recurrence(x, weight, bias, h, c) {kind} [clamp]  -->  qi.recurrence

States have 15 fraction bits, fewer where one comes from outside and is larger than 1; those of "relu" as many as the
calibrated range leaves. The cell of an LSTM has 12 where so few steps make it no larger than 8, and up to two fewer
beyond: at 32 it ends. Products read states with as many bits as the result has, 8 of them from the calibrated range on
down. Truth: within the rounding of weights, states and gates (docs/arithmetic.md).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.fields import ACC_SHIFT
from dyadic.dialects.qi.recurrence import MOST_DROPPED
from dyadic.dialects.recurrence import GATE_BITS, GRU, LSTM, MOST_CELL_BITS, RELU, Cell
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import (
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    i32s,
    i64,
    i64s,
)
from dyadic.passes.integerize.products import add_multipliers, quantize_product, residual_multipliers
from dyadic.passes.integerize.quantization import Activation, value_range
from dyadic.passes.rewriting import layer_name

LEAST_CELL_BITS = 10  # it ends at 32


@dataclass(frozen=True)
class States:
    """What h and c are before the first step, in `qi`, and the cell that goes on from there."""

    h: ir.Value
    c: ir.Value
    cell: Cell

    @property
    def start(self) -> list[int]:
        """A multiplier and a shift for each."""
        pairs = ((self.h, self.cell.state_bits), (self.c, self.cell.cell_bits))
        return [n for value, bits in pairs for n in rescaled(activation_of(value).exact * (1 << bits))]


@converts(qd.RecurrenceOp)
def recurrence(c: Conversion, op: qd.RecurrenceOp, target: Target) -> ir.Value:
    """One op; its result is rounded to the width that was chosen, and products read states with no more."""
    x, out = c.get(op.x), target.activation
    states = states_of(c, op, out)
    cell, wide = states.cell, out.bits == 16
    dropped = bits_to_drop(op, cell.state_bits)
    read = Activation(2.0**-cell.state_bits, 0, 16) if wide else Activation(2.0 ** (dropped - cell.state_bits), 128)
    made = Activation(2.0**-cell.input_bits, 0, 16)
    size = shape(op.weight)[1]
    weight, bias = constant_array(op, op.weight), constant_array(op, op.bias)
    product = quantize_product(layer_name(op), weight, bias, np.zeros(size), read, made, short=False)
    ratios = [read.exact * (1 << product.acc_shift) * scale / made.exact for scale in product.scales]
    ratios = [0 * ratio if m == 0 else ratio for ratio, m in zip(ratios, product.multiplier, strict=True)]
    given = activation_of(x)
    m, mb, residual_shift, shift = residual_multipliers(ratios, given.exact / made.exact, given.high)
    if cell.kind == GRU:  # the candidate's x is added behind the reset gate
        mb = (*mb[: 2 * size], *[0] * size)
    result = cell.cell_bits if op.cell.value else cell.state_bits
    new = qi.RecurrenceOp(
        x=x,
        weight=c.weight(product),
        bias=c.bias(product),
        h=states.h,
        c=states.c,
        multiplier=i32s(m),
        residual_multiplier=i32s(mb),
        residual_shift=i64(residual_shift),
        shift=i32s(shift),
        kind=op.kind,
        bits=i64s([cell.state_bits, cell.cell_bits, dropped]),
        project=i64s(rescaled(given.exact / made.exact)),
        start=i64s(states.start),
        result=i64s(rescaled(Fraction(1, 1 << result) / out.exact)),
        low=i64(target.low),
        high=i64(target.high),
        acc=i64s(product.acc),
        out=out.tensor(shape(op.out)),
        reverse=op.reverse,
        cell=op.cell,
        wide=ir.BoolAttr.get(wide),
    )
    if product.acc_shift:
        new.operation.attributes[ACC_SHIFT] = i64(product.acc_shift)
    return new.out


def bits_to_drop(op: qd.RecurrenceOp, state_bits: int) -> int:
    """Of h, where it is multiplied with 8 bits: as few as leave all that calibration saw of it inside of those."""
    seen = [use.owner.opview for use in op.x.uses]
    states = [one for one in seen if isinstance(one, qd.RecurrenceOp) and not one.cell.value and one.kind == op.kind]
    if not states:  # the cell alone is wanted
        return MOST_DROPPED
    largest = max(abs(end) for one in states for end in value_range(one.out))
    needed = math.ceil(math.log2(max(largest, 2.0**-state_bits) * (1 << state_bits) / 127))
    return min(max(needed, 0), MOST_DROPPED)


def rescaled(ratio: Fraction) -> list[int]:
    """(m, s) with m inside s16 and s in [2, 30]: products with s16 are int32."""
    m, _, s = add_multipliers(ratio, Fraction(0))
    return [m, s]


def states_of(c: Conversion, op: qd.RecurrenceOp, out: Activation) -> States:
    """The states in `qi`, and how many fraction bits they have room for."""
    h, start = c.get(op.h), c.get(op.c)
    kind, steps = op.kind.value, shape(op.x)[1]
    largest = max(1.0, reach(h) / 1.01)  # 255 steps from -1 to 1 end a little beyond
    if kind == RELU and not op.cell.value:
        largest = max(largest, out.scale * out.farthest)
    state_bits = GATE_BITS - max(0, math.ceil(math.log2(largest)))
    # sigmoids and tanh are at most 1: each step adds no more than that to a cell
    room = reach(start) + steps if kind == LSTM else 1.0
    cell_bits = MOST_CELL_BITS - min(max(0, math.ceil(math.log2(room / 8))), MOST_CELL_BITS - LEAST_CELL_BITS)
    return States(h, start, Cell(kind, max(state_bits, 0), cell_bits))


def reach(state: ir.Value) -> float:
    """How far from 0 a state before the first step can be: 0 where it is a constant 0."""
    kind, op = activation_of(state), state.owner.opview if isinstance(state, ir.OpResult) else None
    if isinstance(op, qi.ConstantOp):
        return kind.scale * float(
            np.abs(np.array(op.value).view(kind.storage).astype(np.int64) - kind.zero_point).max()
        )
    return kind.scale * kind.farthest
