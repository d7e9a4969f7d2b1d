"""Depthwise kernels give the bits of `qi.conv2d` with one filter a channel, in all forms and for all channel tails."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.compiler.targets.cpu.codegen import llvm_ir
from dyadic.passes.lower.cpu.kernels.families import depthwise, weight_storage
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.runtime import fixedpoint

FORMS = [requantize.SHORT, requantize.HIGH, requantize.WIDE, requantize.SMALL_SHIFT]
SHIFTS = {requantize.HIGH: (33, 54), requantize.WIDE: (36, 48), requantize.SMALL_SHIFT: (2, 48)}
BYTE = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
SIZES = [(3, 3), (3, 3), (3, 3), (1, 1), (5, 5), (2, 4), (7, 3), (1, 3), (4, 1)]
LONG = [(1, 73), (1, 80), (2, 75), (9, 26), (13, 19)]
CHANNELS = [1, 3, 8, 16, 17, 24, 32, 40, 48, 64, 72, 96, 130, 144, 160, 192]


def parameters(form: str, channels: int, taps: int, rng: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """(weight range, bias, m, s) that the form allows."""
    if form == requantize.SHORT:
        m = rng.integers(fixedpoint.SHORT_MIN, 2 * fixedpoint.SHORT_MIN, channels)
        bias = rng.integers(-(1 << 18), 1 << 18, channels)
        assert ((255 * 127 * taps + (1 << 18)) * m + (1 << 18)).max() < 1 << 31
        return 127, bias, m, rng.integers(12, 20, channels)
    m = rng.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END, channels)
    s = rng.integers(*SHIFTS[form], channels)
    return 128, rng.integers(-(1 << 30), 1 << 30, channels) >> rng.integers(0, 20, channels), m, s


def case(kernels: Any, draw: Any, rng: np.random.Generator, form: str, sizes: Any = SIZES) -> Any:
    kernel = draw(st.sampled_from(sizes))
    strides, dilation = (
        draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1), (1, 3)])),
        draw(st.sampled_from([1, 1, 1, 2])),
    )
    rows, columns = draw(st.integers(1, 7)), draw(st.sampled_from([1, 2, 3, 4, 5, 7, 9, 14, 17]))
    channels, images = draw(st.sampled_from(CHANNELS)), draw(st.integers(1, 2))
    clamp = draw(st.booleans())
    pixel, out_column = channels + draw(st.sampled_from([0, 0, 4])), channels + draw(st.sampled_from([0, 0, 13]))
    height = (rows - 1) * strides[0] + (kernel[0] - 1) * dilation + 1
    width = (columns - 1) * strides[1] + (kernel[1] - 1) * dilation + 1
    row, out_row = width * pixel + draw(st.sampled_from([0, 8])), columns * out_column + draw(st.sampled_from([0, 3]))
    image, out_image = height * row, rows * out_row + 1
    spec = DepthwiseSpec(
        rows=rows,
        columns=columns,
        channels=channels,
        unit_rows=draw(st.integers(1, rows)),
        unit_blocks=draw(st.integers(1, -(-channels // depthwise.CHANNELS))),
        taps_y=kernel[0],
        taps_x=kernel[1],
        tap_y=dilation * row,
        tap_x=dilation * pixel,
        stride_x=strides[1],
        in_column=strides[1] * pixel,
        in_row=strides[0] * row,
        in_image=image,
        out_column=out_column,
        out_row=out_row,
        out_image=out_image,
        form=form,
        clamp=clamp,
        weights=draw(st.sampled_from(["w8", "w4", "w2"])),
    )
    largest, bias, m, s = parameters(form, channels, kernel[0] * kernel[1], rng)
    most = min(127, largest) if spec.format.lines == 1 else spec.format.largest
    largest = min(largest, most) if spec.format.lines > 1 else largest
    weight = rng.integers(-largest, most + 1, (channels, *kernel, 1)).astype(np.int8)
    source = rng.integers(0, 256, images * image, np.uint8)
    if draw(st.booleans()):  # extremes
        weight, source = np.where(weight < 0, -largest, most).astype(np.int8), source | np.uint8(254)
        if form != requantize.SHORT:  # a third of the channels reach either end of int32
            terms = 255 * weight.reshape(channels, -1).astype(np.int64)
            ends = [
                fixedpoint.INT32_MAX - np.maximum(terms, 0).sum(1),
                fixedpoint.INT32_MIN - np.minimum(terms, 0).sum(1),
            ]
            bias = np.choose(rng.integers(0, 3, channels), [bias, *ends])
    x = kernels.view(source, 0, (images, height, width, channels), (image, row, pixel, 1)).astype(np.int64)
    acc = np.zeros((images, rows, columns, channels), np.int64) + bias
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            cells = x[:, a * dilation :, b * dilation :][:, :: strides[0], :: strides[1]][:, :rows, :columns]
            acc += cells * weight[:, a, b, 0]
    low, high = sorted(draw(st.tuples(BYTE, BYTE))) if clamp else (0, 255)
    zero = draw(BYTE)
    before = rng.integers(0, 256, images * out_image + 8, np.uint8)
    expected = before.copy()
    made = kernels.view(expected, 6, (images, rows, columns, channels), (out_image, out_row, out_column, 1))
    made[:] = fixedpoint.requant(acc, m, s, zero, low, high)
    weights, params = (
        weight_storage.pack_depthwise(spec, weight),
        depthwise.pack_params(spec, bias, m, s, [zero, low, high]),
    )
    return kernels.Case(spec, [(source, 0)], before, expected, 6, weights, params, images)


@examples(2)
@given(st.data())
def test_depthwise_kernels_equal_their_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng, form) for form in 2 * FORMS], rng)


@examples(2)
@given(st.data())
def test_kernels_with_many_columns_equal_their_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    cases = [case(kernels, data.draw, rng, form, LONG) for form in 2 * FORMS[1:]]
    assert all(one.spec.long for one in cases)
    kernels.check(cases, rng)


def test_a_kernel_with_many_columns_is_little_code() -> None:
    """Written out, 256 columns were 100,000 lines, and minutes of LLVM."""
    spec = DepthwiseSpec(
        rows=1, columns=2192, channels=1, unit_rows=1, taps_y=1, taps_x=256, tap_y=4400, tap_x=1, stride_x=2,
        in_column=2, in_row=4400, in_image=4416, out_column=1, out_row=2192, out_image=2240, form="short",
        clamp=False, unit_blocks=1,
    )  # fmt: skip
    for level in ("x86-64", "avx2", "avx512vnni"):
        assert llvm_ir({"kernel": spec}, level).count("\n") < 5000


@pytest.mark.parametrize(
    ("channels", "unit_blocks"), [(70, 1), (70, 2), (128, 1), (130, 1), (200, 2), (330, 3), (17, 1)]
)
def test_a_unit_writes_its_blocks_of_its_rows_and_nothing_else(kernels: Any, channels: int, unit_blocks: int) -> None:
    """Rows outside, channels inside; the last unit of an image has the channels that are left."""
    images, rows, columns, unit_rows = 2, 6, 3, 3
    spec = DepthwiseSpec(
        rows=rows, columns=columns, channels=channels, unit_rows=unit_rows, unit_blocks=unit_blocks, taps_y=1,
        taps_x=1, tap_y=0, tap_x=0, stride_x=1, in_column=0, in_row=0, in_image=0, out_column=channels,
        out_row=columns * channels, out_image=rows * columns * channels, form="high", clamp=False,
    )  # fmt: skip
    none = np.zeros(channels, np.int64)
    packed = depthwise.pack_params(spec, none, none, none + 33, [7, 0, 255])
    weights = depthwise.pack_weights(spec, np.ones((channels, 1, 1, 1), np.int8))
    before = np.random.default_rng(0).integers(0, 256, images * spec.out_image + 64, np.uint8)
    bytes_ = np.arange(images * spec.out_image).reshape(images, rows, columns, channels)
    together = unit_blocks * depthwise.CHANNELS
    expected = [
        set(bytes_[image, row : row + unit_rows, :, channel : channel + together].ravel().tolist())
        for image in range(images)
        for row in range(0, rows, unit_rows)
        for channel in range(0, channels, together)
    ]
    source = np.zeros(channels + 64, np.uint8)
    case = kernels.Case(spec, [(source, 0)], before, before, weights=weights, params=packed, images=images)
    assert kernels.writes(case) == expected
