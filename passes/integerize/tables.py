"""Functions of one number: of at most 8 bits as 256 entries, each the true value rounded once; of 16 bits as lines.

The true value is the op's `exact`, so that a table is the same on every machine.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import piecewise_linear, qd
from dyadic.passes.integerize.quantization import Activation
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN, round_half_up

ENTRIES = 256


def table(
    op: qd.Function, x: Activation, out: Activation, low: int = 0, high: int = 255
) -> npt.NDArray[np.integer[Any]]:
    """256 entries: the step of `out` nearest to the function of each step of `x`, halves up, within [low, high].

    Those that a narrower `x` never asks for are 0.
    """
    entries = []
    for q in within_domain(op, x):
        value = op.exact(x.exact * (q - x.zero_point))
        entries.append(min(max(round_half_up(value / out.exact) + out.zero_point, low), high))
    return np.array(entries + [0] * (ENTRIES - len(entries)), out.storage)


def line(
    scale: float, shift: float, x: Activation, out: Activation, low: int, high: int
) -> npt.NDArray[np.integer[Any]]:
    """256 entries of `scale * x + shift`, as `table` has them."""
    entries = []
    for q in range(x.high + 1):
        value = Fraction(scale) * x.exact * (q - x.zero_point) + Fraction(shift)
        entries.append(min(max(round_half_up(value / out.exact) + out.zero_point, low), high))
    return np.array(entries + [0] * (ENTRIES - len(entries)), out.storage)


def within_domain(op: qd.Function, x: Activation) -> list[int]:
    """Every step of `x`; where the function has no value, the nearest step that has one, the upper of two.

    Raises:
        ModelError: there is none.
    """
    steps = range(x.high + 1)
    has_value = [q for q in steps if op.defined(x.exact * (q - x.zero_point))]
    if not has_value:
        raise without_value(op, x)
    if len(has_value) == len(steps):
        return has_value
    return [min(has_value, key=lambda p: (abs(p - q), -p)) for q in steps]


def without_value(op: qd.Function, x: Activation) -> ModelError:
    """The complaint of a function that has no value at any step."""
    low, high = x.range
    return ModelError(
        f"{layer_name(op)}: {op.operation.name.removeprefix('qd.')} has no value anywhere in what it reads, "
        f"[{low:.6g}, {high:.6g}]; check the calibration data."
    )


def reach(op: qd.Function, x: Activation) -> tuple[float, float]:
    """The smallest and the largest value that the function has at steps of `x`; of 16 bits, at steps that lines begin
    with, the ones next to 0 among them."""
    if x.bits < 16:
        values = [float(op.exact(x.exact * (q - x.zero_point))) for q in set(within_domain(op, x))]
    else:
        exact = Values(op, x, 1)
        values = [float(exact.at(place) / Values.ONE) for place in range(S16_MIN, S16_MAX + 1, 1 << 6)]
        values += [float(exact.at(place) / Values.ONE) for place in range(-64, 65)]
    return min(values), max(values)


class Values:
    """A function's exact values at 16-bit steps, in 2^-40 steps of the result; `unit` is the result's scale.

    Where it has no value it takes that of the nearest step that has one.
    """

    ONE = 1 << 40

    def __init__(self, op: qd.Function, x: Activation, unit: Fraction | int) -> None:
        self.op, self.x, self.unit = op, x, unit
        self.nearest = self._nearest()
        self.known: dict[int, int] = {}

    def at(self, place: int) -> int:
        """The value at a step, or at one next to the last: lines end there."""
        if self.nearest is not None:
            place = int(self.nearest[place - S16_MIN + 1])
        if place not in self.known:
            self.known[place] = round_half_up(self.op.exact(self.x.exact * place) / self.unit * self.ONE)
        return self.known[place]

    def _nearest(self) -> npt.NDArray[np.int64] | None:
        """The nearest step with a value, of each step; None where all have one."""
        if type(self.op).defined is qd.Function.defined:
            return None
        steps = np.arange(S16_MIN - 1, S16_MAX + 2)
        valid = steps[[self.op.defined(self.x.exact * int(place)) for place in steps]]
        if not len(valid):
            raise without_value(self.op, self.x)
        after = valid[np.minimum(np.searchsorted(valid, steps), len(valid) - 1)]
        before = valid[np.maximum(np.searchsorted(valid, steps, "right") - 1, 0)]
        return np.where(np.abs(steps - before) < np.abs(after - steps), before, after)


LIMIT = ((1 << 16) - 1) * Values.ONE


def line_table(op: qd.Function, x: Activation, out: Activation) -> npt.NDArray[np.int32]:
    """Starts and slopes [lines, 2] of `piecewise_linear.values`: as few lines as keep all of them within half a step
    of `out` beside the rounding, if the longest table can.

    Each line is the chord, moved by half of what the function bends away from it in the middle.
    """
    exact = Values(op, x, out.exact)
    *shorter, longest = piecewise_linear.CHOICES
    for bits in shorter:
        found, bend = lines(exact, bits)
        if bend <= Values.ONE // 2:
            return found
    return lines(exact, longest)[0]


def lines(exact: Values, bits: int) -> tuple[npt.NDArray[np.int32], int]:
    """The table, and how far the function is from a line at most, in units of `Values`, where it is inside 16 bits."""
    rows, most = [], 0
    for *places, exponent in piecewise_linear.pieces(bits):
        start, middle, end = (limited(exact.at(place)) for place in places)
        bend = middle - (start + end >> 1) if exponent else 0
        room = -LIMIT - min(start, end), LIMIT - max(start, end)  # of a line that begins or ends beyond 16 bits
        moved = min(max(bend // 2, room[0]), room[1]) if exponent else 0
        if abs(middle) <= S16_MAX * Values.ONE:
            most = max(most, abs(bend) // 2 if moved == bend // 2 else abs(bend - moved))
        rows.append((start + moved, end - start >> exponent if exponent else 0))
    down = 40 - piecewise_linear.FRACTION_BITS
    table = (np.array(rows, object) + (1 << down - 1)) >> down
    return table.astype(np.int32), most


def limited(value: int) -> int:
    """Nothing beyond twice what 16 bits hold: lines stay inside int32."""
    return min(max(value, -LIMIT), LIMIT)
