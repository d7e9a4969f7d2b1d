"""Rows of tables by number on GPUs: the bits of `qi.embedding`."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, prepared, quantized, tensor

from dyadic.passes.lower.cuda.kernels.families.embedding import EmbeddingSpec


def embedding(
    dims: Sequence[int], rows: int, channels: int, bits: int = 16, shifts: tuple[int, int] = (33, 40),
    gaps: Sequence[Gap] = (), seed: int = 0,
) -> Case:  # fmt: skip
    """Of ids of these sizes behind the batch; any number of rows."""
    rng = np.random.default_rng(seed)
    table = rng.integers(-127, 128, (rows, channels)).astype(np.int8)
    multiplier = rng.integers(1 << 30, (1 << 31) - 1, channels)
    multiplier[rng.random(channels) < 0.1] = 0
    shift = np.where(multiplier == 0, 2, rng.integers(shifts[0], shifts[1] + 1, channels))
    scales = ", ".join(["0.5"] * channels)
    kind = f"tensor<{rows}x{channels}x!quant.uniform<i8<-127:127>:f32:1, {{{scales}}}>>"
    ids, made = tensor([1, *dims, 4], quantized(8, 0, 1.0)), tensor([1, *dims, channels], quantized(bits, 3))
    low, high = (-32000, 31000) if bits == 16 else (2, 250)
    m, s = (f"array<i32: {', '.join(map(str, each))}>" for each in (multiplier, shift))
    entries = f"multiplier = {m}, shift = {s}, low = {low} : i64, high = {high} : i64"
    text = (
        f'%t = "qi.constant"() {{value = dense<"0x{table.tobytes().hex().upper()}"> : tensor<{rows}x{channels}xi8>}}'
        f' : () -> {kind}\n%out = "qi.embedding"(%x0, %t) {{{entries}}} : ({ids}, {kind}) -> {made}'
    )
    return Case(text, [ids], gaps, seed, {0: (0, rows - 1)}, fill=as_bytes)


def as_bytes(rng: np.random.Generator, dims: Sequence[int], low: int, high: int) -> np.ndarray:
    """Ids as four bytes each."""
    ids = rng.integers(low, high + 1, dims[:-1])
    return np.ascontiguousarray(ids, "<i4")[..., None].view(np.uint8).reshape(dims)


EVERY = {
    "tokens": embedding([9], 100, 48),
    "8 bits": embedding([3, 4], 255, 10, 8, (36, 40)),
    "far below": embedding([7], 20, 16, 16, (20, 33)),
    "an id": embedding([1], 40, 24),
    "odd places": embedding([6], 30, 9, 16, gaps=(Gap(1, start=1), Gap(2))),
    "of many rows": embedding([5], 70000, 3, 16),
    "8 at once": replace(embedding([2, 5], 90, 32), change={"width": 8}),
}
Kernels = tuple[str, dict[EmbeddingSpec, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return prepared(list(EVERY.values()))


@pytest.mark.parametrize("name", EVERY)
def test_it_is_the_operator(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3):
        EVERY[name].check(gpu, *kernels, batch)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"width": 16}, "divides the channels"), ({"id_access": 8}, "ids of"), ({"form": "short"}, "in 64 bits")],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(EmbeddingSpec(1, 4, 24, 4, 16, 32, 128), **change)


@pytest.mark.slow
def test_random_tables(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = []
    for n in range(40):
        first = choose.randrange(2, 50)
        cases.append(
            embedding(
                [choose.randrange(1, 9) for _ in range(choose.choice([1, 1, 2]))], choose.choice([1, 9, 300, 66000]),
                choose.choice([1, 3, 8, 10, 32]), choose.choice([8, 16]), (first, first + choose.choice([0, 12])),
                [Gap.random(choose) for _ in range(2)], n,
            )
        )  # fmt: skip
    found = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.launches[0].spec}")
        case.check(gpu, *found, choose.choice([1, 3, 8]))
