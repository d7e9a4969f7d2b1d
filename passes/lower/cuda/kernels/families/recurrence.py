"""LSTM, GRU and simple recurrent layers (`qi.recurrence`): a block goes through a sequence, all its steps.

A step multiplies the state by the recurrent weights, a thread an output, 16 bytes at a time by `dp4a`; it adds what its
input was projected to and leaves pre-activations in shared memory. Then threads have a unit of the state each, and make
the next one. Both states, their bytes for the products, and the 512 pieces of both functions of gates stay in shared
memory. Weights are [K/16][outputs][16], so that neighbouring threads read neighbouring bytes; they come from the caches
in every step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith, gpu

from dyadic.dialects import recurrence as law
from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    integer,
    least,
    load,
    loop,
    mul,
    signed_wide,
    store,
    sub,
    when,
    wide,
    xor,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import (
    MOST_SHARED_BYTES,
    Arguments,
    block,
    kernel,
    ring,
    thread,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, HIGH_SHIFT
from dyadic.passes.lower.cuda.kernels.vocabulary.words import dot, load_words
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

CHUNK = 16  # bytes of weights that a thread reads at once
WARP = 32
MOST_THREADS = 512
# words of the parameters: a pair is a multiplier and a shift
ZERO_POINT, LOW, TOP, RESULT, PROJECT, START_H, START_C, ZERO_H, ZERO_C, RESIDUAL_SHIFT, STEPS = (
    0, 1, 2, 3, 5, 7, 9, 11, 12, 13, 14,
)  # fmt: skip
HEADER = 16
TABLE_BYTES = 4 * law.PIECES
BIAS, HIGH_BIAS, MULTIPLIER, RESIDUAL, SHIFT, TABLES = range(6)  # numbers of outputs, in this order


@dataclass(frozen=True)
class RecurrenceSpec:
    """Everything the code depends on but the number of steps; distances in bytes. States without an input begin at 0.

    Raises ValueError where there is no such kernel.
    """

    kind: str
    hidden: int
    reverse: bool
    cell: bool  # the result is c
    wide: bool  # products read 16 bits of a state
    state_bits: int
    cell_bits: int
    dropped: int  # bits of a state that products of 8 bits do not read
    in_row: int  # from step to step
    in_plane: int
    out_row: int
    out_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    acc_shift: int = 0
    form: str = HIGH  # of requantize; never the short one
    has_h: bool = False  # an input has the state before the first step
    has_c: bool = False
    h_plane: int = 0
    c_plane: int = 0

    def __post_init__(self) -> None:
        checks = {
            "its kind is known": self.kind in law.GATES,
            "its input has 16 bits": self.in_plane > 0,
            "requantization has 64 bits": self.form in (HIGH, FULL),
            "shared memory suffices": self.shared_bytes <= MOST_SHARED_BYTES,
        }
        require("recurrence", self, checks)

    @property
    def gates(self) -> int:
        """How often the state's size R has rows."""
        return law.GATES.get(self.kind, 1)

    @property
    def outputs(self) -> int:
        """Rows of R."""
        return self.gates * self.hidden

    @property
    def depth(self) -> int:
        """Columns of R, filled up to whole chunks."""
        return -(-self.hidden // CHUNK) * CHUNK

    @property
    def inputs(self) -> int:
        return 1 + self.has_h + self.has_c

    @property
    def items(self) -> int:
        return 1

    @property
    def block_items(self) -> int:
        return 1

    @property
    def threads(self) -> int:
        return min(-(-self.outputs // 32) * 32, MOST_THREADS)

    @property
    def shared_bytes(self) -> int:
        return Shared(self).end

    @property
    def grid_y(self) -> int:
        return 1

    @property
    def law(self) -> law.Cell:
        """How states follow from pre-activations."""
        return law.Cell(self.kind, self.state_bits, self.cell_bits)


class Shared:
    """Where things lie in shared memory: byte offsets."""

    def __init__(self, spec: RecurrenceSpec) -> None:
        units = -(-spec.hidden // WARP) * WARP
        self.plane = units  # from the low to the high bytes of codes
        self.code = 2 * TABLE_BYTES  # the tables come first
        self.reset = self.code + 2 * units
        self.h = self.reset + 2 * units
        self.c = self.h + 4 * units
        self.p = self.c + 4 * units
        self.end = self.p + 4 * (-(-(spec.outputs + WARP) // WARP) * WARP)


def pack_weights(spec: RecurrenceSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[gates*H, H] as the kernel reads it."""
    padded = np.zeros((spec.outputs, spec.depth), weight.dtype)
    padded[:, : spec.hidden] = weight
    return np.ascontiguousarray(padded.reshape(spec.outputs, -1, CHUNK).transpose(1, 0, 2)).reshape(-1)


def unpack_weights(spec: RecurrenceSpec, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The inverse, [gates*H, H]; `stored` may go on with others' bytes."""
    chunks = stored[: spec.outputs * spec.depth].reshape(-1, spec.outputs, CHUNK)
    return np.ascontiguousarray(chunks.transpose(1, 0, 2).reshape(spec.outputs, -1)[:, : spec.hidden])


def pack_params(
    spec: RecurrenceSpec, numbers: Sequence[int], outputs: Sequence[npt.NDArray[np.integer[Any]]]
) -> npt.NDArray[np.int32]:
    """Numbers in their places, the tables of both functions, then [outputs] each of what `BIAS` to `SHIFT` say."""
    head = np.zeros(HEADER, np.int32)
    head[: len(numbers)] = numbers
    assert len(outputs) == TABLES and all(len(each) == spec.outputs for each in outputs)
    parts = [head, law.table("sigmoid"), law.table("tanh"), *(np.asarray(each) for each in outputs)]
    return np.concatenate([part.astype(np.int32) for part in parts])


def generate(spec: RecurrenceSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: _Sequence(spec, k).write())


class _Sequence:
    def __init__(self, spec: RecurrenceSpec, k: Arguments) -> None:
        self.spec, self.k, self.places, self.image = spec, k, Shared(spec), block(gpu.Dimension.x)
        self.tables = {"sigmoid": 0, "tanh": TABLE_BYTES}

    # --- memory

    def number(self, where: int) -> Value:
        return load(integer(32), at(self.k.params, 4 * where), 4)

    def of_output(self, table: int, output: Value) -> Value:
        """A number of an output."""
        start = at(self.k.params, 4 * (HEADER + 2 * law.PIECES + table * self.spec.outputs))
        return load(integer(32), at(start, wide(mul(output, 4))), 4)

    def shared(self, where: int, index: Value, size: int = 4) -> Value:
        """Where an entry of a table in shared memory is."""
        return at(at(ring(), where), mul(index, size) if size > 1 else index)

    def kept(self, where: int, index: Value) -> Value:
        return load(integer(32), self.shared(where, index), 4)

    def keep(self, value: Value, where: int, index: Value) -> None:
        store(value, self.shared(where, index), 4)

    def each(self, count: int, body: Callable[[Value], None], first: int = 0) -> None:
        """`body(i)` for i from `first` to `first + count - 1`, shared by the threads, and for those that fill up their
        warp, so that whole warps have the same way; all threads meet behind it."""
        threads = self.spec.threads

        def part(n: Value, _: list[Value]) -> list[Value]:
            index = add(thread(), mul(n, threads))
            when(below(arith.andi(index, const(-WARP)), count), lambda: body(add(index, first)))
            return []

        loop(-(-count // threads), part)
        gpu.barrier()

    def activation(self, pointer: Value, index: Value, plane: int) -> Value:
        """An integer of an activation whose first one is at the pointer."""
        start = at(pointer, wide(index))
        low = arith.extui(integer(32), load(integer(8), start, 1))
        if not plane:
            return low
        high = arith.extui(integer(32), load(integer(8), at(start, plane), 1))
        return sub(add(low, arith.shli(high, const(8))), 1 << 15)

    # --- arithmetic

    def rescaled(self, x: Value, pair: int) -> Value:
        """Times a multiplier, rounded by a shift."""
        shift = self.number(pair + 1)
        half = arith.shli(const(1), sub(shift, 1))
        return arith.shrsi(add(mul(x, self.number(pair)), half), shift)

    def gate(self, function: str, p: Value) -> Value:
        """`law.gate`."""
        where = sub(p, S16_MIN)
        piece = self.kept(self.tables[function], arith.shrui(where, const(law.PIECE_BITS)))
        start, rise = arith.shrsi(arith.shli(piece, const(16)), const(16)), arith.shrsi(piece, const(16))
        inside = mul(rise, arith.andi(where, const((1 << law.PIECE_BITS) - 1)))
        return _rounded(add(arith.shli(start, const(law.PIECE_BITS)), inside), law.PIECE_BITS)

    # --- a sequence

    def write(self) -> None:
        spec, k = self.spec, self.k
        x = place(k.inputs[0], self.image, k.in_images[0], const(0))
        out = place(k.out, self.image, k.out_image, const(0))
        self.start()
        steps = self.number(STEPS)

        def step(t: Value, _: list[Value]) -> list[Value]:
            row = sub(sub(steps, 1), t) if spec.reverse else t
            self.step(at(x, wide(mul(row, spec.in_row))), at(out, wide(mul(row, spec.out_row))))
            return []

        loop(steps, step)

    def start(self) -> None:
        """Tables, and the states before the first step."""
        spec, places, given = self.spec, self.places, 1
        entries = at(self.k.params, 4 * HEADER)

        def entry(i: Value) -> None:
            self.keep(load(integer(32), at(entries, wide(mul(i, 4))), 4), 0, i)

        self.each(2 * law.PIECES, entry)
        self.each(spec.outputs + WARP, lambda o: self.keep(const(0), places.p, o))  # what fills up warps reads any
        for has, plane, where, pair, zero in (
            (spec.has_h, spec.h_plane, places.h, START_H, ZERO_H),
            (spec.has_c, spec.c_plane, places.c, START_C, ZERO_C),
        ):
            pointer = None
            if has:
                pointer = place(self.k.inputs[given], self.image, self.k.in_images[given], const(0))
                given += 1

            def first(
                i: Value,
                pointer: Value | None = pointer,
                plane: int = plane,
                where: int = where,
                pair: int = pair,
                zero: int = zero,
            ) -> None:
                state = const(0)
                if pointer is not None:
                    given = self.activation(pointer, least(i, spec.hidden - 1), plane)
                    state = _s16(self.rescaled(sub(given, self.number(zero)), pair))
                self.keep(state, where, i)
                if where == places.h:
                    self.keep_code(state, places.code, i)

            self.each(spec.hidden, first)

    def keep_code(self, state: Value, where: int, unit: Value) -> None:
        """What products read of a state."""
        code = state
        if self.spec.wide:
            high = xor(arith.shrui(state, const(8)), 0x80)
            store(arith.trunci(integer(8), high), self.shared(where + self.places.plane, unit, 1), 1)
        else:
            code = clamp_between(add(_rounded(state, self.spec.dropped), 128), 0, 255)
        store(arith.trunci(integer(8), code), self.shared(where, unit, 1), 1)

    def step(self, x: Value, out: Value) -> None:
        spec, places, size = self.spec, self.places, self.spec.hidden
        if spec.kind == law.GRU_RESET_FIRST:
            self.each(2 * size, lambda o: self.product(x, places.code, o))
            self.each(size, lambda u: self.keep_code(self.reset(u, self.kept(places.h, u)), places.reset, u))
            self.each(size, lambda o: self.product(x, places.reset, o), first=2 * size)
        else:
            self.each(spec.outputs, lambda o: self.product(x, places.code, o))
        self.each(size, lambda u: self.gates(x, out, u))

    def product(self, x: Value, code: int, output: Value) -> None:
        """The pre-activation of one output."""
        spec, place_ = self.spec, output
        output = least(output, spec.outputs - 1)
        weights = at(self.k.weights, wide(mul(output, CHUNK)))
        planes = (0, self.places.plane) if spec.wide else (0,)
        starts = [self.of_output(table, output) for table, _ in zip((BIAS, HIGH_BIAS), planes, strict=False)]

        def chunk(n: Value, sums: list[Value]) -> list[Value]:
            right = load_words(at(weights, wide(mul(n, CHUNK * spec.outputs))), CHUNK)
            for plane, start in enumerate(planes):
                left = load_words(at(at(ring(), code + start), mul(n, CHUNK)), CHUNK)
                for a, b in zip(left, right, strict=True):
                    sums[plane] = dot(a, b, sums[plane], by_signed=True)
            return sums

        low, *high = loop(spec.depth // CHUNK, chunk, starts)
        acc = low
        if spec.acc_shift:
            acc = arith.shrsi(acc, const(spec.acc_shift))
        if high:
            acc = add(arith.shli(high[0], const(8 - spec.acc_shift)), acc)
        self.keep(self.pre_activation(acc, x, output), self.places.p, place_)

    def pre_activation(self, acc: Value, x: Value, output: Value) -> Value:
        """The accumulator and the input in one rounding."""
        given = signed_wide(self.activation(x, output, self.spec.in_plane))
        multiplier, residual = (signed_wide(self.of_output(table, output)) for table in (MULTIPLIER, RESIDUAL))
        shift = self.of_output(SHIFT, output)
        addend = arith.shli(mul(given, residual), wide(self.number(RESIDUAL_SHIFT)))
        half = arith.shli(const(1, 64), wide(sub(shift, 1)))
        total = add(add(mul(signed_wide(acc), multiplier), addend), half)
        if self.spec.form == HIGH:
            upper = arith.trunci(integer(32), arith.shrui(total, const(HIGH_SHIFT, 64)))
            return _s16(arith.shrsi(upper, sub(shift, HIGH_SHIFT)))
        return arith.trunci(integer(32), _s16(arith.shrsi(total, wide(shift))))

    def reset(self, unit: Value, other: Value) -> Value:
        """The reset gate times a state, or times what became of one."""
        return _rounded(mul(self.gate("sigmoid", self.p(1, unit)), other), law.GATE_BITS)

    def p(self, gate: int, unit: Value) -> Value:
        return self.kept(self.places.p + 4 * gate * self.spec.hidden, unit)

    def gates(self, x: Value, out: Value, unit: Value) -> None:
        """Both states of a unit, and the result."""
        spec, places = self.spec, self.places
        p = [self.p(gate, unit) for gate in range(spec.gates)]
        cell = None
        if spec.kind == law.LSTM:
            i, o, f = (self.gate("sigmoid", each) for each in p[:3])
            new = arith.shrsi(mul(i, self.gate("tanh", p[3])), const(law.GATE_BITS - spec.cell_bits))
            cell = _s16(_rounded(add(mul(f, self.kept(places.c, unit)), new), law.GATE_BITS))
            self.keep(cell, places.c, unit)
            reach = self.gate("tanh", _s16(arith.shli(cell, const(law.INPUT_BITS - spec.cell_bits))))
            h = _rounded(mul(o, reach), 2 * law.GATE_BITS - spec.state_bits)
        elif spec.gates == 3:
            n = p[2]
            if spec.kind == law.GRU:
                projected = self.activation(at(x, 2 * spec.hidden), least(unit, spec.hidden - 1), spec.in_plane)
                n = _s16(add(_s16(self.rescaled(projected, PROJECT)), self.reset(unit, n)))
            z, n = self.gate("sigmoid", p[0]), _rounded(self.gate("tanh", n), law.GATE_BITS - spec.state_bits)
            rest = sub(const(1 << law.GATE_BITS), z)
            h = _rounded(add(mul(z, self.kept(places.h, unit)), mul(rest, n)), law.GATE_BITS)
        elif spec.kind == law.RELU:
            h = arith.maxsi(p[0], const(0))
        else:
            h = _rounded(self.gate("tanh", p[0]), law.GATE_BITS - spec.state_bits)
        self.keep(h, places.h, unit)
        self.keep_code(h, places.code, unit)
        self.result(self.kept(places.c, unit) if spec.cell else h, out, unit)

    def result(self, state: Value, out: Value, unit: Value) -> None:
        """A state as bytes in memory."""
        q = add(self.rescaled(state, RESULT), self.number(ZERO_POINT))
        q = clamp_between(q, self.number(LOW), self.number(TOP))
        planes = [q, xor(arith.shrui(q, const(8)), 0x80)] if self.spec.out_plane else [q]

        def write() -> None:
            target = at(out, wide(unit))
            for plane, value in zip((0, self.spec.out_plane), planes, strict=False):
                store(arith.trunci(integer(8), value), at(target, plane), 1)

        when(below(unit, self.spec.hidden), write)


def _rounded(x: Value, shift: int) -> Value:
    """`(x + 2^(shift-1)) >> shift`; 0 leaves x."""
    return arith.shrsi(add(x, 1 << shift - 1), const(shift)) if shift else x


def _s16(x: Value) -> Value:
    """Cut off at the ends of 16 bits."""
    return clamp_between(x, S16_MIN, S16_MAX)
