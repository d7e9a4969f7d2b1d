"""Kernels of rows give the bits of `qi.layer_norm` and `qi.softmax`, however long rows are and wherever they lie."""

import random
from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, numbers, prepared, quantized, tensor
from support.row_tensors import rows_of

from dyadic.dialects import tabulated_softmax
from dyadic.passes.lower.cuda.kernels.families.softmax import SoftmaxSpec
from dyadic.runtime.fixedpoint import ADD_SHIFT_MAX

IN_ZERO_POINT, OUT_ZERO_POINT = 7, 3
Pair = tuple[int, int]


def fill(rng: np.random.Generator, dims: tuple[int, ...], low: int, high: int) -> np.ndarray:
    return rows_of(rng, prod(dims[:-1]), dims[-1], low, high).reshape(dims)


def bounds(bits: int) -> Pair:
    return (-32768, 32760) if bits == 16 else (1, (1 << bits) - 2)


def norm(
    dims: Sequence[int],
    *,
    bits: Pair = (8, 8),
    centered: bool = True,
    uniform: bool = False,
    epsilon: int = 5,
    shift: int = 9,
    gaps: Sequence[Gap] = (),
    seed: int = 0,
    **change: int,
) -> Case:
    rng, n = np.random.default_rng(seed), dims[-1]
    gain = rng.integers(-32767, 32768, 1 if uniform else n).repeat(n if uniform else 1) >> int(rng.integers(0, 9))
    zero_out = 0 if bits[1] == 16 else OUT_ZERO_POINT
    room = np.minimum((1 << 31) - 2 - 32768 * np.abs(gain) - (zero_out + 1 << shift), 1 << shift + bits[1] - 1)
    bias = (rng.uniform(-1, 1, 1 if uniform else n) * room).astype(np.int64)
    source = tensor([1, *dims], quantized(bits[0], IN_ZERO_POINT))
    made = tensor([1, *dims], quantized(bits[1], OUT_ZERO_POINT))
    low, high = bounds(bits[1])
    i32 = f"tensor<{n}xi32>"
    attributes = (
        f"acc = {numbers([-(1 << 31), (1 << 31) - 1])}, centered = {str(centered).lower()},"
        f" epsilon = {epsilon} : i64, shift = {shift} : i64, low = {low} : i64, high = {high} : i64"
    )
    text = (
        f'%g = "qi.constant"() {{value = dense<{gain.tolist()}> : {i32}}} : () -> {i32}\n'
        f'%b = "qi.constant"() {{value = dense<{bias.tolist()}> : {i32}}} : () -> {i32}\n'
        f'%out = "qi.layer_norm"(%x0, %g, %b) {{{attributes}}} : ({source}, {i32}, {i32}) -> {made}'
    )
    return Case(text, [source], gaps, seed, fill=fill, change=change)


def softmax(
    dims: Sequence[int],
    *,
    bits: Pair = (8, 8),
    step: Fraction = Fraction(1, 20),
    multiplier: int = 1_800_000_000,
    shift: int = 23,
    gaps: Sequence[Gap] = (),
    seed: int = 0,
    **change: int,
) -> Case:
    table = tabulated_softmax.table(step, wide=bits[0] == 16)
    source = tensor([1, *dims], quantized(bits[0], IN_ZERO_POINT))
    made = tensor([1, *dims], quantized(bits[1], OUT_ZERO_POINT))
    low, high = bounds(bits[1])
    dense = f"dense<{table.tolist()}> : tensor<{'x'.join(map(str, table.shape))}xi32>"
    attributes = (
        f"table = {dense}, multiplier = {multiplier} : i64, shift = {shift} : i64, low = {low} : i64,"
        f" high = {high} : i64"
    )
    return Case(f'%out = "qi.softmax"(%x0) {{{attributes}}} : ({source}) -> {made}', [source], gaps, seed, fill=fill,
                change=change)  # fmt: skip


CASES = {
    "a norm": norm((3, 96)),
    "of 16 bits": norm((5, 50), bits=(16, 16)),
    "to 16 bits": norm((2, 3, 7), bits=(8, 16)),
    "from 16 bits": norm((2, 3, 130), bits=(16, 8), uniform=True),
    "a root mean square": norm((3, 40), bits=(16, 16), centered=False),
    "a root mean square of bytes": norm((3, 33), centered=False, epsilon=1),
    "one number": norm((2, 1), epsilon=1),
    "of a warp's registers": norm((2, 768), bits=(16, 16)),
    "of a block": norm((2, 2, 1001), bits=(16, 8)),
    "of a block's registers": norm((3, 3072)),
    "the longest short one": norm((1, 4095), bits=(16, 16), epsilon=1),
    "the shortest long one": norm((1, 4096), bits=(16, 16), epsilon=1),
    "a long root mean square": norm((1, 5003), bits=(8, 8), centered=False),
    "read again": norm((1, 13001), bits=(16, 16)),
    "most epsilon": norm((2, 20), epsilon=1 << 62),
    "of single bytes": norm((3, 33), gaps=[Gap(1, row=5), Gap(1, start=3)]),
    "of pairs of bytes": norm((3, 33), bits=(16, 16), gaps=[Gap(2, row=6), Gap(4, start=2)]),
    "apart": norm((2, 3, 4, 36), gaps=[Gap(4, row=8), Gap(16, 16)]),
    "a vector": norm((64,)),
    "softmax": softmax((3, 70)),
    "softmax of 16 bits": softmax((4, 33), bits=(16, 16), step=Fraction(1, 3000)),
    "softmax of a few": softmax((7, 3), bits=(8, 16)),
    "softmax of one": softmax((7, 1)),
    "softmax of a block": softmax((2, 1000), bits=(16, 8), step=Fraction(1, 900)),
    "softmax read again": softmax((1, 12500), step=Fraction(1, 300), shift=13),
    "softmax of bytes": softmax((3, 5, 17), gaps=[Gap(1, row=3), Gap(1)]),
    "softmax of nothing": softmax((3, 24), shift=62),
    "softmax saturated": softmax((3, 24), shift=2),
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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 8}, "threads take 1, 2 or 4 numbers"),
        ({"lanes": 24}, "a row has lanes of a warp"),
        ({"lanes": 64}, "a row has lanes of a warp"),
        ({"in_strides": (4,)}, "strides fit sizes"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, Any], complaint: str) -> None:
    fields: dict[str, Any] = {"sizes": (3, 4), "in_strides": (64, 16), "out_strides": (64, 16), "channels": 10}
    with pytest.raises(ValueError, match=complaint):
        SoftmaxSpec(**fields | change)


def random_case(choose: random.Random, seed: int) -> Case:
    bits: Pair = choose.choice([8, 8, 16, 4]), choose.choice([8, 8, 16, 3])
    n = choose.choice([1, 2, 3, 5, 16, 17, 31, 64, 127, 128, 129, 300, 513, 769, 1023, 1024, 2047, 4097, 6200])
    dims = [choose.randrange(1, 4) for _ in range(choose.randrange(0, 3))] + [n]
    gaps = [Gap.random(choose), Gap.random(choose)]
    if choose.random() < 0.4:
        step = Fraction(choose.choice([1, 20, 700]), 1000 if bits[0] == 16 else 20)
        return softmax(dims, bits=bits, step=step, shift=choose.choice([2, 14, 21, 25, 33, 62]), gaps=gaps, seed=seed)
    return norm(
        dims, bits=bits, centered=choose.random() < 0.6, uniform=choose.random() < 0.3, gaps=gaps, seed=seed,
        epsilon=choose.choice([1, 1, choose.randrange(1, 1 << 40), 1 << 62]),
        shift=choose.randrange(2, min(16, ADD_SHIFT_MAX)),
    )  # fmt: skip


@pytest.mark.slow
def test_random_rows(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(60)]
    kernels = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.text[-300:]}")
        case.check(gpu, *kernels, choose.choice([1, 3, 8]))
