"""What all threads of a row know of its numbers: sums and largest ones, over some lanes of a warp or a whole block.

All threads of a block come here together.
"""

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.vocabulary import lanes as lanes_
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    at,
    const,
    div,
    integer,
    load,
    mul,
    rem,
    store,
    when,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import ring, thread

WARP = 32
Join = Callable[[Value, Value], Value]


def slot_bytes(lanes: int) -> int:
    """Of shared memory, that one number of 64 bits or fewer takes where a row has so many threads."""
    return 8 * (lanes // WARP) if lanes > WARP else 0


def across(value: Value, distance: int) -> Value:
    """What the lane has whose number differs in one bit; 32 or 64 bits."""
    if ir.IntegerType(value.type).width == 32:
        return lanes_.across(value, distance)
    halves = [arith.trunci(integer(32), part) for part in (value, arith.shrui(value, const(32, 64)))]
    low, high = (arith.extui(integer(64), lanes_.across(half, distance)) for half in halves)
    return arith.ori(low, arith.shli(high, const(32, 64)))


def over_row(values: Sequence[Value], joins: Sequence[Join], lanes: int, slot: int = 0) -> list[Value]:
    """What `joins` make of the values of the `lanes` neighbouring threads of a row, in each of them.

    lanes: a power of two up to 32, or all threads of the block. slot: of shared memory, where the first value goes;
    every use in a kernel needs its own, as many as there are values.
    """
    made = list(values)
    for step in range((min(lanes, WARP) - 1).bit_length()):
        others = [across(value, 1 << step) for value in made]
        made = [join(a, b) for join, a, b in zip(joins, made, others, strict=True)]
    if lanes <= WARP:
        return made
    warps = lanes // WARP

    sizes = [ir.IntegerType(value.type).width // 8 for value in made]  # neighbours without gaps: LLVM loads several

    def place(k: int, warp: Value | int) -> Value:
        start = at(ring(), (slot + k) * slot_bytes(lanes))
        return at(start, warp * sizes[k] if isinstance(warp, int) else mul(warp, sizes[k]))

    def give() -> None:
        for k, value in enumerate(made):
            store(value, place(k, div(thread(), WARP)), sizes[k])

    when(arith.cmpi(arith.CmpIPredicate.eq, rem(thread(), WARP), const(0)), give)
    gpu.barrier()
    found = []
    for k, (value, join) in enumerate(zip(made, joins, strict=True)):
        total, *more = (load(value.type, place(k, warp), sizes[k]) for warp in range(warps))
        for one in more:
            total = join(total, one)
        found.append(total)
    return found


def largest(a: Value, b: Value) -> Value:
    """The larger one, unsigned."""
    return arith.maxui(a, b)
