"""Element by element: one template for arithmetic, comparisons and functions of 8 and 16 bits, whatever is broadcast.

A thread makes `width` neighbouring numbers of the result. What it reads becomes 32-bit integers, of either width; an
operand that is the same along the innermost dimension is read once. Sums and products are rounded as they are meant,
in 64 bits where 16-bit numbers need them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm

from dyadic.dialects import piecewise_linear as line_law
from dyadic.dialects import quotients
from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    integer,
    load,
    mul,
    signed_wide,
    store,
    sub,
    when,
    wide,
    xor,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import (
    WIDTHS,
    ItemSpec,
    coordinates,
    distance,
    each_item,
    param,
    place,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, FURTHEST, HIGH, HIGH_SHIFT, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    bytes_of,
    gather_words,
    numbers_of,
    packed,
    planes_of,
    store_group,
)

ADD, MUL, DIV, MAX, MIN, REQUANT, TABLE, LINES = "add", "mul", "div", "max", "min", "requant", "table", "lines"
OPERANDS = {ADD: 2, MUL: 2, DIV: 2, MAX: 2, MIN: 2, REQUANT: 1, TABLE: 1, LINES: 1}
PAIR = 8  # bytes of a line
ENTRIES = 256  # of a table
ZERO_POINT, LEAST, MOST, SHIFT, MULTIPLIER_A, MULTIPLIER_B, ZERO_A, ZERO_B = range(8)  # of the parameters


@dataclass(frozen=True)
class PointwiseSpec(ItemSpec):
    """Sizes of the result, the innermost last, and bytes from element to element along them: 0 where an operand is the
    same for all. The result's innermost is 1. Raises ValueError where there is no such kernel."""

    operation: str
    sizes: tuple[int, ...]
    out: tuple[int, ...]
    a: tuple[int, ...]
    b: tuple[int, ...] = ()
    out_plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    a_plane: int = 0
    b_plane: int = 0
    width: int = 1  # of WIDTHS: it divides every address of the result but along its innermost dimension
    a_bytes: int = 1  # of one access, as much as divides every address of a; at most the width
    b_bytes: int = 1
    form: str = FULL  # how the result is rounded: HIGH for shifts of 32 and more
    bits: int = 0  # of LINES: how many behind a number's highest one say which line

    def __post_init__(self) -> None:
        sides = [self.out, self.a, self.b][: 1 + OPERANDS.get(self.operation, 0)]
        checks = {
            "a known operation": self.operation in OPERANDS,
            "strides for every size": all(len(side) == len(self.sizes) for side in sides),
            "results are neighbours": self.out[-1:] == (1,),
            "a width of 1, 2, 4, 8 or 16": all(n in WIDTHS for n in (self.width, self.a_bytes, self.b_bytes)),
            "it rounds in 64 bits": self.form in (FULL, HIGH),
            "whole groups of what is gathered": all(side[-1] in (0, 1) for side in sides)
            or self.sizes[-1] % self.width == 0,
            "tables are of 8 bits": self.operation != TABLE or not self.a_plane,
            "lines and divisors are of 16 bits": {LINES: self.a_plane, DIV: self.b_plane}.get(self.operation, 1) > 0,
        }
        require("pointwise", self, checks)

    @property
    def pieces(self) -> int:
        """Threads along the innermost dimension."""
        return -(-self.sizes[-1] // self.width)

    @property
    def inputs(self) -> int:
        return OPERANDS[self.operation]

    @property
    def shared_bytes(self) -> int:
        """Of a table: an entry has the result's bytes."""
        return ENTRIES * self.entry if self.operation == TABLE else 0

    @property
    def entry(self) -> int:
        return 2 if self.out_plane else 1

    @property
    def items(self) -> int:
        return prod(self.sizes[:-1]) * self.pieces


def pack_params(
    header: Sequence[int], shift: int = 0, multipliers: Sequence[int] = (), zero_points: Sequence[int] = ()
) -> npt.NDArray[np.int32]:
    """header: zero point, low and high of the result; then what an operation has of a and b."""
    both = [[*numbers, 0, 0][:2] for numbers in (multipliers, zero_points)]
    return np.array([*header, shift, *both[0], *both[1]], np.int64).astype(np.int32)


def pack_table(entries: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """256 results, uint8 or int16, as the weights of the kernel."""
    return np.ascontiguousarray(entries).astype(f"<{entries.dtype.kind}{entries.dtype.itemsize}").view(np.int8)


def pack_lines(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    """[lines, 2] as the weights of the kernel."""
    return np.ascontiguousarray(table, "<i4").reshape(-1).view(np.int8)


def generate(spec: PointwiseSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Pointwise(spec, arguments).write())


class _Pointwise:
    """One kernel while it is written."""

    def __init__(self, spec: PointwiseSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments

    def write(self) -> None:
        if self.spec.operation == TABLE:
            self.stage_table()
        each_item(self.spec, self.arguments, self.piece)

    def word(self, number: int) -> Value:
        return param(self.arguments, number)

    def stage_table(self) -> None:
        """To shared memory, where lanes that want different entries do not wait for each other's cache lines."""
        place_ = mul(thread(), 4)

        def copy() -> None:
            entries = load(integer(32), at(self.arguments.weights, wide(place_)), 4)
            store(entries, at(ring(), place_), 4)

        when(below(place_, self.spec.shared_bytes), copy)
        gpu.barrier()

    def piece(self, image: Value, item: Value) -> None:
        spec, k = self.spec, self.arguments
        *outer, group = coordinates(item, [*spec.sizes[:-1], spec.pieces])
        where = [*outer, mul(group, spec.width)]
        sides = zip(
            k.inputs, k.in_images, (spec.a, spec.b), (spec.a_plane, spec.b_plane), (spec.a_bytes, spec.b_bytes),
            strict=False,
        )  # fmt: skip
        operands = [
            self.numbers(place(base, image, image_bytes, distance(where, strides)), strides[-1], plane, size)
            for base, image_bytes, strides, plane, size in sides
        ]
        results = [self.computed(*each) for each in zip(*operands, strict=True)]
        target = place(k.out, image, k.out_image, distance(where, spec.out))
        planes = planes_of(results) if spec.out_plane else (packed(results),)
        for n, words in enumerate(planes):
            store_group(words, at(target, n * spec.out_plane), spec.width, spec.sizes[-1], group)

    def numbers(self, source: Value, step: int, plane: int, size: int) -> list[Value]:
        """What the thread reads of an operand, as integers that still have their zero point."""
        planes = [at(source, n * plane) for n in range(1 + (plane > 0))]
        width = self.spec.width if step else 1
        low, *high = (gather_words(start, step, size, width) for start in planes)
        numbers = numbers_of(low, high[0], width) if high else bytes_of(low, width)
        return numbers if step else numbers * self.spec.width

    def computed(self, a: Value, b: Value | None = None) -> Value:
        """One result."""
        operation = self.spec.operation
        if operation in (MAX, MIN):
            assert b is not None
            return (arith.maxsi if operation == MAX else arith.minsi)(a, b)
        if operation == TABLE:
            entry = load(integer(8 * self.spec.entry), at(ring(), mul(a, self.spec.entry)), self.spec.entry)
            return (arith.extsi if self.spec.out_plane else arith.extui)(integer(32), entry)
        one: Callable[..., Value] = {
            ADD: self.sum, MUL: self.product, DIV: self.quotient, REQUANT: self.requantized, LINES: self.on_line,
        }[operation]  # fmt: skip
        rounded = one(a) if b is None else one(a, b)
        return quantized(rounded, self.word(ZERO_POINT), self.word(LEAST), self.word(MOST))

    def rescale(self) -> Rescale:
        return Rescale.of(self.word(MULTIPLIER_A), self.word(SHIFT), self.spec.form)

    def requantized(self, a: Value) -> Value:
        return self.rescale().rescaled(sub(a, self.word(ZERO_A)))

    def product(self, a: Value, b: Value) -> Value:
        return self.rescale().rescaled(mul(sub(a, self.word(ZERO_A)), sub(b, self.word(ZERO_B))))

    def sum(self, a: Value, b: Value) -> Value:
        spec, by = self.spec, [self.word(MULTIPLIER_A), self.word(MULTIPLIER_B)]
        zeros = [self.word(ZERO_A), self.word(ZERO_B)]
        if not (spec.out_plane or spec.a_plane or spec.b_plane):  # it fits 32 bits
            start = arith.shli(const(1), sub(self.word(SHIFT), 1))
            for multiplier, zero in zip(by, zeros, strict=True):
                start = sub(start, mul(multiplier, zero))
            return arith.shrsi(add(add(mul(a, by[0]), mul(b, by[1])), start), self.word(SHIFT))
        total = arith.shli(const(1, 64), wide(sub(self.word(SHIFT), 1)))
        for number, zero, multiplier in zip((a, b), zeros, by, strict=True):
            total = add(total, mul(signed_wide(sub(number, zero)), signed_wide(multiplier)))
        return self.shifted(total)

    def shifted(self, total: Value) -> Value:
        """64 bits to 32, where rounding is in the total already; what is beyond 2^30 is 2^30."""
        if self.spec.form == HIGH:
            upper = arith.trunci(integer(32), arith.shrui(total, const(HIGH_SHIFT, 64)))
            return arith.shrsi(upper, sub(self.word(SHIFT), HIGH_SHIFT))
        shifted = arith.shrsi(total, wide(self.word(SHIFT)))
        return arith.trunci(integer(32), clamp_between(shifted, -FURTHEST, FURTHEST))

    def on_line(self, a: Value) -> Value:
        start, slope, inside = self.line_of(a, self.spec.bits)
        value = add(add(start, mul(slope, inside)), 1 << line_law.FRACTION_BITS - 1)
        return arith.shrsi(value, const(line_law.FRACTION_BITS))

    def quotient(self, a: Value, b: Value) -> Value:
        start, slope, inside = self.line_of(b, quotients.BITS)
        added = arith.shrsi(add(mul(slope, inside), 1 << quotients.SLOPE_BITS - 1), const(quotients.SLOPE_BITS))
        product = mul(signed_wide(sub(a, self.word(ZERO_A))), signed_wide(add(start, added)))
        return self.shifted(add(product, arith.shli(const(1, 64), wide(sub(self.word(SHIFT), 1)))))

    def line_of(self, x: Value, bits: int) -> tuple[Value, Value, Value]:
        """`piecewise_linear.line_of` of a 16-bit number."""
        sign = arith.shrsi(x, const(31))
        magnitude = xor(x, sign)
        unset = llvm.call_intrinsic(integer(32), "llvm.ctlz.i32", [magnitude, const(0, 1)], [], [])
        exponent = arith.maxsi(sub(const(31 - bits), unset), const(0))
        lead = arith.shrui(magnitude, exponent)
        index = add(add(mul(exponent, 1 << bits), lead), arith.andi(sign, const(line_law.lines(bits))))
        pair = load(ir.VectorType.get([2], integer(32)), at(self.arguments.weights, wide(mul(index, PAIR))), PAIR)
        start, slope = (llvm.extractelement(pair, const(n)) for n in range(2))
        return start, slope, sub(magnitude, arith.shli(lead, exponent))
