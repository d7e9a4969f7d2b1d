"""Sums of a product as results: requantized in registers, and gathered in shared memory, so that stores are wide.

A residual is brought to where the results will be gathered: every lane reads its numbers there and puts its results in
their place. Of 16 bits there are two planes of bytes, low ones and, 128 larger, high ones.

Layers that read one input may be one product: each is a part, with a place of its own. A function of 8 bits behind a
product is looked up before results are gathered, and what is added to that (`product_added.py`) is brought as a
residual is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.families.product_added import Addition
from dyadic.passes.lower.cuda.kernels.families.product_slices import Share
from dyadic.passes.lower.cuda.kernels.families.product_spec import HEADER, PART, TABLE
from dyadic.passes.lower.cuda.kernels.families.product_staging import Block
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
    mul,
    rem,
    signed_wide,
    store,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import Gathered
from dyadic.passes.lower.cuda.kernels.vocabulary.items import lowest, words
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.warpgroups import together
from dyadic.passes.lower.cuda.kernels.vocabulary.words import side_by_side

TILES_AT_ONCE = 4  # of eight columns, which many sums a lane are requantized in


class _Channel(NamedTuple):
    """The numbers of one of a lane's channels."""

    bias: Value
    rescale: Rescale
    residual_multiplier: Value | None  # 64 bits
    high_bias: Value | None


class Results:
    """Of one block; made when the sums are there."""

    def __init__(self, block: Block) -> None:
        self.block, self.spec, self.ring = block, block.spec, block.ring
        sizes = (self.spec.threads, self.spec.block_rows, self.spec.block_columns)
        self.gathered = Gathered(self.ring, block.thread, *sizes)
        params = block.arguments.params
        words = [load(integer(32), at(params, 4 * word), 4) for word in range(HEADER)]
        self.zero_point, self.low, self.high, self.residual_zero_point, self.residual_shift = words
        self.part_start, self.part_place = const(0), const(0)
        self.out_pixel, self.out_row = const(self.spec.out_pixel), const(self.spec.out_row)
        self.addition = Addition(at(params, 4 * self.spec.added_word)) if self.spec.added else None
        if self.spec.parts:
            self._find_part(at(params, 4 * self.spec.parts_word))

    def _find_part(self, headers: Value) -> None:
        """Which result the block is of: a block of columns is of one."""
        number, start = const(0), 0
        for n, channels in enumerate(self.spec.parts[:-1], 1):
            start += channels
            inside = below(self.block.first_column, start)
            number = arith.select(inside, number, const(n))
            self.part_start = arith.select(inside, self.part_start, const(start))
        header = at(headers, wide(mul(number, 4 * PART)))
        words = [load(integer(32), at(header, 4 * word), 4) for word in range(PART)]
        self.zero_point, self.low, self.high, self.part_place, self.out_pixel, self.out_row = words

    def stage_table(self) -> None:
        """To shared memory; there is a barrier before results are gathered."""
        spec = self.spec
        source = at(self.block.arguments.params, 4 * (spec.parts_word + PART * len(spec.parts)))
        target = at(self.ring, spec.table_at)

        def move() -> None:
            place = wide(mul(self.block.thread, 4))
            store(load(integer(32), at(source, place), 4), at(target, mul(self.block.thread, 4)), 4)

        when(below(self.block.thread, TABLE // 4), move)

    def stage_residual(self) -> None:
        """To where the results will be; where there is none, some other one."""
        spec, block = self.spec, self.block
        source, image = block.arguments.inputs[1], block.arguments.in_images[1]

        def move(row: Value, column: Value) -> None:
            pixel = least(add(block.first_row, row), sub(block.pixels, 1))
            channel = least(add(block.first_column, column), spec.channels - spec.residual_bytes)
            place = block.place(pixel, image, spec.residual_row, spec.residual_pixel)
            which, there = self.of_group(channel), None
            if spec.residual_channels:
                which = sub(which, spec.residual_from)
                there = below(which, spec.residual_channels)
                which = arith.select(there, which, const(0))
            start = at(at(source, place), wide(which))
            target = self.gathered.at(row, column)
            for plane in range(2 if spec.residual_plane else 1):
                here = at(start, plane * spec.residual_plane)
                value = load(words(spec.residual_bytes), here, spec.residual_bytes)
                if there is not None:
                    value = arith.select(there, value, self._fill(plane))
                store(value, at(target, plane * self.gathered.plane), spec.residual_bytes)

        self.gathered.each_piece(spec.residual_bytes, move)

    def _fill(self, plane: int) -> Value:
        """What a residual is where it has no channels, as often as one access has it."""
        size = self.spec.residual_bytes
        word = load(integer(32), at(self.block.arguments.params, 4 * (self.spec.fills_word + plane)), 4)
        return lowest(word, size) if size <= 4 else side_by_side([word] * (size // 4))

    def gather(self, share: Share, sums: Sequence[Value], high: Sequence[Value] = ()) -> None:
        """Requantize, and put bytes where the block's rows are whole; `high` are sums of high bytes."""
        spec, block, across = self.spec, self.block, share.across
        row = add(share.row, div(block.lane, 4))
        first = add(share.column, mul(rem(block.lane, 4), 2))
        for x in range(across):
            if spec.wgmma and x % TILES_AT_ONCE == 0:
                together()  # so that what later tiles need is not loaded, and kept, from here on
            channels = [self._channel(add(first, 8 * x + j)) for j in range(2)]
            for y in range(share.down):
                for h in range(2):
                    place = self.gathered.at(add(row, 16 * y + 8 * h), add(first, 8 * x))
                    rest = self._residuals(place) if spec.residual else [None, None]
                    results = []
                    for j, channel in enumerate(channels):
                        number = (y * across + x) * 4 + 2 * h + j
                        total = self._total(sums[number], high[number] if high else None, channel)
                        result = self._requantized(total, None if spec.added else rest[j], channel)
                        results.append(self._behind(result, rest[j]))
                    self.gathered.put(results, place, wide=spec.out_plane > 0)

    def store(self) -> None:
        spec, block = self.spec, self.block
        target, image = block.arguments.out, block.arguments.out_image

        def move(row: Value, column: Value) -> None:
            pixel, channel = add(block.first_row, row), add(block.first_column, column)

            def write() -> None:
                place = block.place(pixel, image, self.out_row, self.out_pixel)
                start = at(at(target, place), wide(sub(self.of_group(channel), self.part_start)))
                start = at(start, signed_wide(self.part_place)) if spec.parts else start
                source = self.gathered.at(row, column)
                for plane in range(self.planes):
                    value = load(words(spec.store_bytes), at(source, plane * self.gathered.plane), spec.store_bytes)
                    store(value, at(start, plane * spec.out_plane), spec.store_bytes)

            when(arith.andi(below(pixel, block.pixels), below(channel, spec.channels)), write)

        self.gathered.each_piece(spec.store_bytes, move)

    @property
    def planes(self) -> int:
        """Of the results."""
        return 2 if self.spec.out_plane else 1

    def of_group(self, channel: Value) -> Value:
        """Of all channels."""
        return channel if self.spec.groups == 1 else add(channel, mul(self.block.group, self.spec.channels))

    def _channel(self, column: Value) -> _Channel:
        spec, block = self.spec, self.block
        channel = self.of_group(least(add(block.first_column, column), spec.channels - 1))
        offset = wide(mul(channel, 4))

        def number(table: int) -> Value:
            return load(integer(32), at(block.table(table), offset), 4)

        residual = signed_wide(number(4)) if spec.residual and not spec.added else None
        high = number(5) if spec.acc_shift else None
        return _Channel(number(1), Rescale.of(number(2), number(3), spec.form), residual, high)

    def _total(self, low: Value, high: Value | None, channel: _Channel) -> Value:
        """The accumulator, of 32 bits."""
        total = add(low, channel.bias)
        if high is None or channel.high_bias is None:
            return total
        shift = self.spec.acc_shift
        upper = add(arith.shli(high, const(8 - shift)), channel.high_bias)
        return add(upper, arith.shrsi(total, const(shift)))

    def _residuals(self, place: Value) -> list[Value]:
        """Two of them, less their zero point."""
        spec = self.spec
        low = arith.extui(integer(32), load(integer(16), place, 2))
        values = [arith.andi(low, const(255)), arith.shrui(low, const(8))]
        if spec.residual_plane:
            above = arith.extui(integer(32), load(integer(16), at(place, self.gathered.plane), 2))
            bytes_ = [arith.andi(above, const(255)), arith.shrui(above, const(8))]
            values = [add(a, arith.shli(sub(b, 128), const(8))) for a, b in zip(values, bytes_, strict=True)]
        return [sub(value, self.residual_zero_point) for value in values]

    def _requantized(self, total: Value, rest: Value | None, channel: _Channel) -> Value:
        more = None
        if rest is not None and channel.residual_multiplier is not None:
            product = mul(signed_wide(rest), channel.residual_multiplier)
            more = arith.shli(product, wide(self.residual_shift))
        return quantized(channel.rescale.rescaled(total, more), self.zero_point, self.low, self.high)

    def _behind(self, result: Value, rest: Value | None) -> Value:
        """What is stored of a result: what it stands for in a table, and more that is added to it."""
        if self.spec.table:
            table = at(self.ring, self.spec.table_at)
            result = arith.extui(integer(32), load(integer(8), at(table, result), 1))
        if self.addition is None or rest is None:
            return result
        return self.addition.sum(result, rest)
