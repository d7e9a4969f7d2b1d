"""8-bit weights in scratch memory, made of stored ones of 4 and 2 bits (`weight_format.py`).

Unpacking is a shift, a mask and a subtraction for 64 weights. With groups, `g * (step + 7)` fits a byte, so one
multiplication of words does two weights, and `7 * g` is subtracted.

A convolution unpacks a block of channels when a thread first meets it and finds it again in its scratch memory; a layer
of one pixel, which uses every weight once, unpacks a slice of K at a time, which stays in the cache.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.weights.weight_format import LANES, LINE, TILE_DWORDS, Format

UNROLLED = 8  # stored lines in straight-line code


@dataclass(frozen=True)
class GroupScale:
    """A group's scales as words, two a channel, and seven times each of them as bytes, four a channel."""

    words: c.Value
    sevens: c.Value

    @staticmethod
    def load(place: c.Value) -> "GroupScale":
        dwords = c.extend(c.load(c.vec(LANES, 8), place), 32, signed=False)
        words = c.bits_as(c.either(dwords, c.shift_left(dwords, 16)), 2 * LANES, 16)
        sevens = c.sub(c.shift_left(words, 3), words)
        return GroupScale(words, c.bits_as(c.either(sevens, c.shift_left(sevens, 8)), LINE, 8))


def line(format_: Format, stored: c.Value, scale: GroupScale | None = None) -> list[c.Value]:
    """The lines of 8-bit weights in the stored one at `stored`."""
    words = c.load(c.vec(LINE // 2, 16), stored)
    mask = ((1 << format_.bits) - 1) * 0x0101
    lines = []
    for i in range(format_.lines):
        steps = c.both(c.shift_right_logical(words, format_.bits * i), mask)
        if scale is None:
            lines.append(c.sub(c.bits_as(steps, LINE, 8), format_.largest))
        else:
            lines.append(c.sub(c.bits_as(c.mul(steps, scale.words), LINE, 8), scale.sevens))
    return lines


def dwords(format_: Format, stored: c.Value, scales: c.Value, target: c.Value, count: int) -> None:
    """`count` dwords of K of 16 channels, which begin with a group, rounded up to whole stored lines."""
    if not format_.group:
        _lines(format_, stored, target, -(-count // format_.lines), None)
        return
    each = format_.group_dwords

    def group(index: c.Value, size: int) -> None:
        source = c.at(stored, c.mul(index, each // format_.lines * LINE))
        scale = GroupScale.load(c.at(scales, c.mul(index, LANES)))
        _lines(format_, source, c.at(target, c.mul(index, each * LINE)), -(-size // format_.lines), scale)

    full, rest = divmod(count, each)
    if full > 1:
        c.loop(0, full, lambda i: group(i, each))
    elif full:
        group(c.const(0), each)
    if rest:
        group(c.const(full), rest)


def _lines(format_: Format, stored: c.Value, target: c.Value, count: int, scale: GroupScale | None) -> None:
    """So many stored lines in a row."""

    def some(first: c.Value, size: int) -> None:
        for i in range(size):
            place = c.add(first, i)
            for j, value in enumerate(line(format_, c.at(stored, c.mul(place, LINE)), scale)):
                c.store(value, target, c.add(c.mul(place, format_.lines * LINE), j * LINE), align=LINE)

    full, rest = divmod(count, UNROLLED)
    if full > 1:
        c.loop(0, full * UNROLLED, lambda i: some(i, UNROLLED), step=UNROLLED)
    elif full:
        some(c.const(0), UNROLLED)
    if rest:
        some(c.const(full * UNROLLED), rest)


# --- convolutions


@dataclass(frozen=True)
class Weights:
    """Some vectors of 16 channels: 8-bit weights where they are or will be, and where the stored ones are."""

    ready: c.Value
    stride: int  # from one vector's to the next one's
    stored: c.Value
    scales: c.Value
    zeros: bool = False  # the kernel multiplies with the padding of K, too

    def moved(self, spec: Any, vectors: c.Value | int) -> "Weights":
        """Those of so many vectors further on."""

        def by(pointer: c.Value, size: int) -> c.Value:
            return c.at(pointer, vectors * size if isinstance(vectors, int) else c.mul(vectors, size))

        return replace(
            self,
            ready=by(self.ready, self.stride) if self.stride == spec.vector_bytes else self.ready,
            stored=by(self.stored, spec.stored_bytes),
            scales=by(self.scales, spec.scale_bytes),
        )


def unit_weights(
    spec: Any, k: c.KernelArguments, scratch: c.Value, index: c.Value, chunk: c.Value, vector: c.Value, vectors: int,
    *, zeros: bool,
) -> Weights:  # fmt: skip
    """The weights of unit `index`, unpacked to `scratch` where this call has not met its block before.

    With `zeros` also the padding of K, which AMX multiplies with.
    """
    stored = c.at(k.weights, c.mul(vector, spec.stored_bytes))
    if spec.format.bits == 8:
        return Weights(stored, spec.vector_bytes, stored, stored)
    scales = c.at(k.weights, c.add(c.mul(vector, spec.scale_bytes), spec.scales_start))
    if spec.streams:
        return Weights(scratch, spec.slice_dwords * LINE, stored, scales, zeros)
    ready = c.at(scratch, c.mul(vector, spec.vector_bytes)) if spec.pixels_outer else scratch

    def unpack() -> None:
        unpack_block(spec, stored, scales, ready, vectors, zeros=zeros)

    if spec.pixels_outer:  # all blocks come in turn, and each stays where it is
        c.choose(c.less(c.sub(index, k.first), spec.groups * spec.blocks), unpack, lambda: None)
    elif spec.neighbours == 1:
        unpack()
    else:
        c.choose(c.either(c.equal(index, k.first), c.equal(chunk, 0)), unpack, lambda: None)
    return Weights(ready, spec.vector_bytes, stored, scales)


def unpack_block(spec: Any, stored: c.Value, scales: c.Value, target: c.Value, vectors: int, *, zeros: bool) -> None:
    """Whole vectors of 16 channels, run by run; all at once where nothing lies between runs."""
    format_, taps = spec.format, spec.taps_y * spec.taps_x
    if not format_.group and spec.stored_dwords == spec.packed_dwords:
        dwords(format_, stored, scales, target, vectors * taps * spec.stored_dwords)
        return

    def run(index: c.Value) -> None:
        to = c.at(target, c.mul(index, spec.packed_dwords * LINE))
        source = c.at(stored, c.mul(index, spec.stored_dwords * LINE // format_.lines))
        dwords(format_, source, c.at(scales, c.mul(index, spec.run_groups * LANES)), to, spec.run_dwords)
        if zeros:
            pad(format_, to, spec.run_dwords)

    c.loop(0, vectors * taps, run)


def unpack_slice(spec: Any, weights: Weights, run: c.Value, number: c.Value, count: int, vectors: int) -> None:
    """`count` dwords of K of slice `number` of one run, to where the weights are ready, vector by vector."""
    format_, size = spec.format, spec.slice_dwords
    dword = c.add(c.mul(run, spec.stored_dwords), c.mul(number, size))
    groups = size // format_.group_dwords if format_.group else 0
    group = c.add(c.mul(run, spec.run_groups), c.mul(number, groups))
    for v in range(vectors):
        stored = c.at(weights.stored, c.add(c.mul(dword, LINE // format_.lines), v * spec.stored_bytes))
        scales = c.at(weights.scales, c.add(c.mul(group, LANES), v * spec.scale_bytes))
        ready = c.at(weights.ready, v * weights.stride)
        dwords(format_, stored, scales, ready, count)
        if weights.zeros:
            pad(format_, ready, count)


def pad(format_: Format, run: c.Value, count: int) -> None:
    """Zeros behind `count` dwords of K, up to a whole AMX tile."""
    for dword in range(-(-count // format_.lines) * format_.lines, -(-count // TILE_DWORDS) * TILE_DWORDS):
        c.store(c.zeros(LINE, 8), run, dword * LINE, align=LINE)


def sliced(
    spec: Any,
    weights: Weights,
    run: c.Value,
    vectors: int,
    body: Callable[[c.Value, int, Sequence[c.Value]], Sequence[c.Value]],
    carried: Sequence[c.Value] = (),
) -> list[c.Value]:
    """`body(first dword, dwords, carried)` for the slices of a run in turn, each unpacked just before."""
    size = spec.slice_dwords

    def one(number: c.Value, count: int, now: Sequence[c.Value]) -> Sequence[c.Value]:
        unpack_slice(spec, weights, run, number, count, vectors)
        return body(c.mul(number, size), count, now)

    full, rest = divmod(spec.run_dwords, size)
    if full:
        carried = c.loop(0, full, lambda i, *now: one(i, size, now), carried)
    return list(one(c.const(full), rest, carried) if rest else carried)


# --- depthwise convolutions


def depthwise_weights(spec: Any, k: c.KernelArguments, stored: c.Value) -> c.Value:
    """8-bit weights of a block: where they are stored, or unpacked behind the words of a strip.

    A second result row has the first one's weights one kernel row further down.
    """
    format_, lines = spec.format, spec.format.lines
    if lines == 1:
        return stored
    target = c.at(k.scratch, spec.widened_bytes)
    group, row = spec.group_bytes, spec.groups * spec.group_bytes

    def every_group(index: c.Value) -> None:
        place = c.mul(index, LINE)
        unpacked = [line(format_, c.at(stored, c.add(place, g * group // lines))) for g in range(spec.stored_groups)]
        unpacked += [[c.zeros(LINE, 8)] * lines] * (spec.groups - spec.stored_groups)
        for i in range(lines):
            above = None
            for g, (here, *_) in enumerate(each[i:] for each in unpacked):
                to = c.add(c.mul(place, lines), g * group + i * LINE)
                c.store(here, target, to, align=LINE)
                if spec.paired:
                    c.store(further_down(here, above), target, c.add(to, row), align=LINE)
                above = here

    c.loop(0, group // LINE // lines, every_group)
    return target


def further_down(rows: c.Value, above: c.Value | None) -> c.Value:
    """Four kernel rows of 16 channels moved down by one; the first comes from those above, or is zero."""
    moved = c.shift_left(c.bits_as(rows, LANES, 32), 8)
    return moved if above is None else c.either(moved, c.shift_right_logical(c.bits_as(above, LANES, 32), 24))
