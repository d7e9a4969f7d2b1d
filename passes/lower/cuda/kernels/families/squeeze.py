"""The squeeze of a squeeze-and-excite block: averages of whole images, and what a layer sums of them.

A block has some channels of an image. It averages them, rounds each average as `qi.avg_pool` does, and multiplies them
with their columns of the layer's weights: sums of some of its inputs, which `excite` adds up. So the blocks of an image
share both without waiting for each other. Weights are [blocks][K/16][outputs][16].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    least,
    load,
    loop,
    mul,
    rem,
    store,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import WIDTHS, distance, param, place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, block, kernel, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.lanes import across
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.words import dot, gather_words, load_words

CHUNK = 16  # bytes of weights that a thread reads at once, and channels that it averages
WARP = 32
AT_ONCE = 4  # pixels that a thread has read before it adds the first
LEAST_THREADS, MOST_THREADS = 128, 512
SUM_BYTES = 4
ZERO_POINT, LEAST, MOST, ZEROS, MULTIPLIER, SHIFT = range(6)  # of the parameters; ZEROS: of all pixels


@dataclass(frozen=True)
class SqueezeSpec:
    """Distances in bytes. Raises ValueError where there is no such kernel."""

    rows: int
    columns: int
    channels: int
    outputs: int  # of the layer
    in_pixel: int
    in_row: int
    block_channels: int  # a multiple of CHUNK
    access: int = 16  # bytes of one access, of WIDTHS: it divides every address
    form: str = HIGH  # how averages are rounded

    def __post_init__(self) -> None:
        lanes = self.lanes
        checks = {
            "lanes of a warp share a pixel": self.block_channels % CHUNK == 0
            and 0 < lanes <= WARP
            and lanes & (lanes - 1) == 0,
            "a thread averages a channel": self.block_channels <= LEAST_THREADS,
            "an access of 1, 2, 4, 8 or 16 bytes": self.access in WIDTHS,
            "it rounds in 64 bits": self.form in (FULL, HIGH),
        }
        require("squeezing", self, checks)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def pixels(self) -> int:
        return self.rows * self.columns

    @property
    def lanes(self) -> int:
        """Threads of a pixel."""
        return self.block_channels // CHUNK

    @property
    def items(self) -> int:
        """Blocks of an image."""
        return -(-self.channels // self.block_channels)

    @property
    def block_items(self) -> int:
        return 1

    @property
    def threads(self) -> int:
        wanted = 1 << (self.pixels * self.lanes - 1).bit_length()
        return min(max(wanted, LEAST_THREADS), MOST_THREADS)

    @property
    def slots(self) -> int:
        """Pixels of a block at once."""
        return self.threads // self.lanes

    @property
    def shared_bytes(self) -> int:
        """Sums of every warp, then averages."""
        return (SUM_BYTES * (self.threads // WARP) + 1) * self.block_channels

    @property
    def grid_y(self) -> int:
        return 1


def pack_weights(spec: SqueezeSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[outputs, channels] as the kernel reads it."""
    padded = np.zeros((spec.outputs, spec.items * spec.block_channels), weight.dtype)
    padded[:, : spec.channels] = weight.reshape(spec.outputs, spec.channels)
    blocks = padded.reshape(spec.outputs, spec.items, -1, CHUNK)
    return np.ascontiguousarray(blocks.transpose(1, 2, 0, 3)).reshape(-1)


def pack_params(header: Sequence[int]) -> npt.NDArray[np.int32]:
    """What the places above say."""
    assert len(header) == SHIFT + 1
    return np.array(header, np.int64).astype(np.int32)


def generate(spec: SqueezeSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: _Squeeze(spec, k).write())


class _Squeeze:
    def __init__(self, spec: SqueezeSpec, k: Arguments) -> None:
        self.spec, self.k = spec, k
        number = block(gpu.Dimension.x)
        self.image, self.group = div(number, spec.items), rem(number, spec.items)
        self.lane, self.slot = rem(thread(), spec.lanes), div(thread(), spec.lanes)
        self.averages = at(ring(), SUM_BYTES * (spec.threads // WARP) * spec.block_channels)

    def write(self) -> None:
        spec = self.spec
        self.share(self.over_warp(self.seen()))
        gpu.barrier()
        when(below(thread(), spec.block_channels), self.average)
        gpu.barrier()

        def some(n: Value, _: list[Value]) -> list[Value]:
            output = add(thread(), mul(n, spec.threads))
            when(below(output, spec.outputs), lambda: self.multiply(output))
            return []

        loop(-(-spec.outputs // spec.threads), some)

    def seen(self) -> list[Value]:
        """Sums of this thread's pixels. Channels beyond the last are the last ones again: their weights are 0."""
        spec = self.spec
        first = add(mul(self.group, spec.block_channels), mul(self.lane, CHUNK))
        first = least(first, (spec.channels - 1) // CHUNK * CHUNK)
        source = place(self.k.inputs[0], self.image, self.k.in_images[0], first)

        def part(n: Value, sums: list[Value]) -> list[Value]:
            read: list[tuple[list[Value], Value | None]] = []
            for number in range(AT_ONCE):
                pixel = add(self.slot, add(mul(n, AT_ONCE * spec.slots), number * spec.slots))
                real = None if spec.pixels % (AT_ONCE * spec.slots) == 0 else below(pixel, spec.pixels)
                near = pixel if real is None else least(pixel, spec.pixels - 1)
                where = [div(near, spec.columns), rem(near, spec.columns)]
                cell = at(source, wide(distance(where, [spec.in_row, spec.in_pixel])))
                read.append((gather_words(cell, 1, spec.access, CHUNK), real))
            for words, real in read:
                words = words if real is None else [arith.select(real, word, const(0)) for word in words]
                sums = [dot(words[k // 4], 1 << 8 * (k % 4), total) for k, total in enumerate(sums)]
            return sums

        return loop(-(-spec.pixels // (AT_ONCE * spec.slots)), part, [const(0)] * CHUNK)

    def over_warp(self, sums: list[Value]) -> list[Value]:
        """Of all lanes with the same channels."""
        step = self.spec.lanes
        while step < WARP:
            sums = [add(total, across(total, step)) for total in sums]
            step *= 2
        return sums

    def share(self, sums: list[Value]) -> None:
        """What a warp has seen, to shared memory: [warps][channels]."""
        row = mul(div(thread(), WARP), SUM_BYTES * self.spec.block_channels)
        start = at(ring(), add(row, mul(self.lane, SUM_BYTES * CHUNK)))

        def give() -> None:
            for k, total in enumerate(sums):
                store(total, at(start, SUM_BYTES * k), 4)

        when(below(rem(thread(), WARP), self.spec.lanes), give)

    def average(self) -> None:
        """Of one channel."""
        spec, k = self.spec, self.k
        total = sub(const(0), param(k, ZEROS))
        for warp in range(spec.threads // WARP):
            start = at(ring(), SUM_BYTES * warp * spec.block_channels)
            total = add(total, load(integer(32), at(start, mul(thread(), SUM_BYTES)), 4))
        rounded = Rescale.of(param(k, MULTIPLIER), param(k, SHIFT), spec.form).rescaled(total)
        made = quantized(rounded, param(k, ZERO_POINT), param(k, LEAST), param(k, MOST))
        store(arith.trunci(integer(8), made), at(self.averages, thread()), 1)

    def multiply(self, output: Value) -> None:
        """This block's part of an output's sum."""
        spec, k, total = self.spec, self.k, const(0)
        block_bytes = spec.outputs * spec.block_channels
        weights = at(k.weights, add(mul(wide(self.group), block_bytes), wide(mul(output, CHUNK))))
        for chunk in range(spec.lanes):
            left = load_words(at(self.averages, CHUNK * chunk), CHUNK)
            right = load_words(at(weights, CHUNK * spec.outputs * chunk), CHUNK)
            for a, b in zip(left, right, strict=True):
                total = dot(a, b, total, by_signed=True)
        inside = mul(add(mul(self.group, spec.outputs), output), SUM_BYTES)
        store(total, place(k.out, self.image, k.out_image, inside), 4)
