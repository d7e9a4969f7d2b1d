"""Images of another size on GPUs: the bits of `qi.interpolate`."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, prepared, quantized, tensor

from dyadic.passes.lower.cuda.kernels.families.interpolate import InterpolateSpec


def numbers(values: Sequence[int], bits: int) -> str:
    return f"array<i{bits}: {', '.join(str(n) for n in values)}>"


def resized(
    size: tuple[int, int], channels: int, out: tuple[int, int], bits: tuple[int, int] = (8, 8),
    by: tuple[int, int] = ((1 << 15) - 1, 15), gaps: Sequence[Gap] = (), seed: int = 0,
) -> Case:  # fmt: skip
    """Between random pixels, some of them the last, with any shares."""
    choose = random.Random(seed)
    places = [[choose.randrange(size[d]) for _ in range(out[d])] for d in range(2)]
    shares = [[choose.choice([0, 1 << 15, choose.randrange(1 << 15)]) for _ in range(out[d])] for d in range(2)]
    source, made = (
        tensor([1, *dims, channels], quantized(n, zero))
        for dims, n, zero in zip((size, out), bits, (7, 3), strict=True)
    )
    low, high = (-32000, 31000) if bits[1] == 16 else (2, 250)
    entries = (
        f"channels_last, rows = {numbers(places[0], 64)}, row_shares = {numbers(shares[0], 32)},"
        f" columns = {numbers(places[1], 64)}, column_shares = {numbers(shares[1], 32)},"
        f" multiplier = {by[0]} : i64, shift = {by[1]} : i64, low = {low} : i64, high = {high} : i64"
    )
    return Case(f'%out = "qi.interpolate"(%x0) {{{entries}}} : ({source}) -> {made}', [source], gaps, seed)


EVERY = {
    "larger": resized((4, 5), 24, (9, 7)),
    "smaller": resized((9, 8), 3, (4, 5), by=(20000, 17)),
    "16 bits": resized((4, 5), 10, (6, 7), (16, 16), (30000, 15)),
    "16 bits to 8": resized((3, 4), 10, (6, 2), (16, 8), (30000, 20)),
    "8 bits to 16": resized((3, 4), 10, (6, 2), (8, 16), (30000, 9)),
    "nothing": resized((3, 4), 5, (3, 3), by=(0, 1)),
    "a pixel": resized((1, 1), 16, (3, 3)),
    "odd places": resized((5, 4), 9, (3, 6), gaps=(Gap(1, start=3), Gap(2))),
    "8 at once": replace(resized((4, 5), 28, (5, 7)), change={"width": 8}),
}
Kernels = tuple[str, dict[InterpolateSpec, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return prepared(list(EVERY.values()))


@pytest.mark.parametrize("name", EVERY)
def test_it_is_the_operator(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3):
        EVERY[name].check(gpu, *kernels, batch)


def test_there_is_no_kernel_of_another_kind() -> None:
    with pytest.raises(ValueError, match="a width of"):
        InterpolateSpec(4, 4, 8, 8, 32, width=3)


@pytest.mark.slow
def test_random_sizes(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [
        resized(
            (choose.randrange(1, 9), choose.randrange(1, 9)), choose.choice([1, 3, 8, 10, 33]),
            (choose.randrange(1, 9), choose.randrange(1, 9)), (choose.choice([8, 16]), choose.choice([8, 16])),
            (choose.randrange(1 << 15), choose.randrange(1, 31)), [Gap.random(choose) for _ in range(2)], n,
        )
        for n in range(40)
    ]  # fmt: skip
    found = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.launches[0].spec}")
        case.check(gpu, *found, choose.choice([1, 3, 8]))
