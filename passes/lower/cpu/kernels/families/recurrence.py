"""LSTM, GRU and simple recurrent layers (`qi.recurrence`): a loop over time, one image a unit.

A step multiplies the state by the recurrent weights, adds what its input was projected to, and leaves pre-activations
in scratch memory, as int32; then gates make the next state of them, 16 units at a time. Weights are packed for products
of bytes (`packing.py` says how), with every gate filled up to whole vectors of 16 outputs, so that those of one unit
have the same lane. Functions of gates are 512 pieces of lines each, looked up one lane at a time or gathered.

States are int32 lanes in scratch memory, and bytes for the products beside them: u8, or the two planes of 16 bits.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import recurrence as law
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import packing, products, requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import SIGN
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Epilogue, Result, store_bytes
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import DOTS, LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize, combined
from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

LINE = 64
VECTOR = 4 * LANES  # bytes of 16 int32
AT_ONCE = {"x86-64": 1, "avx2": 3, "avxvnni": 4}  # vectors of outputs whose sums stay in registers; 8 where 32 are
# places in the numbers behind the requantization, int32; a pair is a multiplier and a shift
ZERO_POINT, LOW, HIGH, RESULT, PROJECT, START_H, START_C, ZERO_H, ZERO_C = 0, 1, 2, 3, 5, 7, 9, 11, 12
NUMBERS = 16


@dataclass(frozen=True)
class RecurrenceSpec:
    """Everything the code depends on; rows of x and of the result are time steps. States without a place begin at 0."""

    kind: str
    steps: int
    hidden: int
    reverse: bool
    cell: bool  # the result is c
    wide: bool  # products read 16 bits of a state
    state_bits: int
    cell_bits: int
    dropped: int  # bits of a state that products of 8 bits do not read
    form: str
    acc_shift: int
    x: Strided
    out: Strided
    h: Strided | None = None
    c: Strided | None = None

    @property
    def units(self) -> int:
        """Tiles per image."""
        return 1

    @property
    def gates(self) -> int:
        """How often the state's size R has rows."""
        return law.GATES[self.kind]

    @property
    def vectors(self) -> int:
        """Of 16 units of the state."""
        return -(-self.hidden // LANES)

    @property
    def law(self) -> law.Cell:
        """How states follow from pre-activations."""
        return law.Cell(self.kind, self.state_bits, self.cell_bits)

    @property
    def numbers(self) -> int:
        """Where the numbers are in the parameters, in bytes; tables follow."""
        block = requantize.WIDE_BLOCK if self.wide else requantize.BLOCK
        return 4 * (requantize.HEADER + self.gates * self.vectors * block)

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread."""
        return Scratch(self).end


class Scratch:
    """Where things lie in scratch memory: byte offsets."""

    def __init__(self, spec: RecurrenceSpec) -> None:
        self.plane = -(-spec.vectors * LANES // LINE) * LINE + LINE  # bytes that are read behind a row
        self.code = 0
        self.reset = self.code + 2 * self.plane
        self.h = self.reset + 2 * self.plane
        self.c = self.h + spec.vectors * VECTOR
        self.p = self.c + spec.vectors * VECTOR
        self.end = self.p + spec.gates * spec.vectors * VECTOR


def by_gate(spec: RecurrenceSpec, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of outputs, every gate filled up to whole vectors."""
    padded = np.zeros((spec.gates, spec.vectors * LANES), np.int64)
    padded[:, : spec.hidden] = values.reshape(spec.gates, spec.hidden)
    return padded.reshape(-1)


def pack_weights(spec: RecurrenceSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[gates*H, H] as [vector][K/4][16][4]."""
    depth = 4 * packing.packed_dwords(spec.hidden)
    padded = np.zeros((spec.gates, spec.vectors * LANES, depth), weight.dtype)
    padded[:, : spec.hidden, : spec.hidden] = weight.reshape(spec.gates, spec.hidden, spec.hidden)
    split = padded.reshape(spec.gates * spec.vectors, LANES, depth // 4, 4)
    return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(-1)


def pack_params(rounding: npt.NDArray[np.int32], numbers: list[int]) -> npt.NDArray[np.int32]:
    """The requantization of all outputs, the numbers, and the tables of both functions."""
    row = np.zeros(NUMBERS, np.int32)
    row[: len(numbers)] = numbers
    return np.concatenate([rounding, row, law.table("sigmoid"), law.table("tanh")])


def generate(spec: RecurrenceSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""
    c.kernel(symbol, lambda arguments: _Writer(spec, level, arguments).write())


class _Writer:
    def __init__(self, spec: RecurrenceSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.k, self.dot, self.places, self.law = spec, k, DOTS[level], Scratch(spec), spec.law
        self.epilogue = Epilogue(level, k.params, spec.form, clamp=False, out_plane=1, residual_plane=spec.x.plane)
        self.at_once = AT_ONCE.get(level, 8)
        self.vector_bytes = packing.vector_bytes(spec.hidden)
        tables = spec.numbers + 4 * NUMBERS
        self.tables = {"sigmoid": tables, "tanh": tables + 4 * law.PIECES}

    # --- memory

    def number(self, place: int) -> c.Value:
        """One of the numbers in every lane."""
        return c.splat(c.load(c.integer(32), self.k.params, self.spec.numbers + 4 * place, align=4), LANES)

    def scratch(self, offset: int) -> c.Value:
        return c.at(self.k.scratch, offset)

    def lanes(self, place: int, vector: c.Value) -> c.Value:
        """16 int32 of a row of scratch memory."""
        return c.load(c.vec(LANES, 32), self.scratch(place), c.mul(vector, VECTOR), align=LINE)

    def keep(self, value: c.Value, place: int, vector: c.Value) -> None:
        c.store(value, self.scratch(place), c.mul(vector, VECTOR), align=LINE)

    def p(self, gate: int) -> int:
        """Where a gate's pre-activations are."""
        return self.places.p + gate * self.spec.vectors * VECTOR

    def activation(self, pointer: c.Value, offset: c.Value, plane: int) -> c.Value:
        """16 integers of an activation."""
        low = c.extend(c.load(c.vec(LANES, 8), pointer, offset), 32, signed=False)
        if not plane:
            return low
        high = c.load(c.vec(LANES, 8), c.at(pointer, plane), offset)
        return c.add(low, c.shift_left(c.extend(c.exclusive(high, SIGN), 32, signed=True), 8))

    # --- arithmetic

    def rescaled(self, x: c.Value, pair: int) -> c.Value:
        """Times a multiplier, rounded by a shift."""
        shift = self.number(pair + 1)
        half = c.shift_left(c.fill(1, LANES, 32), c.sub(shift, 1))
        return c.shift_right(c.add(c.mul(x, self.number(pair)), half), shift)

    def gate(self, function: str, p: c.Value) -> c.Value:
        """`law.gate`."""
        place = c.sub(p, S16_MIN)
        piece = self.gathered(self.tables[function], c.shift_right_logical(place, law.PIECE_BITS))
        start, rise = c.shift_right(c.shift_left(piece, 16), 16), c.shift_right(piece, 16)
        inside = c.mul(rise, c.both(place, (1 << law.PIECE_BITS) - 1))
        line = c.add(c.shift_left(start, law.PIECE_BITS), inside)
        return c.shift_right(c.add(line, 1 << law.PIECE_BITS - 1), law.PIECE_BITS)

    def gathered(self, table: int, index: c.Value) -> c.Value:
        """Entries of a table of int32 in the parameters, lane by lane."""
        return c.gather(c.at(self.k.params, table), index)

    # --- a unit

    def write(self) -> None:
        c.loop(self.k.first, self.k.last, self.sequence)

    def sequence(self, image: c.Value) -> None:
        """All steps of one image."""
        spec = self.spec
        x, out = (
            c.at(pointer, c.mul(image, lies.image))
            for pointer, lies in ((self.k.input(0), spec.x), (self.k.out, spec.out))
        )
        self.start(image)

        def step(t: c.Value) -> None:
            row = c.sub(c.const(spec.steps - 1), t) if spec.reverse else t
            self.step(c.at(x, c.mul(row, spec.x.row)), c.at(out, c.mul(row, spec.out.row)))

        c.loop(0, spec.steps, step)

    def start(self, image: c.Value) -> None:
        """The states before the first step."""
        spec, places, given = self.spec, self.places, 1
        for lies, place, pair, zero in (
            (spec.h, places.h, START_H, ZERO_H),
            (spec.c, places.c, START_C, ZERO_C),
        ):
            pointer = None
            if lies is not None:
                pointer, given = c.at(self.k.input(given), c.mul(image, lies.image)), given + 1
            plane = 0 if lies is None else lies.plane
            c.loop(0, spec.vectors, partial(self.first_state, pointer, plane, place, pair, zero))

    def first_state(
        self, pointer: c.Value | None, plane: int, place: int, pair: int, zero: int, vector: c.Value
    ) -> None:
        state = c.zeros(LANES, 32)
        if pointer is not None:
            steps = self.activation(pointer, c.mul(vector, LANES), plane)
            state = s16(self.rescaled(c.sub(steps, self.number(zero)), pair))
        self.keep(state, place, vector)
        if place == self.places.h:
            self.keep_code(state, self.places.code, vector)

    def keep_code(self, state: c.Value, place: int, vector: c.Value) -> None:
        """What products read of a state."""
        offset = c.mul(vector, LANES)
        if self.spec.wide:
            high = c.exclusive(c.truncate(c.shift_right(state, 8), 8), SIGN)
            c.store(c.truncate(state, 8), self.scratch(place), offset, align=LANES)
            c.store(high, self.scratch(place + self.places.plane), offset, align=LANES)
            return
        code = c.largest(c.smallest(c.add(rounded(state, self.spec.dropped), 128), 255), 0)
        c.store(c.truncate(code, 8), self.scratch(place), offset, align=LANES)

    def step(self, x: c.Value, out: c.Value) -> None:
        spec, places = self.spec, self.places
        if spec.kind == law.GRU_RESET_FIRST:
            self.products(x, places.code, 0, 2)

            def reset(j: c.Value) -> None:
                self.keep_code(self.reset(j, self.lanes(places.h, j)), places.reset, j)

            c.loop(0, spec.vectors, reset)
            self.products(x, places.reset, 2, 3)
        else:
            self.products(x, places.code, 0, spec.gates)
        whole, rest = divmod(spec.hidden, LANES)
        if whole:
            c.loop(0, whole, lambda j: self.gates(x, out, j, LANES))
        if rest:
            self.gates(x, out, c.const(whole), rest)

    def products(self, x: c.Value, code: int, first: int, last: int) -> None:
        """Pre-activations of some gates."""
        spec = self.spec
        for gate in range(first, last):
            source = c.at(x, gate * spec.hidden)

            def block(j: c.Value, count: int, gate: int = gate, source: c.Value = source) -> None:
                self.block(source, code, gate, j, count)

            whole = spec.vectors // self.at_once * self.at_once
            if whole:
                c.loop(0, whole, lambda j, block=block: block(j, self.at_once), step=self.at_once)
            if spec.vectors > whole:
                block(c.const(whole), spec.vectors - whole)

    def block(self, x: c.Value, code: int, gate: int, first: c.Value, count: int) -> None:
        """`count` vectors of a gate from `first` on."""
        spec, number = self.spec, c.add(first, gate * self.spec.vectors)
        rounding = [
            Requantize(self.k.params, c.add(number, v), spec.form, residual=True, wide=spec.wide) for v in range(count)
        ]
        planes = 2 if spec.wide else 1
        starts = [[each.biases[plane] for each in rounding] for plane in range(planes)]
        right = c.at(self.k.weights, c.mul(number, self.vector_bytes))
        dwords = self.vector_bytes // packing.LINE
        made = products.sums(
            self.dot, self.scratch(code), self.places.plane, planes, right, count, self.vector_bytes, dwords, starts
        )
        source = c.at(x, c.mul(first, LANES))
        for v, each in enumerate(rounding):
            acc = combined([made[plane][v] for plane in range(planes)], spec.acc_shift)
            addend = self.epilogue.addend(Result(each, acc, LANES, source, source, v * LANES))
            self.keep(s16(each.rounded(acc, addend)), self.p(gate), c.add(first, v))

    def reset(self, j: c.Value, other: c.Value) -> c.Value:
        """The reset gate times a state, or times what became of one."""
        r = self.gate("sigmoid", self.lanes(self.p(1), j))
        return rounded(c.mul(r, other), law.GATE_BITS)

    def gates(self, x: c.Value, out: c.Value, j: c.Value, count: int) -> None:
        """Both states of 16 units, and `count` of them into the result."""
        spec, places, before = self.spec, self.places, self.lanes(self.places.h, j)
        p = [self.lanes(self.p(gate), j) for gate in range(spec.gates)]
        made = None
        if spec.kind == law.LSTM:
            i, o, f = (self.gate("sigmoid", each) for each in p[:3])
            new = c.shift_right(c.mul(i, self.gate("tanh", p[3])), law.GATE_BITS - spec.cell_bits)
            made = s16(rounded(c.add(c.mul(f, self.lanes(places.c, j)), new), law.GATE_BITS))
            self.keep(made, places.c, j)
            reach = self.gate("tanh", s16(c.shift_left(made, law.INPUT_BITS - spec.cell_bits)))
            h = rounded(c.mul(o, reach), 2 * law.GATE_BITS - spec.state_bits)
        elif spec.gates == 3:
            n = p[2]
            if spec.kind == law.GRU:
                projected = self.activation(c.at(x, 2 * spec.hidden), c.mul(j, LANES), spec.x.plane)
                n = s16(c.add(s16(self.rescaled(projected, PROJECT)), self.reset(j, n)))
            z, n = self.gate("sigmoid", p[0]), rounded(self.gate("tanh", n), law.GATE_BITS - spec.state_bits)
            rest = c.sub(c.fill(1 << law.GATE_BITS, LANES, 32), z)
            h = rounded(c.add(c.mul(z, before), c.mul(rest, n)), law.GATE_BITS)
        elif spec.kind == law.RELU:
            h = c.largest(p[0], 0)
        else:
            h = rounded(self.gate("tanh", p[0]), law.GATE_BITS - spec.state_bits)
        self.keep(h, places.h, j)
        self.keep_code(h, places.code, j)
        self.result(made if spec.cell and made is not None else h, c.at(out, c.mul(j, LANES)), count)

    def result(self, state: c.Value, out: c.Value, count: int) -> None:
        """A state as bytes in memory."""
        q = c.add(self.rescaled(state, RESULT), self.number(ZERO_POINT))
        q = c.largest(c.smallest(q, self.number(HIGH)), self.number(LOW))
        store_bytes(c.truncate(q, 8), 0, out, 0, count)
        if self.spec.out.plane:
            high = c.exclusive(c.truncate(c.shift_right(q, 8), 8), SIGN)
            store_bytes(high, 0, out, self.spec.out.plane, count)


def rounded(x: c.Value, shift: int) -> c.Value:
    """`(x + 2^(shift-1)) >> shift`; 0 leaves x."""
    return c.shift_right(c.add(x, 1 << shift - 1), shift) if shift else x


def s16(x: c.Value) -> c.Value:
    """Cut off at the ends of 16 bits."""
    return c.largest(c.smallest(x, S16_MAX), S16_MIN)
