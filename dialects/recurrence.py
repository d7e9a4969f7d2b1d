"""Recurrences over time: how gates make a state of another one, in float and in integers.

    lstm              i, o, f = sigmoid(p_i), sigmoid(p_o), sigmoid(p_f)     c' = f c + i tanh(p_c)    h' = o tanh(c')
    gru               z, r = sigmoid(p_z), sigmoid(p_r)      n = tanh(x_n + r (R h + b)_n)   h' = (1 - z) n + z h
    gru-reset-first                                          n = tanh(x_n + (R (r h) + b)_n)
    tanh, relu        h' = tanh(p), max(p, 0)

`p` is `x + R h + b`, its gates one after the other in the order above (ONNX's): x is what the time step's input was
projected to, R the recurrent weights.

**In integers** (docs/arithmetic.md) p has 12 fraction bits and ends at +-8, gates have 15, h has 15 and the cell c has
`cell_bits`. Functions are 512 pieces of straight lines:

    value = (T[i] * 128 + (T[i+1] - T[i]) * f + 64) >> 7         i = (p + 32768) >> 7,  f = (p + 32768) & 127
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import rational
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN, round_half_up, round_shift

LSTM, GRU, GRU_RESET_FIRST, TANH, RELU = "lstm", "gru", "gru-reset-first", "tanh", "relu"
GATES = {LSTM: 4, GRU: 3, GRU_RESET_FIRST: 3, TANH: 1, RELU: 1}  # rows of R over those of h

INPUT_BITS = 12  # fraction bits of what gates are functions of
GATE_BITS = 15
PIECE_BITS = 7
PIECES = 1 << 16 - PIECE_BITS
MOST_CELL_BITS = INPUT_BITS
Integers = npt.NDArray[np.int64]


@cache
def table(function: str) -> npt.NDArray[np.int32]:
    """The 512 pieces of "sigmoid" or "tanh": where each begins in the lower, how far it rises in the upper 16 bits."""
    sigmoid = rational.sigmoid
    real: dict[str, Callable[[Fraction], Fraction]] = {"sigmoid": sigmoid, "tanh": lambda x: 2 * sigmoid(2 * x) - 1}
    ends = [Fraction((i << PIECE_BITS) + S16_MIN, 1 << INPUT_BITS) for i in range(PIECES + 1)]
    values = np.array([min(round_half_up(real[function](x) * (1 << GATE_BITS)), S16_MAX) for x in ends], np.int32)
    return (np.diff(values) << 16) | (values[:-1] & 0xFFFF)


def gate(function: str, p: Integers) -> Integers:
    """The function of numbers with 12 fraction bits inside s16: 15 fraction bits.

    >>> gate("sigmoid", np.array([0, 4096, 32767])).tolist(), gate("tanh", np.array([-4096, 0])).tolist()
    ([16384, 23955, 32757], [-24956, 0])
    """
    entries, place = table(function).astype(np.int64), p - S16_MIN
    piece = entries[place >> PIECE_BITS]
    start = ((piece & 0xFFFF) ^ 0x8000) - 0x8000
    return (start * (1 << PIECE_BITS) + (piece >> 16) * (place & ((1 << PIECE_BITS) - 1)) + (1 << PIECE_BITS - 1)) >> (
        PIECE_BITS
    )


def s16(values: Any) -> Integers:
    """Cut off at the ends of 16 bits."""
    return np.clip(values, S16_MIN, S16_MAX)


@dataclass(frozen=True)
class Cell:
    """The integer arithmetic of one step: how many fraction bits states have."""

    kind: str
    state_bits: int  # of h
    cell_bits: int  # of c

    @property
    def input_bits(self) -> int:
        """Fraction bits of pre-activations: where nothing is a gate, those of the state."""
        return self.state_bits if self.kind == RELU else INPUT_BITS

    def lstm(self, p: list[Integers], c: Integers) -> tuple[Integers, Integers]:
        """(h, c) of the four pre-activations and the cell."""
        i, o, f = (gate("sigmoid", each) for each in p[:3])
        new = (i * gate("tanh", p[3])) >> (GATE_BITS - self.cell_bits)
        c = s16(round_shift(f * c + new, GATE_BITS))
        reach = gate("tanh", s16(c << (INPUT_BITS - self.cell_bits)))
        return round_shift(o * reach, 2 * GATE_BITS - self.state_bits), c

    def reset(self, r: Integers, other: Integers) -> Integers:
        """A gate times a state, or times what became of one: as many fraction bits as that."""
        return round_shift(gate("sigmoid", r) * other, GATE_BITS)

    def gru(self, z: Integers, n: Integers, h: Integers) -> Integers:
        """h of the pre-activations of z and n, and h before."""
        z, n = gate("sigmoid", z), round_shift(gate("tanh", n), GATE_BITS - self.state_bits)
        return round_shift(z * h + ((1 << GATE_BITS) - z) * n, GATE_BITS)

    def simple(self, p: Integers) -> Integers:
        """h of "tanh" and "relu"."""
        if self.kind == RELU:
            return np.maximum(p, 0)
        return round_shift(gate("tanh", p), GATE_BITS - self.state_bits)


def step(xp: ModuleType, kind: str, x: Any, weight: Any, bias: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """(h, c) after one time step in float: x [N, gates * H], h and c [N, H]; `xp` is torch."""
    size = weight.shape[1]

    def part(values: Any, gate: int) -> Any:
        return values[..., gate * size : (gate + 1) * size]

    if kind in (TANH, RELU):
        p = x + h @ weight.T + bias
        return (xp.tanh(p) if kind == TANH else xp.relu(p)), c
    if kind == LSTM:
        p = x + h @ weight.T + bias
        i, o, f = (xp.sigmoid(part(p, gate)) for gate in range(3))
        c = f * c + i * xp.tanh(part(p, 3))
        return o * xp.tanh(c), c
    first = h @ weight[: 2 * size].T + bias[: 2 * size] + x[..., : 2 * size]
    z, r = (xp.sigmoid(part(first, gate)) for gate in range(2))
    if kind == GRU:
        n = xp.tanh(part(x, 2) + r * (h @ weight[2 * size :].T + bias[2 * size :]))
    else:
        n = xp.tanh(part(x, 2) + (r * h) @ weight[2 * size :].T + bias[2 * size :])
    return (1 - z) * n + z * h, c
