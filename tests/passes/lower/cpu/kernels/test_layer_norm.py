"""Normalization gives the bits of `qi.layer_norm` at every level, whatever the strides, widths and rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples
from support.row_tensors import Tensor, rows_of

from dyadic.dialects.qi.norms import MOST_EPSILON, normalized_bits
from dyadic.passes.lower.cpu.kernels.families import layer_norm
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy
from dyadic.runtime import fixedpoint

ALWAYS = [1, 63, 192, 1023, 1024, 4095, 4096]
SOMETIMES = [2, 3, 5, 15, 16, 17, 33, 64, 65, 127, 250, 300, 384, 500, 768, 2047]
LONG = [9001, 70_000]  # whose variance has more than 64 bits, as 4096 has


def random_copy(rng: np.random.Generator, n: int) -> Copy:
    """Factors and starts of any size that sums in int32 allow."""
    factor = rng.integers(0, 1 << 30, n) >> rng.integers(0, 16)
    start = rng.integers(-(1 << 30) + 1, 1 << 30, n) >> rng.integers(0, 12) << 15
    return Copy(factor, start, int(rng.integers(30, 46)))


def random_case(kernels: Any, draw: Any, rng: np.random.Generator, n: int) -> Any:
    images, outer, rows = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 5 if n < 9000 else 2))
    sizes = (images, outer, rows, n)
    wide_x, wide_out, centered = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    copy = random_copy(rng, n) if wide_out and draw(st.booleans()) else None
    x, out = Tensor(draw, rng, sizes, wide_x), Tensor(draw, rng, sizes, wide_out, copy is not None)
    low, high = (-32768, 32767) if wide_x else (0, draw(st.sampled_from([255, 255, 15])))
    zero = 0 if wide_x else draw(st.integers(0, high))
    values = rows_of(rng, images * outer * rows, n, low, high).reshape(sizes)
    x.write(kernels.view, values, wide_x)

    bits, shift = normalized_bits(n), draw(st.integers(2, 20))
    zero_out = 0 if wide_out else draw(st.integers(0, 255))
    uniform = draw(st.booleans())
    gain = rng.integers(-32767, 32768, 1 if uniform else n).repeat(n if uniform else 1) >> rng.integers(0, 12)
    room = (1 << 31) - 2 - 32768 * np.abs(gain) - ((zero_out + 1) << shift)
    bias = rng.uniform(-1, 1, 1 if uniform else n) * np.minimum(room, rng.choice([1 << 12, 1 << 24, 1 << 31]))
    bias = bias.astype(np.int64)
    least, most = (-32768, 32767) if wide_out else (0, 255)
    if draw(st.booleans()):
        least, most = sorted(int(v) for v in rng.integers(least, most + 1, 2))
    epsilon = draw(st.sampled_from([1, 1, int(rng.integers(1, 1 << 40)), MOST_EPSILON]))

    centre = values - zero
    total = centre.sum(-1, keepdims=True) if centered else 0 * centre[..., :1]
    squares = (centre**2).sum(-1, keepdims=True)
    if n > 4095:
        squares, exact = squares.astype(object), total.astype(object)
        root, e = fixedpoint.reciprocal_root(n * squares - exact**2 + epsilon)
    else:
        root, e = fixedpoint.reciprocal_root(n * squares - total**2 + epsilon)
    normalized = fixedpoint.round_shift((n * centre - total) * root, 31 - bits + e // 2)
    assert n > 4095 or np.abs(normalized).max() <= 32767
    normalized = normalized.clip(-32768, 32767)
    scaled = normalized * gain + bias
    assert np.abs(scaled).max() < 1 << 31
    made = np.clip(fixedpoint.round_shift(scaled, shift) + zero_out, least, most)
    before = out.bytes.copy()
    out.write(kernels.view, made, wide_out)
    if copy is not None:
        out.write_plane(kernels.view, 2, ((made * copy.factor + copy.start) >> copy.shift).clip(0, 255))
    spec = layer_norm.LayerNormSpec(
        rows=rows,
        channels=n,
        unit_rows=draw(st.integers(1, rows)),
        x=x.strided,
        out=out.strided,
        bits=bits,
        centered=centered,
        clamp=requantize.clamps(least, most, wide=wide_out),
        uniform=uniform,
        copied=copy is not None,
        outer=(outer,),
    )
    if uniform:
        gain, bias = gain[: layer_norm.GROUP], bias[: layer_norm.GROUP]
    params = layer_norm.pack_params(gain, bias, shift, epsilon, zero, [zero_out, least, most], copy)
    return kernels.Case(
        spec, [(x.bytes, x.offset)], before, out.bytes, out_offset=out.offset, params=params, images=images
    )


@examples(2)
@given(st.data())
def test_normalization_equals_its_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    lengths = [*ALWAYS, *rng.choice(SOMETIMES, 4, replace=False).tolist(), int(rng.choice(LONG))]
    kernels.check([random_case(kernels, data.draw, rng, n) for n in lengths], rng)


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
