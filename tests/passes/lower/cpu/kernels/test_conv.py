"""Convolution kernels give the bits of `qi.conv2d`, `qi.conv_add` and `qi.linear` in all forms and at all levels."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.dialects.weight_groups import factors
from dyadic.passes.lower.cpu.kernels.families import conv, conv_amx, weight_storage
from dyadic.passes.lower.cpu.kernels.vocabulary import prefetch as ahead
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import Dot
from dyadic.passes.lower.cpu.kernels.weights import unpack
from dyadic.passes.lower.cpu.kernels.weights.weight_format import Format
from dyadic.runtime import fixedpoint

WEIGHTS = ["w8", "w8", "w8", "w4", "w4", "w2", "w4g16", "w4g32", "w4g48", "w4g64"]
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


def case(
    kernels: Any, draw: Any, rng: np.random.Generator, form: str, residual: bool, long_row: int | None = None
) -> Any:
    """Of rows of `long_row` pixels, each whole in a unit, where that is given."""
    kernel, images = draw(st.sampled_from(KERNELS)), draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, made = draw(st.sampled_from([1, 3, 4, 8, 17, 64])), draw(st.sampled_from([1, 5, 16, 24, 40, 64]))
    sharing = draw(st.sampled_from([1, 2, 4, 16])) if groups > 1 else 1
    if groups > 1:
        depth = 4 * depth  # a group begins at a dword
    if sharing > 1:  # groups share vectors of 16 channels
        depth, made, groups = draw(st.sampled_from([4, 4, 8])) if sharing < 16 else 4, 16 // sharing, groups * sharing
    stride, dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3)])), draw(st.sampled_from([1, 1, 2]))
    rows, columns = draw(st.integers(1, 7)), long_row or draw(st.sampled_from([1, 2, 5, 7, 13, 31]))
    channels, pixel = made * groups, -(-depth * groups // 4) * 4
    clamp = draw(st.booleans())
    format_ = Format.of("w8" if sharing > 1 else draw(st.sampled_from(WEIGHTS)))
    merged = groups == 1 and dilation == 1 and kernel[1] > 1 and not format_.group
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
        channels=made * sharing,
        groups=groups // sharing,
        sharing=sharing,
        unit_vectors=draw(st.integers(1, min(3, vectors))),
        unit_rows=draw(st.integers(1, rows)),
        unit_columns=long_row or draw(st.integers(1, columns)),
        in_column=stride[1] * pixel,
        in_row=stride[0] * row,
        in_image=image,
        in_group=depth * sharing,
        taps_y=kernel[0],
        taps_x=1 if merged else kernel[1],
        tap_y=dilation * row,
        tap_x=dilation * pixel,
        run_dwords=run,
        packed_dwords=-(-run // 16) * 16 if sharing == 1 else run,
        out_column=out_column,
        out_row=out_row,
        out_image=out_image,
        form=form,
        clamp=clamp,
        residual=residual,
        residual_column=add_column if residual else 0,
        residual_row=columns * add_column if residual else 0,
        residual_image=rows * columns * add_column if residual else 0,
        pixels_outer=draw(st.booleans()),
        weights=str(format_),
    )
    largest, bias, m, s = parameters(form, channels, kernel[0] * kernel[1] * depth, rng)
    weight = rng.integers(-largest, min(largest, 127) + 1, (channels, *kernel, depth)).astype(np.int8)
    source = rng.integers(0, 256, images * image, np.uint8)
    whole = largest
    if format_.lines > 1:
        largest = min(largest, format_.largest)
        weight = (weight % (2 * largest + 1) - largest).astype(np.int8)
    if extreme := draw(st.booleans()):
        weight, source = np.where(weight < 0, -largest, min(largest, 127)).astype(np.int8), source | np.uint8(254)
        weight[rng.random(channels) < 0.3] = min(largest, 127)  # the sum of all products, too
    scales = None
    if format_.group:
        dims = (channels, *kernel, -(-depth // format_.group))
        scales = rng.integers(1, min(18, whole // largest) + 1, dims).astype(np.int8)
        weight = (weight * factors(scales, format_.group, weight.shape)).astype(np.int8)
    if extreme and form != requantize.SHORT:
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
        weight_storage.by_group(spec, bias),
        weight_storage.by_group(spec, m),
        weight_storage.by_group(spec, s),
        None if added is None else weight_storage.by_group(spec, added),
        form,
        header,
    )
    return kernels.Case(
        spec, inputs, before, expected, 6, weight_storage.pack(spec, weight, pixel, scales), params, images
    )


def accumulators(x: Any, weight: Any, spec: conv.ConvSpec, stride: tuple[int, int], dilation: int) -> Any:
    """Sums of products, group by group, tap by tap."""
    channels, kernel_y, kernel_x, depth = weight.shape
    groups = x.shape[-1] // depth
    made = channels // groups
    acc = np.zeros((len(x), spec.rows, spec.columns, channels), np.int64)
    for a in range(kernel_y):
        for b in range(kernel_x):
            cells = x[:, a * dilation :, b * dilation :][:, :: stride[0], :: stride[1]][:, : spec.rows, : spec.columns]
            for g in range(groups):
                out, inside = slice(g * made, (g + 1) * made), slice(g * depth, (g + 1) * depth)
                acc[..., out] += cells[..., inside] @ weight[out, a, b].astype(np.int64).T
    return acc


@examples(2)
@given(st.data())
def test_convolution_kernels_equal_their_ops(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng, *form) for form in 2 * FORMS], rng, every_level=True)


@examples(1)
@given(st.data())
def test_convolution_kernels_on_emulated_tiles(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check_emulated([case(kernels, data.draw, rng, *form) for form in FORMS for _ in range(2)], rng)


def plain(
    rows: int, columns: int, *, vectors: int, unit: tuple[int, int, int], taps: tuple[int, int] = (1, 1),
    groups: int = 1, channels: int | None = None, pixels_outer: bool = False,
) -> conv.ConvSpec:  # fmt: skip
    """Without strides that matter; `unit` is vectors x rows x columns."""
    channels = 16 * vectors if channels is None else channels
    pixel = groups * channels
    return conv.ConvSpec(
        rows=rows, columns=columns, channels=channels, groups=groups, unit_vectors=unit[0], unit_rows=unit[1],
        unit_columns=unit[2], in_column=0, in_row=0, in_image=0, in_group=0, taps_y=taps[0], taps_x=taps[1], tap_y=0,
        tap_x=0, run_dwords=32, packed_dwords=32, out_column=pixel, out_row=columns * pixel,
        out_image=rows * columns * pixel, form="high", clamp=False, pixels_outer=pixels_outer,
    )  # fmt: skip


@pytest.mark.parametrize("pixels_outer", [False, True])
@pytest.mark.parametrize(("channels", "groups"), [(40, 1), (64, 1), (5, 2)])
def test_units_with_the_same_channels_or_pixels_follow_each_other(
    kernels: Any, channels: int, groups: int, pixels_outer: bool
) -> None:
    images, rows, columns, unit = 2, 4, 15, (2, 2, 5)
    vectors = -(-channels // conv.LANES)
    spec = plain(rows, columns, vectors=vectors, unit=unit, groups=groups, channels=channels, pixels_outer=pixels_outer)
    together = min(channels, unit[0] * conv.LANES)
    bytes_ = np.arange(images * spec.out_image).reshape(images, rows, columns, groups * channels)
    expected = []
    for image in bytes_:
        chunks = [image[y : y + unit[1], x : x + unit[2]] for y in range(0, rows, 2) for x in range(0, columns, 5)]
        blocks = [
            slice(first, min(first + together, (g + 1) * channels))
            for g in range(groups)
            for first in range(g * channels, (g + 1) * channels, together)
        ]
        if pixels_outer:
            order = [chunk[..., block] for chunk in chunks for block in blocks]
        else:
            order = [chunk[..., block] for block in blocks for chunk in chunks]
        expected += [set(part.ravel().tolist()) for part in order]
    none = np.zeros(groups * vectors * conv.LANES, np.int64)
    params = requantize.pack(none, none, none + 33, None, "high", [7, 0, 255])
    weights = np.zeros(groups * vectors * spec.vector_bytes, np.int8)
    before = np.random.default_rng(0).integers(0, 256, images * spec.out_image + 64, np.uint8)
    source = np.zeros(256, np.uint8)
    case = kernels.Case(spec, [(source, 0)], before, before, weights=weights, params=params, images=images)
    assert kernels.writes(case) == expected


@pytest.mark.parametrize("most", [1, 2, 6, 7, 13, 29])
def test_register_tiles_cover_a_unit_and_long_rows_without_waste(most: int) -> None:
    for rows in (1, 2, 3, 5, 7, 12):
        for columns in range(1, 70):
            writer: Any = conv._ConvWriter.__new__(conv._ConvWriter)
            writer.spec = plain(rows, columns, vectors=1, unit=(1, rows, columns))
            tiles = [
                [(y + dy, x + dx) for dy, dx in pixels]
                for (ys, xs), pixels in writer.tiles(most)
                for y in ys
                for x in xs
            ]
            made = [pixel for tile in tiles for pixel in tile]
            assert set(made) == {(y, x) for y in range(rows) for x in range(columns)}
            assert max(map(len, tiles)) <= most
            if columns > most or rows == 1:
                assert len(made) == rows * columns
                assert len(tiles) == rows * -(-columns // most)  # no more than it takes, so each nearly full
                assert max(map(len, tiles)) - min(map(len, tiles)) <= 1


@examples(2)
@given(st.data())
def test_long_rows_in_tiles_of_two_sizes(kernels: Any, data: Any) -> None:
    """Of 45 pixels, 14 in a tile at most: one of 12, three of 11."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    every = [case(kernels, data.draw, rng, "high", residual, n) for residual in (False, True) for n in (31, 45)]
    kernels.check(every, rng, every_level=True)


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


class _Addresses:
    """Stands for `code` where loops run on numbers, and says which cache lines were asked for."""

    def __init__(self) -> None:
        self.lines: set[int] = set()

    Value = int
    smallest = staticmethod(min)
    add = staticmethod(lambda a, b: a + b)
    at = add
    mul = staticmethod(lambda a, b: a * b)
    floor_div = staticmethod(lambda a, b: a // b)
    remainder = staticmethod(lambda a, b: a % b)
    const = staticmethod(lambda a: a)
    opaque = const
    vec = load = intrinsic = staticmethod(lambda *_, **__: None)

    @staticmethod
    def loop(low: int, high: int, body: Any, carried: Any = ()) -> list[Any]:
        for i in range(low, high):
            carried = body(i, *carried) or ()
        return list(carried)

    def prefetch(self, pointer: int, offset: int) -> None:
        self.lines.add((pointer + offset) // 64)


def prefetched(
    spec: conv.ConvSpec, writer: Any, chunks: Sequence[int], monkeypatch: pytest.MonkeyPatch, place: Any = (0, 0, None)
) -> set[int]:
    """The cache lines that the tiles of these units ask for, counted from the first weights of their block."""
    numbers = _Addresses()
    for module in (conv, conv_amx, ahead):
        monkeypatch.setattr(module, "c", numbers)
    for module in (conv, conv_amx):
        monkeypatch.setattr(module, "Result", lambda *_: None)
    monkeypatch.setattr(conv_amx, "_number", lambda number: number)
    unit = writer.__new__(writer)
    unit.spec, unit.dot, unit.epilogue = spec, _NoDot(), SimpleNamespace(finish=lambda results: None)
    unit.k = SimpleNamespace(scratch=0)
    counts = [16] * spec.unit_vectors
    parameters: Any = [SimpleNamespace(biases=[0], bias_places=[0])] * len(counts)
    nowhere: Any = 0
    weights = unpack.Weights(nowhere, spec.vector_bytes, nowhere, nowhere)
    channels = conv.Channels(parameters, counts, weights, 0)
    for chunk in chunks:
        unit.vectors(channels, conv.Place(*place), chunk)
    return numbers.lines


WRITERS = [pytest.param(conv._ConvWriter, id="dot"), pytest.param(conv._AmxWriter, id="amx")]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("vectors", "rows", "columns", "taps", "unit"),
    [
        (2, 1, 40, (1, 1), (1, 40)),
        (2, 1, 40, (3, 3), (1, 10)),
        (1, 3, 50, (1, 3), (1, 50)),
        (2, 28, 28, (3, 1), (28, 28)),
        (2, 28, 28, (3, 1), (4, 28)),
        (1, 7, 7, (1, 1), (1, 7)),
        (2, 1, 45, (1, 1), (1, 20)),  # the last unit is moved back inside
    ],
)
@pytest.mark.parametrize("weights", ["w8", "w4", "w2"])
def test_the_units_of_a_block_ask_for_the_weights_of_the_next(
    writer: Any, vectors: int, rows: int, columns: int, taps: tuple[int, int], unit: tuple[int, int], weights: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    spec = replace(plain(rows, columns, vectors=vectors, unit=(vectors, *unit), taps=taps), weights=weights)
    chunks = range(spec.chunks[0] * spec.chunks[1])
    lines = prefetched(spec, writer, chunks, monkeypatch)
    size = vectors * spec.stored_bytes // 64
    assert size == vectors * spec.vector_bytes // 64 // spec.format.lines
    assert set(range(size, 2 * size)) <= lines
    assert lines <= set(range(size - 1, 2 * size + 1))  # shares are whole bytes: a line more where they end
    for chunk in chunks[1:]:  # each for an equal part
        part = prefetched(spec, writer, [chunk], monkeypatch)
        assert len(part) <= size / len(chunks) + 2


@pytest.mark.parametrize("writer", WRITERS)
def test_every_unit_asks_for_the_whole_next_block_where_pixels_are_outer(
    writer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(plain(8, 40, vectors=2, unit=(2, 2, 40)), pixels_outer=True)
    size = 2 * spec.vector_bytes // 64
    for chunk in range(4):
        assert set(range(size, 2 * size)) <= prefetched(spec, writer, [chunk], monkeypatch)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("pixels_outer", [False, True])
def test_weights_that_are_used_once_are_not_asked_for(
    writer: Any, pixels_outer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(plain(1, 4, vectors=2, unit=(2, 1, 4)), pixels_outer=pixels_outer)
    assert prefetched(spec, writer, [0], monkeypatch) == set()


def test_a_layer_asks_for_what_its_results_touch_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of both planes of 40 results, and of as many residuals: 512 bytes apart, planes 2^20."""
    spec = replace(plain(1, 40, vectors=2, unit=(2, 1, 40)), out_column=512, out_plane=1 << 20, pixels_outer=True)
    spec = replace(spec, residual=True, residual_column=512, residual_plane=1 << 20)
    place = (0, 1 << 24, 1 << 26)
    without = prefetched(spec, conv._ConvWriter, [0], monkeypatch, place)
    asked = prefetched(replace(spec, asks=True), conv._ConvWriter, [0], monkeypatch, place) - without
    wanted = {(start + plane + 512 * i) // 64 for start in place[1:] for plane in (0, 1 << 20) for i in range(40)}
    assert asked == wanted


@pytest.mark.parametrize("pixels", [1, 7, 16])
def test_tiles_are_configured_as_the_processors_manual_says(pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Palette 1 in byte 0, bytes of a row from 16 on, two a tile, rows from 48 on; LDTILECFG faults where others are
    not zero (Intel SDM, volume 2, LDTILECFG). Seen without a machine that has tiles."""
    written: list[list[int]] = []
    numbers = SimpleNamespace(
        lanes=lambda values, _bits: written.append(values), store=lambda *_, **__: None, intrinsic=lambda *_: None
    )
    monkeypatch.setattr(conv_amx, "c", numbers)
    nowhere: Any = 0
    conv_amx.configure(nowhere, pixels)
    (config,) = written
    assert len(config) == 64 and config[0] == 1
    assert config[16:32:2] == [64] * 8 and config[48:56] == [pixels] * 6 + [16] * 2
    assert not any(config[1:16]) and not any(config[17:32:2]) and not any(config[32:48]) and not any(config[56:])
