"""Depthwise kernels give the bits of `qi.conv2d` with one filter a channel."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, numbers, prepared, quantized, tensor

from dyadic.passes.lower.cuda.kernels.families.depthwise import DepthwiseSpec, pack_weights, unpack_weights
from dyadic.passes.lower.memory.views import Halo
from dyadic.runtime.fixedpoint import short_multiplier, wide_multiplier

IN_ZERO_POINT, OUT_ZERO_POINT = 7, 3
Pair = tuple[int, int]


def depthwise(
    size: Pair,
    channels: int,
    kernel: Pair = (3, 3),
    strides: Pair = (1, 1),
    padding: Pair = (1, 1),
    dilation: Pair = (1, 1),
    *,
    bits: Pair = (8, 8),
    weight_bits: int = 8,
    acc_shift: int = 0,
    form: str = "wide",
    gain: Fraction = Fraction(1),
    gaps: Sequence[Gap] = (),
    seed: int = 0,
    **change: int,
) -> Case:
    """gain: about how many of the steps of the result a usual sum spans."""
    rng = np.random.default_rng(seed)
    out = [(size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) // strides[d] + 1 for d in range(2)]
    most = (1 << weight_bits - 1) - 1
    weight = rng.integers(-most, most + 1, (channels, *kernel, 1))
    largest = kernel[0] * kernel[1] * most * (255 if bits[0] == 8 else 32768) >> acc_shift
    bias = rng.integers(-largest // 8, largest // 8 + 1, channels) << acc_shift
    usual = Fraction(largest, 8 if kernel[0] * kernel[1] > 4 else 2)
    ratios = [gain * (1 << bits[1]) / usual * Fraction(int(n), 16) for n in rng.integers(8, 17, channels)]
    if form == "short":
        found = [short_multiplier(ratio, 2 * largest) for ratio in ratios]
        pairs = [pair if pair is not None else (0, 2) for pair in found]
    else:
        pairs = [wide_multiplier(ratio) for ratio in ratios]
        pairs[0] = (0, 2)  # a constant
    low, high = (-32768, 32700) if bits[1] == 16 else (OUT_ZERO_POINT, (1 << bits[1]) - 2)
    source = tensor([1, *size, channels], quantized(bits[0], IN_ZERO_POINT))
    made = tensor([1, *out, channels], quantized(bits[1], OUT_ZERO_POINT))
    of_weights = f"!quant.uniform<i{weight_bits}<{-most}:{most}>:f32:0, {{{','.join(['0.25'] * channels)}}}>"
    w, b = f"tensor<{channels}x{kernel[0]}x{kernel[1]}x1x", f"tensor<{channels}xi32>"
    attributes = (
        f'channels_last, acc = {numbers([-2 * largest, 2 * largest])}, form = "{form}", groups = {channels} : i64,'
        f" strides = {numbers(strides)}, padding = {numbers(padding * 2)}, dilation = {numbers(dilation)},"
        f" multiplier = {numbers([m for m, _ in pairs], 32)}, shift = {numbers([s for _, s in pairs], 32)},"
        f" low = {low} : i64, high = {high} : i64" + (f", acc_shift = {acc_shift} : i64" if acc_shift else "")
    )
    text = (
        f'%w = "qi.constant"() {{value = dense<{weight.tolist()}> : {w}i8>}} : () -> {w}{of_weights}>\n'
        f'%b = "qi.constant"() {{value = dense<{bias.tolist()}> : {b}}} : () -> {b}\n'
        f'%out = "qi.conv2d"(%x0, %w, %b) {{{attributes}}} : ({source}, {w}{of_weights}>, {b}) -> {made}'
    )
    after = [
        max(0, (out[d] - 1) * strides[d] + (kernel[d] - 1) * dilation[d] + 1 - padding[d] - size[d]) for d in (0, 1)
    ]
    halo = Halo(*padding, *after)
    gaps = gaps or [Gap(), Gap()]
    return Case(text, [source], [replace(gaps[0], halo=halo), gaps[1]], seed, change=change)


CASES = {
    "3 x 3": depthwise((6, 9), 24),
    "3 x 3 of 4 pixels a thread": depthwise((5, 10), 20, pixels=4),
    "of stride 2": depthwise((9, 12), 10, strides=(2, 2), pixels=2),
    "dilated": depthwise((9, 8), 16, dilation=(2, 3), padding=(2, 3), pixels=4),
    "1 x 1": depthwise((5, 7), 12, (1, 1), padding=(0, 0)),
    "7 x 7": depthwise((9, 9), 8, (7, 7), padding=(3, 3), pixels=2),
    "a loop over rows": depthwise((12, 12), 8, (9, 7), padding=(4, 3), pixels=4),
    "a loop over both": depthwise((3, 70), 5, (2, 60), padding=(1, 9), pixels=2),
    "one pixel": depthwise((3, 3), 30, padding=(0, 0)),
    "16 bits": depthwise((6, 7), 24, bits=(16, 16), acc_shift=3, pixels=2),
    "16 bits to 8": depthwise((6, 7), 6, bits=(16, 8), pixels=4),
    "8 bits to 16": depthwise((6, 7), 6, bits=(8, 16)),
    "16 bits, 1 x 1": depthwise((4, 4), 7, (1, 1), padding=(0, 0), bits=(16, 16), acc_shift=8),
    "short": depthwise((6, 7), 22, weight_bits=4, form="short", pixels=2),
    "weights of 4 bits": depthwise((6, 7), 22, weight_bits=4),
    "weights of 2 bits, saturated": depthwise((6, 7), 22, weight_bits=2, gain=Fraction(1000)),
    "shifts below 32": depthwise((4, 4), 8, (1, 1), padding=(0, 0), weight_bits=2, gain=Fraction(1 << 12)),
    "bytes": depthwise((5, 5), 3, gaps=[Gap(1), Gap(1, start=1)], pixels=2),
    "pairs of bytes": depthwise((5, 6), 5, gaps=[Gap(4, start=2), Gap(2)], bits=(16, 16)),
    "to 4 bits": depthwise((4, 4), 4, bits=(4, 4)),
}

Kernels = tuple[str, dict[Any, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """All of them, from one code generation."""
    return prepared(list(CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_operator_means(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3, 8):
        CASES[name].check(gpu, *kernels, batch)


def spec_of(**change: Any) -> DepthwiseSpec:
    fields: dict[str, Any] = {
        "rows": 4, "columns": 4, "channels": 6, "taps_y": 3, "taps_x": 2, "tap_y": 64, "tap_x": 16, "in_pixel": 16,
        "in_row": 64, "out_pixel": 16, "out_row": 64,
    }  # fmt: skip
    return DepthwiseSpec(**fields | change)


def test_weights_are_found_again() -> None:
    weight = np.random.default_rng(0).integers(-127, 128, (6, 3, 2, 1)).astype(np.int8)
    stored = np.concatenate([pack_weights(spec_of(), weight), np.ones(64, np.int8)])
    np.testing.assert_array_equal(unpack_weights(spec_of(), stored), weight)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 8}, "threads take 1, 2 or 4 channels"),
        ({"pixels": 5}, "a row has the pixels of a thread"),
        ({"acc_shift": 3}, "accumulators of 8-bit inputs are not shifted"),
        ({"form": "wide"}, "requantization is of a known form"),
        ({"table": True, "out_plane": 64}, "a table is of bytes"),
        ({"copied": True}, "bytes are copied that are a pixel's own"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        spec_of(**change)


def random_case(choose: random.Random, seed: int) -> Case:
    kernel: Pair = choose.choice([1, 2, 3, 3, 5]), choose.choice([1, 3, 3, 5, 4])
    dilation: Pair = choose.choice([1, 1, 2]), choose.choice([1, 1, 3])
    padding: Pair = choose.randrange(kernel[0]), choose.randrange(kernel[1])
    reach = [(n - 1) * d + 1 for n, d in zip(kernel, dilation, strict=True)]
    size: Pair = reach[0] + choose.randrange(6), reach[1] + choose.randrange(9)
    strides: Pair = choose.choice([1, 1, 2, 3]), choose.choice([1, 1, 2])
    columns = (size[1] + 2 * padding[1] - reach[1]) // strides[1] + 1
    bits: Pair = choose.choice([8, 8, 16, 4]), choose.choice([8, 8, 16, 3])
    return depthwise(
        size, choose.choice([1, 3, 4, 7, 16, 24, 33]), kernel, strides, padding, dilation, bits=bits,
        weight_bits=choose.choice([8, 8, 4, 2]), acc_shift=choose.choice([0, 0, 2, 8]) if bits[0] == 16 else 0,
        form=choose.choice(["wide", "short"]) if bits[0] == 8 else "wide",
        gain=Fraction(choose.choice([1, 1, 30]), choose.choice([1, 9])),
        gaps=[Gap.random(choose), Gap.random(choose)], seed=seed, pixels=choose.randrange(1, min(columns, 4) + 1),
    )  # fmt: skip


@pytest.mark.slow
def test_random_convolutions(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(60)]
    kernels = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case}")
        case.check(gpu, *kernels, choose.choice([1, 3, 8]))
