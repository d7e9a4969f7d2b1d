"""Convolution kernels give the bits of `qi.conv2d`, `qi.conv_add` and `qi.linear` in all forms and at all levels."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dyadic.passes.lower.cpu.kernels import conv, requantize
from dyadic.passes.lower.cpu.kernels.dot import Dot
from dyadic.runtime import fixedpoint

KERNELS = [(1, 1), (1, 1), (3, 3), (3, 3), (1, 3), (5, 2), (7, 7)]
# every form, and with a residual where it can have one
FORMS = [(requantize.SHORT, False)]
FORMS += [(f, r) for f in (requantize.HIGH, requantize.WIDE, requantize.SMALL_SHIFT) for r in (False, True)]
BYTE = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
SHIFTS = {requantize.HIGH: (33, 54), requantize.WIDE: (37, 50), requantize.SMALL_SHIFT: (2, 48)}


def parameters(form: str, channels: int, depth: int, rng: np.random.Generator) -> tuple[int, Any, Any, Any]:
    """(largest weight, bias, m, s) that the form allows for sums of `depth` products."""
    if form == requantize.SHORT:
        m = rng.integers(fixedpoint.SHORT_MIN, 2 * fixedpoint.SHORT_MIN, channels)
        largest = min(127, ((1 << 20) - 2) // (255 * depth))
        bias = rng.integers(-(1 << 18), 1 << 18, channels)
        assert ((255 * largest * depth + (1 << 18)) * m + (1 << 18)).max() < 1 << 31
        return largest, bias, m, rng.integers(12, 20, channels)
    m = rng.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END, channels)
    if form == requantize.HIGH:  # a fused addition's may be smaller
        m >>= rng.choice([0, 0, 7, 20, 31], channels)
    s = rng.integers(*SHIFTS[form], channels)
    return 128, rng.integers(-(1 << 29), 1 << 29, channels) >> rng.integers(0, 20, channels), m, s


def reach_int32(bias: Any, weight: Any, rng: np.random.Generator) -> Any:
    """A third of the channels reach the largest accumulator that int32 has, a third the smallest."""
    rows = weight.reshape(len(weight), -1).astype(np.int64)
    highest = fixedpoint.INT32_MAX - 255 * np.maximum(rows, 0).sum(1)
    lowest = fixedpoint.INT32_MIN - 255 * np.minimum(rows, 0).sum(1)
    return np.choose(rng.integers(0, 3, len(rows)), [bias, highest, lowest])


def case(kernels: Any, draw: Any, rng: np.random.Generator, form: str, residual: bool) -> Any:
    kernel, images = draw(st.sampled_from(KERNELS)), draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, made = draw(st.sampled_from([1, 3, 4, 8, 17, 64])), draw(st.sampled_from([1, 5, 16, 24, 40, 64]))
    if groups > 1:
        depth = 4 * depth  # a group begins at a dword
    stride, dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3)])), draw(st.sampled_from([1, 1, 2]))
    rows, columns = draw(st.integers(1, 7)), draw(st.sampled_from([1, 2, 5, 7, 13, 31]))
    channels, pixel = made * groups, -(-depth * groups // 4) * 4
    clamp = draw(st.booleans())
    merged = groups == 1 and dilation == 1 and kernel[1] > 1
    run = kernel[1] * pixel // 4 if merged else -(-depth // 4)
    height = (rows - 1) * stride[0] + (kernel[0] - 1) * dilation + 1
    width = (columns - 1) * stride[1] + (kernel[1] - 1) * dilation + 1
    row, image = width * pixel, height * width * pixel + draw(st.sampled_from([0, 64]))
    out_column = channels + draw(st.sampled_from([0, 0, 3]))
    out_row, out_image = columns * out_column, rows * columns * out_column + draw(st.sampled_from([0, 7]))
    add_column = channels + draw(st.sampled_from([0, 5]))
    vectors = -(-made // conv.LANES)
    spec = conv.ConvSpec(
        rows=rows,
        columns=columns,
        channels=made,
        groups=groups,
        unit_vectors=draw(st.integers(1, min(3, vectors))),
        unit_rows=draw(st.integers(1, rows)),
        unit_columns=draw(st.integers(1, columns)),
        in_column=stride[1] * pixel,
        in_row=stride[0] * row,
        in_image=image,
        in_group=depth,
        taps_y=kernel[0],
        taps_x=1 if merged else kernel[1],
        tap_y=dilation * row,
        tap_x=dilation * pixel,
        run_dwords=run,
        packed_dwords=-(-run // 16) * 16,
        out_column=out_column,
        out_row=out_row,
        out_image=out_image,
        form=form,
        clamp=clamp,
        residual=residual,
        residual_column=add_column if residual else 0,
        residual_row=columns * add_column if residual else 0,
        residual_image=rows * columns * add_column if residual else 0,
    )
    largest, bias, m, s = parameters(form, channels, kernel[0] * kernel[1] * depth, rng)
    weight = rng.integers(-largest, min(largest, 127) + 1, (channels, *kernel, depth)).astype(np.int8)
    source = rng.integers(0, 256, images * image, np.uint8)
    if draw(st.booleans()):  # extremes
        weight, source = np.where(weight < 0, -largest, min(largest, 127)).astype(np.int8), source | np.uint8(254)
        weight[rng.random(channels) < 0.3] = min(largest, 127)  # the sum of all products, too
        if form != requantize.SHORT:
            bias = reach_int32(bias, weight, rng)
    x = kernels.view(source, 0, (images, height, width, depth * groups), (image, row, pixel, 1)).astype(np.int64)
    total = (accumulators(x, weight, spec, stride, dilation) + bias) * m
    inputs, added = [(source, 0)], None
    low, high = sorted(draw(st.tuples(BYTE, BYTE))) if clamp else (0, 255)
    header = [draw(BYTE), low, high]
    if residual:
        memory = rng.integers(0, 256, images * spec.residual_image, np.uint8)
        strides = (spec.residual_image, spec.residual_row, add_column, 1)
        other = kernels.view(memory, 0, (images, rows, columns, channels), strides).astype(np.int64)
        zero, shift = draw(BYTE), draw(st.integers(0, 9))
        added = rng.integers(0, 1 << 31, channels)
        if form == requantize.HIGH:
            shift, added = (
                fixedpoint.HIGH_RESIDUAL_SHIFT,
                rng.choice([0, (1 << 15) - 1, *range(1, 1 << 15, 97)], channels),
            )
        total += ((other - zero) << shift) * added
        inputs.append((memory, 0))
        header += [zero, shift]
    before = rng.integers(0, 256, images * out_image + 8, np.uint8)
    expected = before.copy()
    strides = (out_image, out_row, out_column, 1)
    values = fixedpoint.round_shift(total, s) + header[0]
    kernels.view(expected, 6, (images, rows, columns, channels), strides)[:] = np.clip(values, header[1], header[2])
    params = requantize.pack(
        conv.by_group(spec, bias),
        conv.by_group(spec, m),
        conv.by_group(spec, s, requantize.SMALLEST_SHIFT[form]),
        None if added is None else conv.by_group(spec, added),
        form,
        header,
    )
    return kernels.Case(spec, inputs, before, expected, 6, conv.pack_weights(spec, weight, pixel), params, images)


def accumulators(x: Any, weight: Any, spec: conv.ConvSpec, stride: tuple[int, int], dilation: int) -> Any:
    """Sums of products, group by group, tap by tap."""
    channels, kernel_y, kernel_x, depth = weight.shape
    acc = np.zeros((len(x), spec.rows, spec.columns, channels), np.int64)
    for a in range(kernel_y):
        for b in range(kernel_x):
            cells = x[:, a * dilation :, b * dilation :][:, :: stride[0], :: stride[1]][:, : spec.rows, : spec.columns]
            for g in range(spec.groups):
                out, inside = slice(g * spec.channels, (g + 1) * spec.channels), slice(g * depth, (g + 1) * depth)
                acc[..., out] += cells[..., inside] @ weight[out, a, b].astype(np.int64).T
    return acc


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_convolution_kernels_equal_their_ops(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng, *form) for form in 2 * FORMS], rng, every_level=True)


class _NoDot(Dot):
    """No products: what is left of a tile's loops are their addresses."""

    def start(self, bias: Any) -> list[Any]:
        return [bias]

    def weights(self, pointer: Any, offset: Any, phase: int) -> list[Any]:
        return []

    def activations(self, pointer: Any, offset: int, phase: int) -> Any:
        return None

    def step(self, acc: Any, activations: Any, weights: Any, phase: int) -> list[Any]:
        return list(acc)

    def finish(self, acc: Any, bias: Any) -> Any:
        return acc[0]


def prefetched(spec: conv.ConvSpec, vectors: int, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The cache lines that all tiles of a block ask for, counted from its first weights: the loops run on numbers."""
    lines: set[int] = set()

    def loop(low: int, high: int, body: Any, carried: Any = ()) -> list[Any]:
        for i in range(low, high):
            carried = body(i, *carried) or ()
        return list(carried)

    numbers = SimpleNamespace(
        Value=int,
        at=lambda pointer, offset: pointer + offset,
        add=lambda a, b: a + b,
        mul=lambda a, b: a * b,
        smallest=min,
        const=lambda a: a,
        opaque=lambda a: a,
        loop=loop,
        prefetch=lambda pointer, offset: lines.add((pointer + offset) // 64),
    )
    monkeypatch.setattr(conv, "c", numbers)
    monkeypatch.setattr(conv, "Result", lambda *_: None)
    writer: Any = conv._ConvWriter.__new__(conv._ConvWriter)
    writer.spec, writer.dot, writer.epilogue = spec, _NoDot(), SimpleNamespace(finish=lambda results: None)
    writer.vectors([SimpleNamespace(bias=0)] * vectors, [16] * vectors, 0, 0, 0, 0, None)
    return lines


@pytest.mark.parametrize(
    ("vectors", "rows", "columns", "taps"),
    [(1, 1, 1, (1, 1)), (4, 1, 4, (3, 3)), (3, 3, 50, (1, 3)), (2, 28, 28, (3, 1)), (2, 5, 7, (1, 1))],
)
def test_the_tiles_of_a_block_ask_for_the_weights_of_the_next(
    vectors: int, rows: int, columns: int, taps: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = conv.ConvSpec(
        rows=rows, columns=columns, channels=16 * vectors, groups=1, unit_vectors=vectors, unit_rows=rows,
        unit_columns=columns, in_column=64, in_row=64, in_image=64, in_group=64, taps_y=taps[0], taps_x=taps[1],
        tap_y=64, tap_x=64, run_dwords=32, packed_dwords=32, out_column=64, out_row=64, out_image=64, form="high",
        clamp=False,
    )  # fmt: skip
    lines = prefetched(spec, vectors, monkeypatch)
    size = vectors * spec.vector_bytes // 64
    assert set(range(size, 2 * size)) <= lines
    assert lines <= set(range(size - 1, 2 * size + 1))  # shares are whole bytes: a line more where they end
