"""The largest of bytes, or of 16 bits in two planes, by words: a word stays one while it is compared.

With what is above a byte masked away, words are compared as their topmost byte, whatever lies below it; pairs of 16
bits in the same way.
"""

from collections.abc import Sequence

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, const
from dyadic.passes.lower.cuda.kernels.vocabulary.words import permute


def keys(planes: Sequence[Sequence[Value]]) -> list[Value]:
    """A word for each number, whose topmost byte or half it is: `maxui` of two is that of the larger one."""
    found: list[Value] = []
    if len(planes) > 1:
        for low, high in zip(*planes, strict=True):
            for selector in (0x5140, 0x7362):
                pair = permute(low, high, selector)
                found += [arith.andi(pair, const(0xFFFF)), pair]
        return found
    for word in planes[0]:
        found += [arith.andi(word, const((1 << 8 * k) - 1)) for k in (1, 2, 3)] + [word]
    return found


def lowest(number: Value, count: int, *, wide: bool) -> list[Value]:
    """The keys of so many of a number."""
    places = (0, 16, 0, 16) if wide else (0, 8, 16, 24)
    return [arith.shli(number, const(places[k % 4])) for k in range(count)]


def larger(some: Sequence[Value], others: Sequence[Value]) -> list[Value]:
    """The keys of the larger numbers."""
    return [arith.maxui(a, b) for a, b in zip(some, others, strict=True)]


def numbers(found: Sequence[Value], *, wide: bool) -> Sequence[list[Value]]:
    """The words of every plane; zeros behind the last number."""
    every = [*found, *[const(0)] * (-len(found) % 4)]
    fours = [every[k : k + 4] for k in range(0, len(every), 4)]

    def gathered(pairs: tuple[int, int], both: int) -> list[Value]:
        return [permute(permute(a, b, pairs[0]), permute(c, d, pairs[1]), both) for a, b, c, d in fours]

    if wide:
        return gathered((0x60, 0x60), 0x5410), gathered((0x71, 0x71), 0x5410)
    return [gathered((0x50, 0x7200), 0x7610)]
