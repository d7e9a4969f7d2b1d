"""Pooling kernels give the bits of `qi.max_pool` and `qi.avg_pool`: clipped windows, dilation, ceil mode, padding."""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, numbers, prepared, quantized, tensor

from dyadic.dialects.windows import valid_cells
from dyadic.passes.lower.cuda.kernels.families.pool import AvgPoolSpec, MaxPoolSpec
from dyadic.runtime.fixedpoint import wide_multiplier

IN_ZERO_POINT, OUT_ZERO_POINT = 7, 3
Pair = tuple[int, int]


def result_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if ceil and room % stride and (room // stride + 1) * stride < size + padding:
        return room // stride + 2
    return room // stride + 1


def pool(
    size: Pair,
    channels: int,
    kernel: Pair,
    strides: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    *,
    average: bool = False,
    include_pad: bool = False,
    ceil: bool = False,
    bits: tuple[int, int] = (8, 8),
    gaps: Sequence[Gap] = (),
    scale: Fraction = Fraction(1),
    seed: int = 0,
    **change: int,
) -> Case:
    out = [result_size(size[d], kernel[d], strides[d], padding[d], dilation[d], ceil) for d in range(2)]
    source = tensor([1, *size, channels], quantized(bits[0], IN_ZERO_POINT))
    window = f"kernel = {numbers(kernel)}, padding = {numbers(padding * 2)}, strides = {numbers(strides)}"
    if not average:
        made = tensor([1, *out, channels], quantized(bits[0], IN_ZERO_POINT))
        attributes = f"channels_last, dilation = {numbers(dilation)}, {window}"
        return Case(
            f'%out = "qi.max_pool"(%x0) {{{attributes}}} : ({source}) -> {made}', [source], gaps, seed, change=change
        )
    made = tensor([1, *out, channels], quantized(bits[1], OUT_ZERO_POINT))
    every = valid_cells([*size], [*kernel], [*strides], [*padding * 2], out, include_pad)
    cells = sorted({int(n) for n in every.flat})
    pairs = [wide_multiplier(scale / n) for n in cells]
    low, high = (-32768, 32767) if bits[1] == 16 else (OUT_ZERO_POINT, (1 << bits[1]) - 2)
    multiplier, shift = (numbers([pair[k] for pair in pairs], 32) for k in range(2))
    attributes = (
        f"channels_last, count_include_pad = {str(include_pad).lower()}, counts = {numbers(cells)}, {window},"
        f" multiplier = {multiplier}, shift = {shift}, high = {high} : i64, low = {low} : i64"
    )
    return Case(
        f'%out = "qi.avg_pool"(%x0) {{{attributes}}} : ({source}) -> {made}', [source], gaps, seed, change=change
    )


CASES = {
    "2 x 2": pool((6, 8), 24, (2, 2), (2, 2)),
    "clipped": pool((7, 9), 10, (3, 3), (2, 2), (1, 1)),
    "dilated": pool((9, 7), 16, (3, 2), (1, 1), (2, 1), (2, 3)),
    "ceil": pool((8, 8), 5, (3, 3), (2, 2), ceil=True),
    "16 bits": pool((7, 6), 12, (3, 3), (2, 2), (1, 1), bits=(16, 16)),
    "8 channels a thread": pool((7, 9), 28, (3, 3), (2, 2), (1, 1), width=8),
    "16 channels a thread": pool((7, 9), 50, (3, 3), (2, 2), (1, 1), width=16, bits=(16, 16)),
    "bytes": pool((5, 5), 3, (3, 3), (1, 1), (1, 1), gaps=[Gap(1), Gap(1, start=1)]),
    "pairs of bytes": pool((5, 5), 7, (3, 3), gaps=[Gap(2), Gap(4, start=6)], bits=(16, 16)),
    "largest of all": pool((14, 13), 20, (14, 13)),
    "a long window": pool((1, 300), 8, (1, 100), (1, 7), (0, 50)),
    "average": pool((7, 9), 20, (3, 3), (2, 2), (1, 1), average=True),
    "average of what is padded": pool((7, 9), 20, (3, 3), (2, 2), (1, 1), average=True, include_pad=True),
    "average in ceil mode": pool((8, 7), 17, (3, 3), (2, 2), average=True, ceil=True, include_pad=True),
    "average of 16 bits": pool((6, 6), 24, (2, 3), (2, 1), average=True, bits=(16, 16)),
    "average to 16 bits": pool((6, 6), 6, (2, 3), (2, 1), average=True, bits=(8, 16), scale=Fraction(100)),
    "average to 4 bits": pool((6, 6), 6, (2, 3), (2, 1), average=True, bits=(16, 4), scale=Fraction(1, 3000)),
    "global average": pool((7, 7), 70, (7, 7), average=True),
    "global average of 16 bits": pool((12, 12), 33, (12, 12), average=True, bits=(16, 16)),
    "saturated": pool((4, 4), 8, (2, 2), average=True, scale=Fraction(1 << 30)),
    "average of 8 channels a thread": pool((7, 9), 28, (3, 3), (2, 2), (1, 1), average=True, width=8),
    "average of 16 channels a thread": pool((7, 7), 53, (7, 7), average=True, width=16, bits=(16, 16)),
    "average of bytes": pool((9, 9), 5, (9, 9), average=True, gaps=[Gap(1), Gap(1)]),
}  # fmt: skip

Kernels = tuple[str, dict[Any, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """All of them, from one code generation."""
    return prepared(list(CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_operator_means(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3, 8):
        CASES[name].check(gpu, *kernels, batch)


FIELDS: dict[str, Any] = {
    "rows": 4, "columns": 4, "channels": 8, "in_rows": 8, "in_columns": 8, "taps_y": 2, "taps_x": 2, "stride_y": 2,
    "stride_x": 2, "pad_top": 0, "pad_left": 0, "in_pixel": 16, "in_row": 128, "out_pixel": 16, "out_row": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 3}, "threads take 1, 2, 4, 8 or 16 channels"),
        ({"slices": 3, "block_items": 32}, "slices are a power of two"),
        ({"block_items": 20}, "a block has whole warps"),
        ({"slices": 16, "block_items": 64}, "a block has whole warps"),
        ({"stored": False}, "something is stored"),
        ({"copied": True, "in_plane": 64}, "copies are of bytes"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MaxPoolSpec(**FIELDS | change)


def test_averages_have_no_dilation() -> None:
    with pytest.raises(ValueError, match="averages have no dilation"):
        AvgPoolSpec(**FIELDS, dilation_x=2)


def random_case(choose: random.Random, seed: int) -> Case:
    average = choose.random() < 0.5
    kernel: Pair = choose.choice([1, 2, 3, 3, 5, 8]), choose.choice([1, 2, 3, 3, 6])
    dilation: Pair = (1, 1) if average else (choose.choice([1, 1, 2]), choose.choice([1, 1, 3]))
    padding: Pair = choose.randrange(kernel[0] // 2 + 1), choose.randrange(kernel[1] // 2 + 1)
    reach = [(n - 1) * d + 1 for n, d in zip(kernel, dilation, strict=True)]
    size: Pair = reach[0] + choose.randrange(8), reach[1] + choose.randrange(8)
    if choose.random() < 0.3:
        kernel, padding, dilation = size, (0, 0), (1, 1)
    bits = choose.choice([8, 8, 16]), choose.choice([8, 8, 16, 4])
    gaps = [Gap.random(choose), Gap.random(choose)]
    return pool(
        size, choose.choice([1, 3, 4, 7, 16, 24, 33]), kernel, (choose.randrange(1, 4), choose.randrange(1, 4)),
        padding, dilation, average=average, include_pad=choose.random() < 0.5, ceil=choose.random() < 0.3, bits=bits,
        gaps=gaps, scale=Fraction(choose.choice([1, 3, 100]), choose.choice([1, 7, 300])), seed=seed,
    )  # fmt: skip


@pytest.mark.slow
def test_random_windows(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(60)]
    kernels = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case}")
        case.check(gpu, *kernels, choose.choice([1, 3, 8]))
