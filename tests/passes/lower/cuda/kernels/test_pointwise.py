"""Pointwise kernels give the bits of their operators: 8 and 16 bits, whatever is broadcast, wherever it lies."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, prepared, quantized, tensor

from dyadic.dialects import piecewise_linear, quotients
from dyadic.passes.lower.cuda.kernels.families.pointwise import LINES, TABLE, PointwiseSpec

ZERO_POINTS = (7, 131, 3)  # of a, b, and the result
WIDE = Gap(), Gap()


def dense(array: np.ndarray) -> str:
    """An attribute with these numbers."""
    dims = "x".join(str(n) for n in array.shape)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return f'dense<"0x{little.tobytes().hex().upper()}"> : tensor<{dims}xi{8 * array.itemsize}>'


def bounds(bits: int) -> tuple[int, int]:
    return (-32000, 31000) if bits == 16 else (2, (1 << bits) - 2)


def binary(
    name: str,
    a: Sequence[int],
    b: Sequence[int],
    bits: Sequence[int] = (8, 8, 8),
    numbers: dict[str, int] | None = None,
    gaps: Sequence[Gap] = (),
    constant: bool = False,
    seed: int = 0,
    more: str = "",
) -> Case:
    """Of the sizes behind the batch. constant: b is known."""
    zeros = ZERO_POINTS if name not in ("max", "min") else ZERO_POINTS[:1] * 3
    out = [max(pair) for pair in zip(a, b, strict=True)]
    types = [tensor([1, *dims], quantized(n, z)) for dims, n, z in zip((a, b, out), bits, zeros, strict=True)]
    low, high = bounds(bits[2])
    clamp = "" if name in ("max", "min") else f"high = {high} : i64, low = {low} : i64"
    entries = [text for text in (clamp, more, *(f"{k} = {n} : i64" for k, n in (numbers or {}).items())) if text]
    names = ["%x0", "%c" if constant else "%x1"]
    text = f'%out = "qi.{name}"({", ".join(names)}) {{{", ".join(entries)}}} : ({types[0]}, {types[1]}) -> {types[2]}'
    if constant:
        rng = np.random.default_rng(seed + 9)
        kind = np.int16 if bits[1] == 16 else np.int8
        info = np.iinfo(kind)
        values = rng.integers(info.min, info.max + 1, (1, *b)).astype(kind)
        text = f'%c = "qi.constant"() {{value = {dense(values)}}} : () -> {types[1]}\n{text}'
    return Case(text, types[:1] if constant else types[:2], gaps, seed)


def unary(
    name: str,
    dims: Sequence[int],
    bits: Sequence[int] = (8, 8),
    more: str = "",
    gaps: Sequence[Gap] = (),
    seed: int = 0,
) -> Case:
    types = [tensor([1, *dims], quantized(n, z)) for n, z in zip(bits, ZERO_POINTS, strict=False)]
    low, high = bounds(bits[1])
    clamp = "" if name == "table" else f", high = {high} : i64, low = {low} : i64"
    return Case(f'%out = "qi.{name}"(%x0) {{{more}{clamp}}} : ({types[0]}) -> {types[1]}', types[:1], gaps, seed)


def add(a: Sequence[int], b: Sequence[int], bits: Sequence[int] = (8, 8, 8), by: Sequence[int] = (20000, -9000, 15),
        **more: Any) -> Case:  # fmt: skip
    return binary("add", a, b, bits, dict(zip(("multiplier_a", "multiplier_b", "shift"), by, strict=True)), **more)


def mul(a: Sequence[int], b: Sequence[int], bits: Sequence[int] = (8, 8, 8), by: tuple[int, int] = (1 << 30, 38),
        **more: Any) -> Case:  # fmt: skip
    return binary("mul", a, b, bits, dict(zip(("multiplier", "shift"), by, strict=True)), **more)


def div(a: Sequence[int], b: Sequence[int], bits: Sequence[int], ratio: Fraction, **more: Any) -> Case:
    table, shift = quotients.line_table(ratio)
    return binary("div", a, b, bits, {"shift": shift}, more=f"table = {dense(table)}", **more)


def requant(
    dims: Sequence[int], bits: Sequence[int] = (8, 8), by: tuple[int, int] = (3 << 29, 31), **more: Any
) -> Case:
    return unary("requant", dims, bits, f"multiplier = {by[0]} : i64, shift = {by[1]} : i64", **more)


def table(dims: Sequence[int], bits: int = 8, **more: Any) -> Case:
    kind = np.int16 if bits == 16 else np.int8
    info = np.iinfo(kind)
    entries = np.random.default_rng(1).integers(info.min, info.max + 1, 256).astype(kind)
    return unary("table", dims, (8, bits), f"table = {dense(entries)}", **more)


def lines(dims: Sequence[int], bits: int, out: int, **more: Any) -> Case:
    rng, count = np.random.default_rng(bits), 2 * piecewise_linear.lines(bits)
    start = rng.integers(-(1 << 29), 1 << 29, count)
    slope = rng.integers(-(1 << 29), 1 << 29, count) // np.maximum(piecewise_linear.reach(bits), 1)
    both = np.stack([start, slope], 1).astype(np.int32)
    return unary("piecewise_linear", dims, (16, out), f"table = {dense(both)}", **more)


ODD = (Gap(1, start=3), Gap(2, row=2), Gap(4, pixel=4))
IMAGE = [5, 6, 24]
CASES = {
    "add": add(IMAGE, IMAGE),
    "add, far shift": add(IMAGE, IMAGE, by=(30000, 32767, 30)),
    "add, by channel": add([5, 7, 10], [1, 1, 10]),
    "add, by pixel": add([5, 7, 1], [5, 7, 10], gaps=(Gap(1), Gap(), Gap())),
    "add, a constant": add(IMAGE, [1, 1, 24], constant=True),
    "add, a constant in its own rows": add([3, 4, 5], [1, 4, 5], constant=True),
    "add, odd places": add([3, 5, 7], [3, 5, 7], gaps=ODD),
    "add, 16 bits": add(IMAGE, IMAGE, (16, 16, 16), (1 << 30, -(1 << 29), 31)),
    "add, 16 bits and high": add([70], [70], (16, 8, 8), (1 << 30, 3 << 29, 42)),
    "add, beyond 32 bits": add([70], [70], (16, 16, 16), ((1 << 31) - 1, 1 << 30, 2)),
    "add, 8 bits to 16": add([3, 4, 9], [1, 4, 9], (8, 8, 16), (1 << 30, 1 << 30, 28), constant=True),
    "mul": mul(IMAGE, [1, 1, 24]),
    "mul, saturated": mul([40], [40], by=((1 << 31) - 1, 2)),
    "mul, 16 bits": mul(IMAGE, IMAGE, (16, 16, 16), (1 << 30, 46)),
    "mul, by one": mul([6, 11], [1, 1], (16, 8, 16), (1 << 30, 38), constant=True),
    "max": binary("max", IMAGE, [1, 1, 1]),
    "min": binary("min", [4, 3], [4, 3]),
    "max, 16 bits": binary("max", [3, 4, 5, 6], [3, 1, 5, 1], (16, 16, 16)),
    "min, 16 bits": binary("min", [70], [70], (16, 16, 16), constant=True),
    "div": div([5, 6, 9], [5, 6, 1], (16, 16, 16), Fraction(1000)),
    "div, 8 bits": div([30], [1], (8, 16, 8), Fraction(1, 5)),
    "requant": requant(IMAGE),
    "requant, saturated": requant([40], by=((1 << 31) - 1, 2)),
    "requant, 16 bits to 8": requant([5, 18], (16, 8), (1 << 30, 38)),
    "requant, 8 bits to 16": requant([5, 18], (8, 16), (1 << 30, 24)),
    "requant, 16 bits saturated": requant([77], (16, 16), ((1 << 31) - 1, 2)),
    "table": table(IMAGE),
    "table, odd places": table([3, 5, 7], gaps=ODD[:2]),
    "table, 16 bits": table([9, 11], 16),
    "lines": lines([9, 11], 5, 16),
    "lines, finer, to 8 bits": lines([300], 7, 8),
    "lines, finest": lines([300], 9, 16),
    "a number": requant([1]),
    "one channel": requant([5, 6, 1]),
    "5 dimensions": add([2, 3, 2, 3, 5], [2, 1, 2, 1, 5]),
}  # fmt: skip
WIDTHS = {
    "8 at once": replace(add([3, 5, 44], [1, 1, 44]), change={"width": 8}),
    "16 at once": replace(mul([3, 5, 44], [3, 5, 44], (16, 8, 16), (1 << 30, 33)), change={"width": 16}),
    "16 of a table": replace(table([3, 5, 50], 16), change={"width": 16, "a_bytes": 16}),
}
EVERY = CASES | WIDTHS
Kernels = tuple[str, dict[PointwiseSpec, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return prepared(list(EVERY.values()))


@pytest.mark.parametrize("name", EVERY)
def test_it_is_the_operator(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3):
        EVERY[name].check(gpu, *kernels, batch)


def test_like_layers_share_kernels() -> None:
    """Their numbers are parameters."""
    some = [add(IMAGE, IMAGE), add(IMAGE, IMAGE, by=(300, -32000, 12))]
    for case in some:
        case.prepare()
    assert some[0].launches[0].spec == some[1].launches[0].spec


def test_threads_take_more_of_large_results() -> None:
    few, many, most = (requant([size, size, 64]) for size in (56, 72, 136))
    for case in (few, many, most):
        case.prepare()
    assert [case.launches[0].spec.width for case in (few, many, most)] == [4, 8, 16]
    assert most.launches[0].spec.sizes == (136 * 136 * 64,)


def test_there_is_no_kernel_of_another_kind() -> None:
    spec = PointwiseSpec(TABLE, (8,), (1,), (1,))
    for change, complaint in (
        ({"operation": "power"}, "known operation"),
        ({"a": (1, 1)}, "strides for every size"),
        ({"out": (2,)}, "results are neighbours"),
        ({"width": 3}, "a width of"),
        ({"width": 16, "a": (4,)}, "whole groups"),
        ({"form": "short"}, "rounds in 64 bits"),
        ({"a_plane": 64}, "tables are of 8 bits"),
        ({"operation": LINES}, "lines and divisors"),
    ):
        with pytest.raises(ValueError, match=complaint):
            replace(spec, **change)


def random_case(choose: random.Random, seed: int) -> Case:
    dims = [choose.randrange(1, 7) for _ in range(choose.randrange(0, 4))] + [choose.choice([1, 3, 8, 10, 16, 33])]
    b = [choose.choice([n, n, 1]) for n in dims]
    a = [n if b[d] == 1 else choose.choice([n, n, 1]) for d, n in enumerate(dims)]
    bits = [choose.choice([8, 8, 16]) for _ in range(3)]
    gaps = [Gap.random(choose) for _ in range(3)]
    constant = choose.random() < 0.3
    if constant:
        gaps = [gaps[0], gaps[2]]
    kind = choose.randrange(6)
    if kind == 0:
        wide = 16 in bits
        by = [choose.randrange(-(1 << 31) + 1, 1 << 31) if wide else choose.randrange(-32767, 32768) for _ in range(2)]
        return add(a, b, bits, (*by, choose.randrange(2, 63 if wide else 31)), gaps=gaps, constant=constant, seed=seed)
    if kind == 1:
        by = choose.randrange(1 << 30, 1 << 31), choose.randrange(2, 60)
        return mul(a, b, bits, by, gaps=gaps, constant=constant, seed=seed)
    if kind == 2:
        name, width = choose.choice(["max", "min"]), choose.choice([8, 16])
        return binary(name, a, b, [width] * 3, gaps=gaps, constant=constant, seed=seed)
    if kind == 3:
        ratio = Fraction(choose.randrange(1, 1000), choose.randrange(1, 1000))
        return div(a, b, [bits[0], 16, bits[2]], ratio, gaps=gaps, constant=constant, seed=seed)
    by = choose.randrange(1 << 30, 1 << 31), choose.randrange(2, 60)
    ends = [gaps[0], gaps[-1]]
    if kind == 4:
        return requant(dims, bits[:2], by, gaps=ends, seed=seed)
    return table(dims, bits[0], gaps=ends, seed=seed)


@pytest.mark.slow
def test_random_operators(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(60)]
    found = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.launches[0].spec}")
        case.check(gpu, *found, choose.choice([1, 3, 8]))
