"""Rings of zero points: every pixel around an image, and nothing else."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
from support.code_cache import code_cache
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.launches import run_launch

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernels.families.ring import RingSpec, pack_params, store_bytes

UNTOUCHED = 0xEE


@dataclass(frozen=True)
class Case:
    rows: int
    columns: int
    pixel: int
    top: int
    left: int
    bottom: int
    right: int
    wide: bool = False
    first: int = 0  # where the slice of the pixel begins that is written
    channels: int = 0  # of it, 0: all

    @property
    def row(self) -> int:
        return (self.left + self.columns + self.right) * self.pixel

    @property
    def plane(self) -> int:
        return (self.top + self.rows + self.bottom) * self.row

    @property
    def spec(self) -> RingSpec:
        channels, plane = self.channels or self.pixel, self.plane if self.wide else 0
        widest = store_bytes(channels, self.pixel, self.row, plane, self.first)
        ring = (self.top, self.left, self.bottom, self.right)
        return RingSpec(self.rows, self.columns, channels, *ring, self.pixel, self.row, plane, widest)

    def check(self, gpu: Gpu, ptx: str, symbol: str, batch: int) -> None:
        spec, values = self.spec, [7, 0x81][: 1 + self.wide]
        shape = (batch, len(values), self.top + self.rows + self.bottom, self.row // self.pixel, self.pixel)
        found = np.full(shape, UNTOUCHED, np.uint8)
        expected = found.copy()
        here = slice(self.first, self.first + spec.channels)
        for plane, value in enumerate(values):
            expected[:, plane, ..., here] = value
        inside = (slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns))
        expected[:, :, *inside] = UNTOUCHED
        start = self.top * self.row + self.left * self.pixel + self.first
        run_launch(gpu, ptx, symbol, spec, found, [], [], params=pack_params(values), batch=batch, start=start)
        np.testing.assert_array_equal(found, expected)


CASES = {
    "all around": Case(5, 7, 16, 1, 1, 1, 1),
    "of a first layer": Case(9, 11, 4, 3, 3, 2, 2),
    "16 bits": Case(4, 3, 8, 1, 2, 0, 1, wide=True),
    "above alone": Case(3, 3, 4, 2, 0, 0, 0),
    "right alone": Case(3, 3, 4, 0, 0, 0, 1),
    "of a slice": Case(4, 4, 24, 1, 1, 1, 1, first=7, channels=5),
    "of bytes": Case(1, 50, 1, 0, 4, 0, 4),
    "of words": Case(4, 5, 6, 1, 1, 0, 0),
}


@pytest.fixture(scope="module")
def ptx() -> str:
    return compile_kernels({f"k{n}": case.spec for n, case in enumerate(CASES.values())}, "sm_80", code_cache())


@pytest.mark.parametrize("name", CASES)
def test_it_is_around_every_image(gpu: Gpu, ptx: str, name: str) -> None:
    for batch in (1, 3):
        CASES[name].check(gpu, ptx, f"k{list(CASES).index(name)}", batch)


def test_there_is_one() -> None:
    with pytest.raises(ValueError, match="no ring"):
        RingSpec(3, 3, 4, 0, 0, 0, 0, 4, 12)
    with pytest.raises(ValueError, match="1, 2 or 4 bytes"):
        RingSpec(3, 3, 6, 1, 0, 0, 0, 6, 18, store_bytes=4)


@pytest.mark.slow
def test_random_rings(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [
        Case(
            choose.randrange(1, 12), choose.randrange(1, 12), choose.choice([1, 3, 4, 8, 12, 16, 32]),
            choose.randrange(0, 4), choose.randrange(0, 4), choose.randrange(0, 4), choose.randrange(1, 4),
            wide=choose.random() < 0.3,
        )
        for _ in range(40)
    ]  # fmt: skip
    ptx = compile_kernels({f"k{n}": case.spec for n, case in enumerate(cases)}, "sm_80", code_cache())
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case}")
        case.check(gpu, ptx, f"k{n}", choose.choice([1, 3, 8]))
