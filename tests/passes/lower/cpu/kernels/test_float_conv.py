"""Float kernels give the bits of `qi.float_conv2d` and `qi.float_linear` at all levels, whatever the numbers."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iced_x86 import Decoder
from support.code_cache import code_cache
from support.effort import examples

from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.cpu.integer_instructions import NAMES
from dyadic.passes.lower.cpu.kernels.families import float_conv
from dyadic.passes.lower.cpu.kernels.families.float_conv import FloatConvSpec
from dyadic.passes.lower.cpu.kernels.registry import symbol_of
from dyadic.runtime import fixedpoint

KERNELS = [(1, 1), (1, 1), (3, 3), (3, 3), (1, 3), (5, 2), (7, 7)]
S16 = (fixedpoint.S16_MIN, fixedpoint.S16_MAX)
EXTREME = np.array([0.0, -0.0, 1e-45, -1e-38, 1e38, -3.4e38, 2.0**-126, 0.1], np.float32)


def numbers(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Weights or biases: usual ones, some of any size, or such that sums overflow and become NaN."""
    usual = rng.standard_normal(shape).astype(np.float32)
    if kind == "usual":
        return usual
    if kind == "any":
        return usual * (np.float32(2) ** rng.integers(-130, 100, shape)).astype(np.float32)
    return rng.choice(EXTREME, shape)


def tensor(
    kernels: Any, rng: np.random.Generator, dims: tuple[int, ...], strides: tuple[int, ...], size: int, wide: bool
) -> tuple[Any, Any]:
    """(memory, the integers in it): random ones, many at either end."""
    if not wide:
        memory = rng.integers(0, 256, size, np.uint8)
        memory[rng.random(size) < 0.3] = rng.choice([0, 255])
        return memory, kernels.view(memory, 0, dims, strides).astype(np.int64)
    memory = rng.integers(0, 256, 2 * size, np.uint8)
    low, high = (kernels.view(memory, start, dims, strides).astype(np.int64) for start in (0, size))
    return memory, low + 256 * (high - 128)


def case(kernels: Any, draw: Any, rng: np.random.Generator, kind: str, depthwise: bool) -> Any:
    kernel, images = draw(st.sampled_from(KERNELS)), draw(st.integers(1, 2))
    groups = 1 if depthwise else draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth = 1 if depthwise else draw(st.sampled_from([1, 3, 4, 17, 40]))
    made = draw(st.sampled_from([1, 5, 16, 17, 24, 32, 40, 65]))
    strides, dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3)])), draw(st.sampled_from([1, 1, 2]))
    rows, columns = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 5, 7, 8, 13]))
    wide_in, wide_out = draw(st.booleans()), draw(st.booleans())
    channels, inputs = made * groups, made if depthwise else depth * groups
    pixel, out_column = inputs + draw(st.sampled_from([0, 3])), channels + draw(st.sampled_from([0, 0, 3]))
    height = (rows - 1) * strides[0] + (kernel[0] - 1) * dilation + 1
    width = (columns - 1) * strides[1] + (kernel[1] - 1) * dilation + 1
    row, image = width * pixel, height * width * pixel + draw(st.sampled_from([0, 64]))
    out_row, out_image = columns * out_column, rows * columns * out_column + draw(st.sampled_from([0, 7]))
    size, out_size = images * image, images * out_image + 8
    spec = FloatConvSpec(
        rows=rows, columns=columns, channels=made, depth=depth, groups=groups, depthwise=depthwise, unit_blocks=1,
        taps_y=kernel[0], taps_x=kernel[1], tap_y=dilation * row, tap_x=dilation * pixel,
        in_column=strides[1] * pixel, in_row=strides[0] * row, in_image=image, out_column=out_column,
        out_row=out_row, out_image=out_image, in_plane=size * wide_in, out_plane=out_size * wide_out,
    )  # fmt: skip
    spec = replace(spec, unit_blocks=draw(st.integers(1, spec.blocks)))
    weight, bias = numbers(kind, (channels, *kernel, depth), rng), numbers(kind, (channels,), rng)
    memory, x = tensor(kernels, rng, (images, height, width, inputs), (image, row, pixel, 1), size, wide_in)
    zero_in = 0 if wide_in else int(rng.integers(0, 256))
    scale_in = float(np.float32(draw(st.sampled_from([0.02, 1.0, 2.0**-64]))))
    real = fixedpoint.dequantize(x, scale_in, zero_in)
    total = summed(real, weight, bias, spec, strides, dilation)
    scale_out = float(np.float32(0.11 if kind == "usual" else rng.choice([1e30, 1e-38, 2.0**-64])))
    low, high = sorted(rng.integers(*S16, 2).tolist()) if wide_out else sorted(rng.integers(0, 256, 2).tolist())
    if draw(st.booleans()):
        low, high = S16 if wide_out else (0, 255)
    zero_out = 0 if wide_out else int(rng.integers(0, 256))
    q = fixedpoint.quantize(total, scale_out, zero_out, *(S16 if wide_out else (0, 255)))
    before = rng.integers(0, 256, out_size * (1 + wide_out), np.uint8)
    expected = before.copy()
    values = np.clip(q, low, high).astype(np.int16 if wide_out else np.uint8)
    for i, plane in enumerate(fixedpoint.planes(values)):
        shape, steps = (images, rows, columns, channels), (out_image, out_row, out_column, 1)
        kernels.view(expected, i * out_size + 6, shape, steps)[:] = plane
    packed = float_conv.pack_weights(spec, weight)
    np.testing.assert_array_equal(
        float_conv.unpack_weights(spec, packed.view(np.int8)).view(np.int32),
        weight.reshape(channels, -1).view(np.int32),
    )
    params = float_conv.pack_params(spec, bias, (scale_in, zero_in), (scale_out, zero_out), (low, high))
    return kernels.Case(spec, [(memory, 0)], before, expected, 6, packed, params, images)


def summed(real: Any, weight: Any, bias: Any, spec: FloatConvSpec, strides: tuple[int, int], dilation: int) -> Any:
    """The sums in the order that the op prescribes, one rounding after the other."""
    total = np.zeros((len(real), spec.rows, spec.columns, len(bias)), np.float32) + bias
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for a in range(spec.taps_y):
            for b in range(spec.taps_x):
                cells = real[:, a * dilation :, b * dilation :][:, :: strides[0], :: strides[1]]
                cells = cells[:, : spec.rows, : spec.columns]
                for i in range(spec.depth):
                    own = cells if spec.depthwise else np.repeat(cells[..., i :: spec.depth], spec.channels, -1)
                    total = total + own * weight[:, a, b, i]
    return total


@examples(2)
@given(st.data())
def test_float_kernels_equal_their_ops(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kinds = [(kind, depthwise) for kind in ("usual", "usual", "any", "extreme") for depthwise in (False, True)]
    kernels.check([case(kernels, data.draw, rng, *kind) for kind in 2 * kinds], rng, every_level=True)


def plain(**other: Any) -> FloatConvSpec:
    """A 1x1 convolution of 40 to 70 channels on rows of 5 pixels."""
    fields: dict[str, Any] = dict(
        rows=2, columns=5, channels=70, depth=40, groups=1, depthwise=False, unit_blocks=1, taps_y=1, taps_x=1,
        tap_y=0, tap_x=0, in_column=40, in_row=200, in_image=400, out_column=70, out_row=350, out_image=700,
    )  # fmt: skip
    return FloatConvSpec(**fields | other)


@pytest.mark.parametrize("unit_blocks", [1, 2, 3])
def test_a_unit_writes_its_blocks_of_its_row_and_nothing_else(kernels: Any, unit_blocks: int) -> None:
    images, spec = 2, plain(unit_blocks=unit_blocks)
    before = np.random.default_rng(0).integers(0, 256, images * spec.out_image, np.uint8)
    bytes_ = np.arange(images * spec.out_image).reshape(images, spec.rows, spec.columns, spec.channels)
    together = unit_blocks * spec.block
    expected = [
        set(bytes_[image, row, :, channel : channel + together].ravel().tolist())
        for image in range(images)
        for row in range(spec.rows)
        for channel in range(0, spec.channels, together)
    ]
    zeros = np.zeros(70, np.float32)
    params = float_conv.pack_params(spec, zeros, (1.0, 0), (1.0, 7), (0, 255))
    weights = float_conv.pack_weights(spec, np.zeros((70, 1, 1, 40), np.float32))
    source = np.zeros(images * spec.in_image, np.uint8)
    case = kernels.Case(spec, [(source, 0)], before, before, weights=weights, params=params, images=images)
    assert kernels.writes(case) == expected


def test_products_and_sums_are_never_fused_and_numbers_come_in_vectors(kernels: Any) -> None:
    spec = plain()
    for level, image in compile_kernels({symbol_of(spec): spec}, kernels.levels, cache=code_cache()).items():
        offset, length = image.entries[symbol_of(spec)]
        seen = Counter(NAMES[one.mnemonic] for one in Decoder(64, image.code[offset : offset + length]))
        vex = "" if level == "x86-64" else "V"
        assert min(seen[f"{vex}MULPS"], seen[f"{vex}ADDPS"]) >= float_conv.SUMS, level
        assert not [name for name in seen if "FM" in name or name in (f"{vex}MULSS", f"{vex}ADDSS")], level
