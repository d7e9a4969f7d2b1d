"""Bytes whose neighbours in the input are not those in the result: blocks of 4 x 4, turned in registers.

A thread reads four words, each of four neighbours in the input, and writes four, each of four neighbours in the result.
A warp has 4 x 8 of such blocks, so that what it reads and writes of a row is half a sector of memory, or a whole one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    least,
    mul,
    signed_wide,
    when,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import ItemSpec, coordinates, distance, each_item, place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.words import load_words, permute, store_group

SIDE = 4  # of a block
DOWN, ACROSS = 4, 8  # blocks of a warp, along the input's neighbours and along the result's


@dataclass(frozen=True)
class TransposeSpec(ItemSpec):
    """`out[i0, ..., p, q] = in[i0, ..., p, q]`, where p are neighbours in the input and q in the result. Sizes and
    strides of all dimensions, in bytes; 4 divides all addresses but along p of the input and q of the result. Raises
    ValueError where there is no such kernel."""

    sizes: tuple[int, ...]
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    in_plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    out_plane: int = 0

    def __post_init__(self) -> None:
        aligned = (*self.ins[:-2], *self.ins[-1:], *self.outs[:-1], self.in_plane, self.out_plane)
        checks = {
            "strides for every size": len(self.sizes) == len(self.ins) == len(self.outs) >= 2,
            "neighbours on each side": (self.ins[-2:-1], self.outs[-1:]) == ((1,), (1,)),
            "as many planes on both sides": (self.in_plane > 0) == (self.out_plane > 0),
            "words on both sides": all(stride % SIDE == 0 for stride in aligned),
        }
        require("transpose", self, checks)

    @property
    def blocks(self) -> tuple[int, int]:
        """Of a warp each, along p and q."""
        p, q = self.sizes[-2:]
        return -(-p // (SIDE * DOWN)), -(-q // (SIDE * ACROSS))

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        return prod(self.sizes[:-2]) * prod(self.blocks) * DOWN * ACROSS


def generate(spec: TransposeSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: each_item(spec, arguments, _Transpose(spec, arguments).turn))


class _Transpose:
    """One kernel while it is written."""

    def __init__(self, spec: TransposeSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments

    def turn(self, image: Value, item: Value) -> None:
        """The block of a thread."""
        spec, k = self.spec, self.arguments
        *outer, down, across, p, q = coordinates(item, [*spec.sizes[:-2], *spec.blocks, DOWN, ACROSS])
        first_p, group = mul(add(mul(down, DOWN), p), SIDE), add(mul(across, ACROSS), q)
        first_q = mul(group, SIDE)

        def move() -> None:
            start = add(distance(outer, spec.ins[:-2]), first_p)
            end = add(distance(outer, spec.outs[:-2]), first_q)
            source = place(k.inputs[0], image, k.in_images[0], start)
            target = place(k.out, image, k.out_image, end)
            for plane in range(1 + (spec.out_plane > 0)):
                rows = [
                    self.row(at(source, plane * spec.in_plane), least(add(first_q, n), spec.sizes[-1] - 1))
                    for n in range(SIDE)
                ]
                for n, word in enumerate(turned(rows)):
                    self.write(word, at(target, plane * spec.out_plane), add(first_p, n), group)

        inside = arith.andi(below(first_p, spec.sizes[-2]), below(first_q, spec.sizes[-1]))
        when(inside, move)

    def row(self, source: Value, q: Value) -> Value:
        """Four neighbours of the input."""
        (word,) = load_words(at(source, signed_wide(mul(q, self.spec.ins[-1]))), SIDE)
        return word

    def write(self, word: Value, target: Value, p: Value, group: Value) -> None:
        """Four neighbours of the result, or as many as there are."""
        spec = self.spec

        def whole() -> None:
            store_group([word], at(target, signed_wide(mul(p, spec.outs[-2]))), SIDE, spec.sizes[-1], group)

        if spec.sizes[-2] % SIDE:
            when(below(p, spec.sizes[-2]), whole)
        else:
            whole()


def turned(rows: Sequence[Value]) -> list[Value]:
    """Word n of the result has byte n of every row, the first row's lowest."""
    a, b, c, d = rows
    halves = [(permute(a, b, pick), permute(c, d, pick)) for pick in (0x5140, 0x7362)]
    return [permute(*halves[n // 2], (0x5410, 0x7632)[n % 2]) for n in range(SIDE)]
