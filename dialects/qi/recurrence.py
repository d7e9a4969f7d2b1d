"""Layers that go through time step by step, in integers."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Bool, I32s, I64s, acc_shift, flag, given, ints
from dyadic.dialects.integer_verifiers import verify_product
from dyadic.dialects.qi.products import Layer
from dyadic.dialects.recurrence import GATE_BITS, GATES, GRU, GRU_RESET_FIRST, LSTM, MOST_CELL_BITS, Cell, s16
from dyadic.dialects.tensor_types import activation, is_wide, shape, storage, zero_point
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = ["STATE_ZERO_POINT", "RecurrenceOp"]

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
STATE_ZERO_POINT = 128  # of a state that is multiplied as u8
MOST_DROPPED = 8  # bits that it has less then


class RecurrenceOp(Layer, name="recurrence"):
    """`qd.recurrence` in integers: x s16 [1,T,gates*H], weight s8 [gates*H,H], bias i32; states are s16 inside.

    Every step adds the products of R with the state and the step's x in one rounding, as `qi.linear_add` does:

        p = clamp_s16((acc * m[o] + (x << residual_shift) * mb[o] + 2^(s[o]-1)) >> s[o])        acc = bias + sum(w * h)

    and gates make the next state of it (`dialects/recurrence.py`: `Cell`). What is multiplied of h is h itself where
    `wide`, else `clamp_u8(round_shift(h, dropped) + 128)`. The candidate of a GRU, whose reset gate comes after the
    product, has mb = 0 and x with `project` (a multiplier, a shift) by itself.

        out = clamp(((h * result[0] + 2^(result[1]-1)) >> result[1]) + zp, low, high)           c with `cell`
        h0  = clamp_s16((h - zh) * start[0] rounded by start[1]), c0 by start[2] and start[3]

    `bits` are the fraction bits of h and c, and `dropped`, at most 8. `acc` holds every partial sum of a product.
    """

    h: Operand[Any]
    c: Operand[Any]
    multiplier: I32s
    residual_multiplier: I32s
    residual_shift: ir.IntegerAttr
    shift: I32s
    kind: ir.StringAttr
    bits: I64s
    project: I64s
    start: I64s
    result: I64s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]
    reverse: Bool = flag()
    cell: Bool = flag()
    wide: Bool = flag()

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.RecurrenceOp,)
    order = Order.ROWS

    def verify_invariants(self) -> bool:
        if not given(self, "kind", "bits", "project", "start", "result"):
            return True
        kind, (state_bits, cell_bits, dropped) = self.kind.value, ints(self.bits)
        if kind not in GATES:
            return fail(self, f'kind must be one of {", ".join(GATES)}, not "{kind}"')
        x, weight, h, c, out = (shape(v) for v in (self.x, self.weight, self.h, self.c, self.out))
        size = weight[-1]
        if len(x) != 3 or weight != [GATES[kind] * size, size] or x[2] != weight[0] or out != [*x[:2], size]:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, result {out} of {kind}")
        if h != [1, size] or c != h or activation(self.h) is None or activation(self.c) is None:
            return fail(self, f"needs states [1, {size}], got {self.h.type} and {self.c.type}")
        if activation(self.x) is None or not is_wide(self.x):
            return fail(self, f"must read activations of 16 bits, not {self.x.type}")
        if not (0 <= state_bits <= GATE_BITS and 0 <= cell_bits <= MOST_CELL_BITS and 0 <= dropped <= MOST_DROPPED):
            return fail(
                self,
                f"states with {state_bits} and {cell_bits} fraction bits, less {dropped}; at most 15, 12 and 8 fit",
            )
        pairs = (*ints(self.result), *ints(self.project), *ints(self.start))
        for m, s in zip(pairs[::2], pairs[1::2], strict=True):
            if abs(m) > fixedpoint.S16_MAX or not fixedpoint.SHIFT_MIN <= s <= fixedpoint.ADD_SHIFT_MAX:
                return fail(self, f"multiplier {m} must lie in s16 and shift {s} in [2, 30]: products are int32")
        return self._verify_residual(weight[0]) and verify_product(self, weight[0])

    def _verify_residual(self, channels: int) -> bool:
        mb, by, s = ints(self.residual_multiplier), self.residual_shift.value, ints(self.shift)
        limits = fixedpoint.residual_limits(fixedpoint.S16_MAX)
        high = by == fixedpoint.HIGH_RESIDUAL_SHIFT
        fits = max(mb) >> limits.high_bits == 0 and set(s) <= set(fixedpoint.HIGH_SHIFTS) if high else by >= 0
        if len(mb) != channels or min(mb) < 0 or not fits or not (high or by <= limits.shift):
            return fail(self, f"residual multipliers {mb} and a shift of {by} leave what a fused addition holds")
        return True

    @property
    def arithmetic_of_a_step(self) -> Cell:
        """How states follow from pre-activations."""
        return Cell(self.kind.value, *ints(self.bits)[:2])

    def multiplied(self, h: Integers) -> Integers:
        """What products read of a state, less its zero point."""
        if self.wide.value:
            return h
        return np.clip(fixedpoint.round_shift(h, ints(self.bits)[2]) + STATE_ZERO_POINT, 0, 255)

    def started(self, state: Array, value: ir.Value, pair: int) -> Integers:
        """A state before the first step."""
        m, s = ints(self.start)[2 * pair : 2 * pair + 2]
        return s16(fixedpoint.round_shift((state.astype(np.int64) - zero_point(value)) * m, s))

    def evaluate(self, x: Array, weight: Array, bias: Array, h: Array, c: Array) -> Array:
        images, times, _ = x.shape
        states = [
            np.broadcast_to(self.started(state, value, i), (images, weight.shape[1]))
            for i, (state, value) in enumerate(((h, self.h), (c, self.c)))
        ]
        out = np.zeros((images, times, weight.shape[1]), np.int64)
        for t in range(times)[:: -1 if self.reverse.value else 1]:
            states = self.step(x[:, t].astype(np.int64), weight.astype(np.int64), bias.astype(np.int64), *states)
            out[:, t] = states[self.cell.value]
        m, s = ints(self.result)
        made = fixedpoint.round_shift(out * m, s) + zero_point(self.out)
        return np.clip(made, self.low.value, self.high.value).astype(storage(self.out))

    def step(self, x: Integers, weight: Integers, bias: Integers, h: Integers, c: Integers) -> list[Integers]:
        """Both states after one step."""
        kind, cell, size = self.kind.value, self.arithmetic_of_a_step, weight.shape[1]

        def p(gate: int, state: Integers) -> Integers:
            rows = slice(gate * size, (gate + 1) * size)
            acc = fixedpoint.round_shift(self.multiplied(state) @ weight[rows].T + bias[rows], acc_shift(self))
            m, mb, s = (np.array(ints(each)[rows]) for each in (self.multiplier, self.residual_multiplier, self.shift))
            total = acc * m + (x[:, rows] << self.residual_shift.value) * mb
            return s16(fixedpoint.round_shift(total, s))

        if kind == LSTM:
            return [*cell.lstm([p(gate, h) for gate in range(4)], c)]
        if kind == GRU:
            m, s = ints(self.project)
            projected = s16(fixedpoint.round_shift(x[:, 2 * size :] * m, s))
            return [cell.gru(p(0, h), s16(projected + cell.reset(p(1, h), p(2, h))), h), c]
        if kind == GRU_RESET_FIRST:
            return [cell.gru(p(0, h), p(2, cell.reset(p(1, h), h)), h), c]
        return [cell.simple(p(0, h)), c]
