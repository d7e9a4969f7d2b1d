"""Softmax of rows that stands alone (`qi.softmax`): exponentials from a table, and one requantization a row that has
their sum in it.

A row is read for its largest number, for the sum of its exponentials and for its results: from registers where it fits,
and else again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith, llvm

from dyadic.dialects.tabulated_softmax import ENTRIES, FIRST, FRACTION_BITS, LARGEST, MOST_SHIFT, SLOPE, STEPS
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    const,
    integer,
    least,
    load,
    mul,
    sub,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import param
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.reductions import largest, over_row, slot_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.rows import Chunk, RowsSpec, RowThread
from dyadic.passes.lower.cuda.kernels.vocabulary.words import bytes_of, packed, permute, planes_of

MULTIPLIER, SHIFT, WORDS = 3, 4, 5  # of the parameters, behind zero point, low and high
SLOTS = 2  # of shared memory: the largest, the sum


@dataclass(frozen=True)
class SoftmaxSpec(RowsSpec):
    """Every row. The tables of exponentials are the weights."""

    @property
    def shared_bytes(self) -> int:
        return SLOTS * slot_bytes(self.lanes)


def pack_params(spec: SoftmaxSpec, multiplier: int, shift: int, header: Sequence[int]) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    return np.array([*header, multiplier, shift, spec.steps]).astype(np.int32)


def pack_table(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    """The kernel's weights, by distance."""
    return np.ascontiguousarray(table).view(np.int8).reshape(-1)


def generate(spec: SoftmaxSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: _write(spec, k))


def _write(spec: SoftmaxSpec, k: Arguments) -> None:
    row, steps = RowThread.of_grid(spec, k), param(k, WORDS)

    def larger(chunk: Chunk, state: list[Value]) -> list[Value]:
        for number in _numbers(spec, chunk):
            state = [largest(state[0], number)]
        return state

    (most,) = over_row(row.over(larger, [const(0)], steps), [largest], spec.lanes)
    known: dict[Chunk, list[Value]] = {}

    def weights(chunk: Chunk) -> list[Value]:
        """Those of a word, with 64 bits; 0 where there is no number."""
        if chunk not in known:
            found = [_weight(spec, k.weights, sub(most, number)) for number in _numbers(spec, chunk)]
            if chunk.mask is not None:
                kept = (arith.shrsi(arith.shli(chunk.mask, const(24 - 8 * n)), const(31)) for n in range(spec.width))
                found = [arith.andi(each, keep) for each, keep in zip(found, kept, strict=True)]
            known[chunk] = found
        return [wide(each) for each in known[chunk]]

    def summed(chunk: Chunk, state: list[Value]) -> list[Value]:
        for each in weights(chunk):
            state = [add(state[0], each)]
        return state

    (total,) = over_row(row.over(summed, [const(0, 64)], steps), [add], spec.lanes, slot=1)
    inverse, log2 = _reciprocal(total)
    multiplier = arith.shrui(mul(wide(param(k, MULTIPLIER)), inverse), const(31, 64))
    shift = least(add(wide(param(k, SHIFT)), log2), MOST_SHIFT)
    half = arith.shli(const(1, 64), sub(shift, 1))
    zero_point, low, high = (param(k, n) for n in range(3))

    def results(chunk: Chunk, state: list[Value]) -> list[Value]:
        every = []
        for each in weights(chunk):
            scaled = arith.shrui(add(mul(each, multiplier), half), shift)
            every.append(quantized(arith.trunci(integer(32), scaled), zero_point, low, high))
        row.store(chunk, planes_of(every) if spec.out_plane else [packed(every)])
        return state

    row.over(results, [], steps)


def _weight(spec: SoftmaxSpec, table: Value, distance: Value) -> Value:
    """`e^-(distance * step)` with 30 fraction bits."""

    def entry(place: Value, first: int = 0) -> Value:
        return load(integer(32), at(table, wide(mul(add(place, first), 4))), 4)

    if not spec.in_plane:
        return entry(distance)
    near, far = entry(arith.andi(distance, const(ENTRIES - 1))), entry(arith.shrui(distance, const(8)), ENTRIES)
    product = add(mul(wide(near), wide(far)), LARGEST >> 1)
    return arith.trunci(integer(32), arith.shrui(product, const(FRACTION_BITS, 64)))


def _reciprocal(total: Value) -> tuple[Value, Value]:
    """(R, k) of a sum; all have 64 bits."""
    zeros = llvm.intr_ctlz(total, False)
    r = arith.shrui(arith.shli(total, zeros), const(32, 64))
    inverse = sub(const(FIRST, 64), arith.shrui(mul(r, SLOPE), const(32, 64)))
    for _ in range(STEPS):
        error = arith.shrsi(sub(const(1 << 62, 64), mul(r, inverse)), const(32, 64))
        inverse = add(inverse, arith.shrsi(mul(inverse, error), const(30, 64)))
    return inverse, sub(const(63, 64), zeros)


def _numbers(spec: SoftmaxSpec, chunk: Chunk) -> list[Value]:
    """Those of a word, moved so that they have no sign; 0, the lowest, where there is none."""
    if not spec.in_plane:
        return bytes_of(chunk.planes, spec.width)
    low, high = chunk.planes
    pairs = [permute(low, high, selector) for selector in (0x5140, 0x7362)]
    every = [half for pair in pairs for half in (arith.andi(pair, const(0xFFFF)), arith.shrui(pair, const(16)))]
    return every[: spec.width]
