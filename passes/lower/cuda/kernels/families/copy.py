"""Bytes from one place to another: slices, transposes, concatenations, repetitions; with a border of one number, and
from places that a table names along one dimension.

A thread writes `width` neighbours. Where they are neighbours in the input too, it reads them together; else each by
itself. 16-bit numbers are two planes, which it moves both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    integer,
    least,
    load,
    mul,
    signed_wide,
    sub,
    wide,
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
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.words import gather_words, packed, store_group

FILLS = 2  # words of the parameters: what is in the border, of each plane, four times
MOST_PLACE = (1 << 31) - 1


@dataclass(frozen=True)
class CopySpec(ItemSpec):
    """`out[i0, i1, ...] = in[i0, i1, ...]`: sizes of the result, the innermost last, where its stride is 1; bytes from
    element to element on both sides, of the input any. Raises ValueError where there is no such kernel."""

    sizes: tuple[int, ...]
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    width: int = 1  # of WIDTHS: it divides every address of the result but along its innermost dimension
    in_bytes: int = 1  # of one access to neighbours, as much as divides every address of the input; at most the width
    in_plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    out_plane: int = 0
    padded: tuple[int, ...] = ()  # three numbers for each dimension with a border: which, how much before, size inside
    axis: int = -1  # the dimension whose places in the input are in the parameters

    def __post_init__(self) -> None:
        checks = {
            "strides for every size": len(self.sizes) == len(self.ins) == len(self.outs) > 0,
            "results are neighbours": self.outs[-1:] == (1,),
            "a width of 1, 2, 4, 8 or 16": self.width in WIDTHS and self.in_bytes in WIDTHS,
            "as many planes on both sides": (self.in_plane > 0) == (self.out_plane > 0),
            "borders are three numbers": len(self.padded) % 3 == 0,
            "places have no border": self.axis not in self.padded[::3],
        }
        require("copy", self, checks)

    @property
    def borders(self) -> dict[int, tuple[int, int]]:
        """How much is before, and the size inside, of the dimensions that have a border."""
        return {self.padded[n]: (self.padded[n + 1], self.padded[n + 2]) for n in range(0, len(self.padded), 3)}

    @property
    def pieces(self) -> int:
        """Threads along the innermost dimension."""
        return -(-self.sizes[-1] // self.width)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        return prod(self.sizes[:-1]) * self.pieces


def pack_params(fills: Sequence[int] = (), places: Sequence[int] = (), stride: int = 0) -> npt.NDArray[np.int32]:
    """The byte of each plane in the border, and the places along a dimension of this stride.

    Raises ValueError where a place is further away than 32 bits say."""
    far = np.array(places, np.int64) * stride
    if np.abs(far).max(initial=0) > MOST_PLACE:
        raise ValueError(f"places up to {max(places)} at {stride} bytes each leave 32 bits")
    words = np.array([*(fill * 0x01010101 for fill in fills), 0, 0][:FILLS], np.int64).astype(np.uint32)
    return np.concatenate([words.view(np.int32), far.astype(np.int32)])


def generate(spec: CopySpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: each_item(spec, arguments, _Copy(spec, arguments).piece))


class _Copy:
    """One kernel while it is written."""

    def __init__(self, spec: CopySpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments

    def piece(self, image: Value, item: Value) -> None:
        spec, k = self.spec, self.arguments
        *outer, group = coordinates(item, [*spec.sizes[:-1], spec.pieces])
        first = mul(group, spec.width)
        target = place(k.out, image, k.out_image, distance([*outer, first], spec.outs))
        start, inside = const(0), const(1, 1)
        for d, where in enumerate(outer):
            far, here = self.reach(d, where)
            start, inside = add(start, far), inside if here is None else arith.andi(inside, here)
        source = place(k.inputs[0], image, k.in_images[0], start)
        for n in range(1 + (spec.out_plane > 0)):
            words = self.read(at(source, n * spec.in_plane), first, n)
            if any(d < len(outer) for d in spec.borders):
                words = [arith.select(inside, word, param(k, n)) for word in words]
            store_group(words, at(target, n * spec.out_plane), spec.width, spec.sizes[-1], group)

    def reach(self, d: int, where: Value) -> tuple[Value, Value | None]:
        """Bytes from where a dimension begins in the input to a place of the result, and whether it is not in the
        border; there, the bytes to a place that is none."""
        spec = self.spec
        if d == spec.axis:
            known = at(self.arguments.params, wide(mul(add(where, FILLS), 4)))
            return load(integer(32), known, 4), None
        if d not in spec.borders:
            return mul(where, spec.ins[d]), None
        before, size = spec.borders[d]
        number = sub(where, before)
        here = below(number, size)
        return mul(arith.select(here, number, const(0)), spec.ins[d]), here

    def read(self, source: Value, first: Value, plane: int) -> list[Value]:
        """A thread's bytes, as words."""
        spec, last = self.spec, len(self.spec.sizes) - 1
        if spec.ins[-1] == 1 and last != spec.axis and last not in spec.borders:
            return gather_words(at(source, signed_wide(first)), 1, spec.in_bytes, spec.width)
        numbers = []
        for n in range(spec.width):
            far, here = self.reach(last, least(add(first, n), spec.sizes[-1] - 1))
            number = arith.extui(integer(32), load(integer(8), at(source, signed_wide(far)), 1))
            numbers.append(number if here is None else arith.select(here, number, param(self.arguments, plane)))
        return packed(numbers)
