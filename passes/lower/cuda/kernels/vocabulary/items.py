"""Kernels whose threads have an item of an image each: which one a thread has, and where its bytes are."""

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    load,
    mul,
    rem,
    signed_wide,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, Spec, block, thread

THREADS = 256  # of a block
WIDTHS = (16, 8, 4, 2, 1)  # bytes that a thread moves at once


class ItemSpec:
    """What specs of such kernels have in common: a grid of threads, and nothing shared."""

    @property
    def threads(self) -> int:
        return THREADS

    @property
    def shared_bytes(self) -> int:
        return 0

    @property
    def block_items(self) -> int:
        return THREADS

    @property
    def grid_y(self) -> int:
        return 1


def each_item(spec: Spec, k: Arguments, body: Callable[[Value, Value], None]) -> None:
    """`body(image, item)` in every thread that has an item; blocks have as many threads as items."""
    assert spec.block_items == spec.threads
    number = add(mul(block(gpu.Dimension.x), spec.threads), thread())

    def one() -> None:
        body(div(number, spec.items), rem(number, spec.items))

    when(below(number, mul(k.batch, spec.items)), one)


def coordinates(item: Value, sizes: Sequence[int]) -> list[Value]:
    """Of an item in a box of these sizes; the last changes first."""
    found: list[Value] = []
    for d in range(len(sizes) - 1, 0, -1):
        found.insert(0, rem(item, sizes[d]) if sizes[d] > 1 else const(0))
        item = div(item, sizes[d]) if sizes[d] > 1 else item
    return [item, *found]


def distance(where: Sequence[Value], strides: Sequence[int]) -> Value:
    """Bytes from the first element to the one at these coordinates: 32 bits, signed."""
    total = const(0)
    for coordinate, stride in zip(where, strides, strict=True):
        total = add(total, mul(coordinate, stride)) if stride else total
    return total


def place(base: Value, image: Value, image_bytes: Value, inside: Value) -> Value:
    """A pointer so many signed bytes (32 bits) behind where an image begins."""
    return at(base, add(mul(wide(image), wide(image_bytes)), signed_wide(inside)))


def words(size: int) -> ir.Type:
    """The type of so many bytes, one of WIDTHS, as a load or store has them."""
    return integer(8 * size) if size <= 4 else ir.VectorType.get([size // 4], integer(32))


def lowest(word: Value, size: int) -> Value:
    """The lowest so many bytes of 32 bits: 1, 2 or 4."""
    return word if size == 4 else arith.trunci(integer(8 * size), word)


def param(k: Arguments, number: int) -> Value:
    """A word of the parameters."""
    return load(integer(32), at(k.params, 4 * number), 4)


def widest(numbers: Sequence[int], most: int = WIDTHS[0]) -> int:
    """The largest of WIDTHS, up to `most`, that divides all of them.

    >>> widest([48, 24]), widest([48, 6]), widest([0], 4)
    (8, 2, 4)
    """
    return next(width for width in WIDTHS if width <= most and not any(number % width for number in numbers))
