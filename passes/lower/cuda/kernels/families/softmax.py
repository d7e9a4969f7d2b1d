"""Softmax of rows of scores (`qi.softmax`): weights of 8 bits, and one requantization a row that has their sum in it.

A row is read for its largest number, for the sum of its weights and for its results: from registers where it fits, and
else again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.dialects import integer_softmax as softmax
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    const,
    integer,
    mul,
    signed_wide,
    sub,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.exponential import Rule, reciprocal, row_multiplier, weight
from dyadic.passes.lower.cuda.kernels.vocabulary.items import param
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.reductions import largest, over_row, slot_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.rows import ONES, Chunk, RowsSpec, RowThread
from dyadic.passes.lower.cuda.kernels.vocabulary.words import bytes_of, dot, packed, permute, planes_of

MULTIPLIER, SHIFT, RULE, STEPS = 3, 4, 5, 8  # words of the parameters, behind zero point, low and high
SLOTS = 2  # of shared memory: the largest, the sum


@dataclass(frozen=True)
class SoftmaxSpec(RowsSpec):
    """Every row."""

    @property
    def shared_bytes(self) -> int:
        return SLOTS * slot_bytes(self.lanes)


def pack_params(
    spec: SoftmaxSpec, rule: softmax.Distances, multiplier: int, shift: int, header: Sequence[int]
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    return np.array([*header, multiplier, shift, rule.multiplier, rule.shift, rule.farthest, spec.steps]).astype(
        np.int32
    )


def generate(spec: SoftmaxSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: _write(spec, k))


def _write(spec: SoftmaxSpec, k: Arguments) -> None:
    row, steps = RowThread(spec, k), param(k, STEPS)
    rule = Rule.of(*(param(k, RULE + n) for n in range(3)))

    def larger(chunk: Chunk, state: list[Value]) -> list[Value]:
        for number in _numbers(spec, chunk):
            state = [largest(state[0], number)]
        return state

    (most,) = over_row(row.over(larger, [const(0)], steps), [largest], spec.lanes)
    known: dict[Chunk, Value] = {}

    def weights(chunk: Chunk) -> Value:
        """Four of them in a word; 0 where there is no number."""
        if chunk not in known:
            every = [weight(rule.logarithm(sub(most, number))) for number in _numbers(spec, chunk)]
            known[chunk] = chunk.only(packed(every)[0])
        return known[chunk]

    def summed(chunk: Chunk, state: list[Value]) -> list[Value]:
        return [dot(weights(chunk), ONES, state[0])]

    (total,) = over_row(row.over(summed, [const(0)], steps), [add], spec.lanes, slot=1)
    inverse, log2 = reciprocal(total)
    multiplier, shift = row_multiplier(param(k, MULTIPLIER), inverse), add(param(k, SHIFT), log2)
    half = arith.shli(const(1, 64), wide(sub(shift, 1)))
    zero_point, low, high = (param(k, n) for n in range(3))

    def results(chunk: Chunk, state: list[Value]) -> list[Value]:
        every = []
        for number in bytes_of([weights(chunk)], spec.width):
            scaled = arith.shrui(add(mul(signed_wide(number), multiplier), half), wide(shift))
            every.append(quantized(arith.trunci(integer(32), scaled), zero_point, low, high))
        row.store(chunk, planes_of(every) if spec.out_plane else [packed(every)])
        return state

    row.over(results, [], steps)


def _numbers(spec: SoftmaxSpec, chunk: Chunk) -> list[Value]:
    """Those of a word, moved so that they have no sign; 0, the lowest, where there is none."""
    if not spec.in_plane:
        return bytes_of(chunk.planes, spec.width)
    low, high = chunk.planes
    pairs = [permute(low, high, selector) for selector in (0x5140, 0x7362)]
    every = [half for pair in pairs for half in (arith.andi(pair, const(0xFFFF)), arith.shrui(pair, const(16)))]
    return every[: spec.width]
