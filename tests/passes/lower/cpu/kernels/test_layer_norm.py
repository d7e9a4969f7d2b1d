"""Normalization gives the bits of `qi.layer_norm` at every level, whatever the strides, widths and rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.dialects.qi.norms import MOST_EPSILON, normalized_bits
from dyadic.passes.lower.cpu.kernels.families import layer_norm
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.units import Strided
from dyadic.runtime import fixedpoint

LENGTHS = [1, 2, 3, 5, 15, 16, 17, 33, 63, 64, 65, 127, 192, 250, 300, 384, 500, 768, 1023, 1024, 2047, 4095]
Rows = npt.NDArray[np.int64]


def rows_of(rng: np.random.Generator, count: int, n: int, low: int, high: int) -> Rows:
    """Rows [count, n] of integers in [low, high]: ordinary ones, and those at the ends of what sums can hold."""
    kinds: list[Rows] = []
    for _ in range(count):
        kind = rng.integers(0, 9)
        row = np.full(n, rng.integers(low, high + 1))
        if kind == 1:  # one that differs
            row[rng.integers(0, n)] = rng.choice([low, high])
        elif kind == 2:  # by one
            row[rng.integers(0, n)] = np.clip(row[0] + rng.choice([-1, 1]), low, high)
        elif kind == 3:
            row = rng.choice([low, high], n)
        elif kind == 4:
            row = np.where(np.arange(n) < n // 2, low, high)
        elif kind == 5:
            row[:] = rng.choice([low, high])
        elif kind == 6:
            row = rng.integers(low, high + 1, n)
        elif kind >= 7:
            row = np.rint(rng.normal(rng.uniform(low, high), 2.0 ** rng.uniform(-1, 12), n))
        kinds.append(np.clip(row, low, high).astype(np.int64))
    return np.stack(kinds)


class Tensor:
    """Rows in memory: bytes, or two planes of them, with gaps that are random."""

    def __init__(self, draw: Any, rng: np.random.Generator, sizes: tuple[int, int, int, int], wide: bool) -> None:
        images, outer, rows, n = sizes
        gap = st.sampled_from([0, 0, 1, 4, 64])
        row = n + draw(gap)
        around = rows * row + draw(gap)
        plane = outer * around + draw(gap) if wide else 0
        image = (2 if wide else 1) * outer * around + 3 * draw(gap)
        self.sizes, self.offset = sizes, draw(st.sampled_from([0, 9]))
        self.strided = Strided(n, row, image, plane=plane, outer=(around,))
        self.bytes = rng.integers(0, 256, self.offset + images * image + plane + 64, np.uint8)

    def write(self, view: Any, values: Rows, wide: bool) -> None:
        kind = self.strided
        for i, plane in enumerate(fixedpoint.planes(values.astype(np.int16 if wide else np.uint8))):
            place = self.offset + i * kind.plane
            view(self.bytes, place, self.sizes, (kind.image, *kind.outer, kind.row, 1))[:] = plane


def random_case(kernels: Any, draw: Any, rng: np.random.Generator, n: int) -> Any:
    images, outer, rows = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 5))
    sizes = (images, outer, rows, n)
    wide_x, wide_out, centered = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    x, out = Tensor(draw, rng, sizes, wide_x), Tensor(draw, rng, sizes, wide_out)
    low, high = (-32768, 32767) if wide_x else (0, draw(st.sampled_from([255, 255, 15])))
    zero = 0 if wide_x else draw(st.integers(0, high))
    values = rows_of(rng, images * outer * rows, n, low, high).reshape(sizes)
    x.write(kernels.view, values, wide_x)

    bits, shift = normalized_bits(n), draw(st.integers(2, 20))
    zero_out = 0 if wide_out else draw(st.integers(0, 255))
    gain = rng.integers(-32767, 32768, n) >> rng.integers(0, 12)
    room = (1 << 31) - 2 - 32768 * np.abs(gain) - ((zero_out + 1) << shift)
    bias = (rng.uniform(-1, 1, n) * np.minimum(room, rng.choice([1 << 12, 1 << 24, 1 << 31]))).astype(np.int64)
    least, most = (-32768, 32767) if wide_out else (0, 255)
    if draw(st.booleans()):
        least, most = sorted(int(v) for v in rng.integers(least, most + 1, 2))
    epsilon = draw(st.sampled_from([1, 1, int(rng.integers(1, 1 << 40)), MOST_EPSILON]))

    centre = values - zero
    total = centre.sum(-1, keepdims=True) if centered else 0 * centre[..., :1]
    root, e = fixedpoint.reciprocal_root(n * (centre**2).sum(-1, keepdims=True) - total**2 + epsilon)
    normalized = fixedpoint.round_shift((n * centre - total) * root, 31 - bits + e // 2)
    assert np.abs(normalized).max() <= 32767
    scaled = normalized * gain + bias
    assert np.abs(scaled).max() < 1 << 31
    made = np.clip(fixedpoint.round_shift(scaled, shift) + zero_out, least, most)
    before = out.bytes.copy()
    out.write(kernels.view, made, wide_out)
    spec = layer_norm.LayerNormSpec(
        rows=rows,
        channels=n,
        unit_rows=draw(st.integers(1, rows)),
        x=x.strided,
        out=out.strided,
        bits=bits,
        centered=centered,
        clamp=requantize.clamps(least, most, wide=wide_out),
        outer=(outer,),
    )
    params = layer_norm.pack_params(gain, bias, shift, epsilon, zero, [zero_out, least, most])
    return kernels.Case(
        spec, [(x.bytes, x.offset)], before, out.bytes, out_offset=out.offset, params=params, images=images
    )


@examples(2)
@given(st.data())
def test_normalization_equals_its_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([random_case(kernels, data.draw, rng, n) for n in LENGTHS], rng)


def test_a_seed_improved_once_is_at_most_two_below_the_root() -> None:
    """For every v, as between two ends of a seed's or a root's interval both only fall."""
    roots = np.arange(1 << 15, (1 << 16) + 1, dtype=np.int64)
    last = (1 << 62) // (roots * roots)  # the largest v with this root
    first = np.append(last[1:] + 1, 1 << 30)
    seed = np.arange(layer_norm.FIRST_SEED, layer_norm.LAST_SEED, dtype=np.int64)
    ends = np.concatenate([first, last, seed << 24, (seed + 1 << 24) - 1])
    v = np.unique(ends[(ends >= 1 << 30) & (ends < 1 << 32)])
    y = layer_norm.seeds().astype(np.int64)[(v >> 24) - layer_norm.FIRST_SEED]
    square = (y * y).astype(np.uint64) * v.astype(np.uint64) >> np.uint64(38)
    improved = y * ((3 << 24) - 1 - square.astype(np.int64)) >> 25
    root = np.floor(np.sqrt(((1 << 62) // v).astype(np.float64))).astype(np.int64)
    assert len(v) > 1 << 16
    assert 0 <= (root - improved).min() and (root - improved).max() <= 2


@pytest.mark.parametrize("n", [1, 7, 192, 1023, 1024, 4095])
def test_packed_numbers_are_in_the_order_of_interleaved_words(n: int) -> None:
    gain, bias = np.arange(n) - 3, 5 * np.arange(n)
    packed = layer_norm.pack_params(gain, bias, 2, 1, 0, [0, 0, 255])
    groups = packed[layer_norm.GROUPS // 4 :].reshape(-1, 2, 4, 16)
    for number in (0, n // 2, n - 1):
        group, lane, half, pair, odd = (int(i) for i in np.unravel_index(number, (len(groups), 4, 2, 4, 2)))
        at = (2 * half + odd, 4 * lane + pair)
        assert groups[group, 0][at] == int(gain[number]) & 0xFFFF and groups[group, 1][at] == bias[number] + 2
