"""The excitation of a squeeze-and-excite block: gates, and an image times them.

A block has some channels of some pixels. It adds up what `squeeze` left of the first layer's sums, rounds them, and
multiplies them with its channels' rows of the second layer's weights: their gates. Behind each layer may be a function
of 256 entries. Then it multiplies its piece of the image. That every block makes all of the first layer's results costs
less than a launch, since these are few. Weights are [groups of channels][K/16][channels][16].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.families.squeeze import CHUNK, SUM_BYTES
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
from dyadic.passes.lower.cuda.kernels.vocabulary.items import WIDTHS, coordinates, distance, param, place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import MOST_SHARED_BYTES, Arguments, block, kernel, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, SHORT, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.words import bytes_of, dot, load_words, packed, store_group

CHANNELS = 32  # of a block
THREADS = 256
PARTS = THREADS // CHANNELS  # threads of a gate's sum
ENTRIES = 256  # of a function
# words of the parameters: zero point, low and high of both layers' results and of the product, then what is its own
INNER, GATE, PRODUCT, ZERO_X, ZERO_GATE, MULTIPLIER, SHIFT = 0, 3, 6, 9, 10, 11, 12
HEADER = 13


@dataclass(frozen=True)
class ExciteSpec:
    """Distances in bytes. Raises ValueError where there is no such kernel."""

    rows: int
    columns: int
    channels: int
    inner: int  # outputs of the first layer
    slices: int  # how many sums there are of each
    pieces: int  # of an image's pixels: a block has one
    in_pixel: int
    in_row: int
    out_pixel: int
    out_row: int
    width: int = 16  # channels of a thread, of WIDTHS: it divides every address
    inner_form: str = HIGH  # how results of both layers and products are rounded
    gate_form: str = HIGH
    form: str = HIGH
    inner_table: bool = False  # there is a function behind the layer
    gate_table: bool = False

    def __post_init__(self) -> None:
        checks = {
            "a width of 1, 2, 4, 8 or 16": self.width in WIDTHS,
            "products round in 64 bits": self.form in (FULL, HIGH),
            "a known way to round": {self.inner_form, self.gate_form} <= {SHORT, FULL, HIGH},
            "no more pieces than pixels": 0 < self.pieces <= self.pixels,
            "shared memory suffices": self.shared_bytes <= MOST_SHARED_BYTES,
        }
        require("exciting", self, checks)

    @property
    def inputs(self) -> int:
        """The image, and the first layer's sums."""
        return 2

    @property
    def pixels(self) -> int:
        return self.rows * self.columns

    @property
    def piece(self) -> int:
        """Pixels of a block."""
        return -(-self.pixels // self.pieces)

    @property
    def depth(self) -> int:
        """Inputs of the second layer, filled up to whole chunks."""
        return -(-self.inner // CHUNK) * CHUNK

    @property
    def groups(self) -> int:
        """Of channels."""
        return -(-self.channels // CHANNELS)

    @property
    def items(self) -> int:
        """Blocks of an image."""
        return self.groups * self.pieces

    @property
    def block_items(self) -> int:
        return 1

    @property
    def threads(self) -> int:
        return THREADS

    @property
    def shared_bytes(self) -> int:
        """Results of the first layer, parts of gates' sums, gates."""
        return self.depth + SUM_BYTES * (THREADS + CHANNELS)

    @property
    def grid_y(self) -> int:
        return 1


def pack_weights(spec: ExciteSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[channels, inner] as the kernel reads it."""
    padded = np.zeros((spec.groups * CHANNELS, spec.depth), weight.dtype)
    padded[: spec.channels, : spec.inner] = weight.reshape(spec.channels, spec.inner)
    return np.ascontiguousarray(padded.reshape(spec.groups, CHANNELS, -1, CHUNK).transpose(0, 2, 1, 3)).reshape(-1)


def pack_params(
    spec: ExciteSpec,
    header: Sequence[int],
    inner: Sequence[npt.NDArray[np.integer[Any]]],
    gate: Sequence[npt.NDArray[np.integer[Any]]],
    tables: Sequence[npt.NDArray[np.uint8]],
) -> npt.NDArray[np.int32]:
    """header: what the places above say. inner, gate: biases, multipliers and shifts of each layer. tables: of 256
    bytes, those that there are, the first layer's first."""
    assert len(header) == HEADER and len(tables) == spec.inner_table + spec.gate_table
    assert {len(one) for one in inner} == {spec.inner} and {len(one) for one in gate} == {spec.channels}
    words = [np.asarray(part).astype(np.int64).astype(np.int32) for part in (header, *inner, *gate)]
    return np.concatenate([*words, *(np.ascontiguousarray(table).view(np.int32) for table in tables)])


def generate(spec: ExciteSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: _Excite(spec, k).write())


class _Excite:
    def __init__(self, spec: ExciteSpec, k: Arguments) -> None:
        self.spec, self.k = spec, k
        self.image, self.piece, self.group = coordinates(block(gpu.Dimension.x), [0, spec.pieces, spec.groups])
        self.first = mul(self.group, CHANNELS)  # of the block's channels
        self.sums = at(ring(), spec.depth)
        self.gates = at(self.sums, SUM_BYTES * THREADS)

    def write(self) -> None:
        self.make_inner()
        gpu.barrier()
        self.sum_gates()
        gpu.barrier()
        when(below(thread(), CHANNELS), self.make_gate)
        gpu.barrier()
        self.multiply()

    # --- layers

    def layer_result(
        self, total: Value, index: Value, count: int, start: int, header: int, form: str, table: int | None
    ) -> Value:
        """Of an output: what its sum becomes. start: of the layer's words, where each output has a bias, a multiplier
        and a shift; table: where its function begins."""
        bias, multiplier, shift = (
            load(integer(32), at(self.k.params, wide(mul(add(index, start + n * count), 4))), 4) for n in range(3)
        )
        rounded = Rescale.of(multiplier, shift, form).rescaled(add(total, bias))
        result = quantized(rounded, *(param(self.k, header + n) for n in range(3)))
        if table is None:
            return result
        entry = load(integer(8), at(at(self.k.params, 4 * table), wide(result)), 1)
        return arith.extui(integer(32), entry)

    def table(self, layer: int) -> int | None:
        """Where the function behind a layer begins among the parameters."""
        spec = self.spec
        if not (spec.inner_table, spec.gate_table)[layer]:
            return None
        behind = HEADER + 3 * (spec.inner + spec.channels)
        return behind + (ENTRIES // 4 if layer and spec.inner_table else 0)

    def make_inner(self) -> None:
        """Results of the first layer, all of them; zeros fill up the last chunk."""
        spec = self.spec
        sums = place(self.k.inputs[1], self.image, self.k.in_images[1], const(0))

        def one(index: Value) -> None:
            near = least(index, spec.inner - 1)

            def more(n: Value, total: list[Value]) -> list[Value]:
                where = mul(add(mul(n, spec.inner), near), SUM_BYTES)
                return [add(total[0], load(integer(32), at(sums, wide(where)), 4))]

            (total,) = loop(spec.slices, more, [const(0)])
            made = self.layer_result(total, near, spec.inner, HEADER, INNER, spec.inner_form, self.table(0))
            made = arith.select(below(index, spec.inner), made, const(0))
            store(arith.trunci(integer(8), made), at(ring(), index), 1)

        def some(n: Value, _: list[Value]) -> list[Value]:
            index = add(thread(), mul(n, THREADS))
            when(below(index, spec.depth), lambda: one(index))
            return []

        loop(-(-spec.depth // THREADS), some)

    def sum_gates(self) -> None:
        """Several threads share a gate's sum: each has every so-manieth chunk."""
        spec, chunks = self.spec, self.spec.depth // CHUNK
        channel, part = rem(thread(), CHANNELS), div(thread(), CHANNELS)
        start = add(mul(wide(self.group), spec.depth * CHANNELS), wide(mul(channel, CHUNK)))
        weights = at(self.k.weights, start)

        def some(n: Value, total: list[Value]) -> list[Value]:
            chunk = add(part, mul(n, PARTS))
            real = None if chunks % PARTS == 0 else below(chunk, chunks)
            near = chunk if real is None else least(chunk, chunks - 1)
            left = load_words(at(ring(), mul(near, CHUNK)), CHUNK)
            right = load_words(at(weights, wide(mul(near, CHUNK * CHANNELS))), CHUNK)
            made = total[0]
            for a, b in zip(left, right, strict=True):
                made = dot(a, b, made, by_signed=True)
            return [made if real is None else arith.select(real, made, total[0])]

        (total,) = loop(-(-chunks // PARTS), some, [const(0)])
        store(total, at(self.sums, mul(thread(), SUM_BYTES)), 4)

    def make_gate(self) -> None:
        """Of a channel, without its zero point."""
        spec, total = self.spec, const(0)
        for part in range(PARTS):
            there = at(self.sums, SUM_BYTES * CHANNELS * part)
            total = add(total, load(integer(32), at(there, mul(thread(), SUM_BYTES)), 4))
        channel = least(add(self.first, thread()), spec.channels - 1)
        start = HEADER + 3 * spec.inner
        gate = self.layer_result(total, channel, spec.channels, start, GATE, spec.gate_form, self.table(1))
        store(sub(gate, param(self.k, ZERO_GATE)), at(self.gates, mul(thread(), SUM_BYTES)), 4)

    # --- the image

    def multiply(self) -> None:
        """This block's pixels times the gates."""
        spec, k = self.spec, self.k
        lanes = CHANNELS // spec.width
        slots = THREADS // lanes
        lane, slot = rem(thread(), lanes), div(thread(), lanes)
        channel = add(self.first, mul(lane, spec.width))
        gates = [
            load(integer(32), at(self.gates, add(mul(lane, SUM_BYTES * spec.width), SUM_BYTES * n)), 4)
            for n in range(spec.width)
        ]
        zero_x = param(k, ZERO_X)
        by = Rescale.of(param(k, MULTIPLIER), param(k, SHIFT), spec.form)
        limits = [param(k, PRODUCT + n) for n in range(3)]
        end = arith.minui(mul(add(self.piece, 1), spec.piece), const(spec.pixels))

        def one(pixel: Value) -> None:
            where = [div(pixel, spec.columns), rem(pixel, spec.columns), channel]
            source, target = (
                place(base, self.image, image, distance(where, [row, step, 1]))
                for base, image, row, step in (
                    (k.inputs[0], k.in_images[0], spec.in_row, spec.in_pixel),
                    (k.out, k.out_image, spec.out_row, spec.out_pixel),
                )
            )
            numbers = bytes_of(load_words(source, spec.width), spec.width)
            made = [
                quantized(by.rescaled(mul(sub(x, zero_x), gate)), *limits)
                for x, gate in zip(numbers, gates, strict=True)
            ]
            store_group(packed(made), target, spec.width, spec.channels, div(channel, spec.width))

        def some(n: Value, _: list[Value]) -> list[Value]:
            pixel = add(add(mul(self.piece, spec.piece), slot), mul(n, slots))
            when(arith.andi(below(pixel, end), below(channel, spec.channels)), lambda: one(pixel))
            return []

        loop(-(-spec.piece // slots), some)
