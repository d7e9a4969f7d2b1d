"""Requantized copies that products write beside their results: every bit, on ragged shapes, and nothing else.

A pixel has its results, then room for copies of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from support.ptx.convolutions import OUT_ZERO_POINT, UNTOUCHED, Convolution
from support.ptx.gpu import Gpu

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernels.families.product_spec import CopyPlace, ProductSpec
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import LEAST_SHIFT, pack_copy

PIXEL = 256


class Copy(NamedTuple):
    """Of some channels, so many bytes behind the results; how it is rounded, and as what it is stored."""

    first: int
    channels: int
    start: int
    store_bytes: int
    multiplier: int
    shift: int
    header: tuple[int, int, int] = (0, 0, 255)

    def of(self, results: np.ndarray) -> np.ndarray:
        cut = results[..., self.first : self.first + self.channels].astype(np.int64) - OUT_ZERO_POINT
        zero_point, low, high = self.header
        return np.clip((cut * self.multiplier + (1 << self.shift - 1) >> self.shift) + zero_point, low, high)


class Case(NamedTuple):
    convolution: Convolution
    copies: tuple[Copy, ...]
    tile: Mapping[str, int] = MappingProxyType({})
    stored: bool = True

    @property
    def spec(self) -> ProductSpec:
        row = self.convolution.out_width * PIXEL
        places = [CopyPlace(one.first, one.channels, one.store_bytes, PIXEL, row) for one in self.copies]
        spec = self.convolution.spec(**self.tile)
        copies = tuple(n for place in places for n in place)
        return replace(spec, out_pixel=PIXEL, out_row=row, copies=copies, stored=self.stored)


SLICES = {"block_rows": 32, "block_columns": 32, "warps_down": 1, "warps_across": 1, "warps_deep": 3, "stages": 2}
CASES = {
    "all channels": Case(Convolution(7, 5, 24, 33, batch=3), (Copy(0, 33, 64, 1, 1700000000, 33),)),
    "beyond a block": Case(
        Convolution(9, 7, 48, 80, kernel=3, batch=2), (Copy(0, 80, 96, 16, 2000000000, 32, (30, 20, 250)),)
    ),
    "three of some channels, rounded by small shifts": Case(
        Convolution(7, 9, 16, 40, kernel=3, stride=2, batch=2),
        (
            Copy(0, 24, 48, 8, 1500000000, 31),
            Copy(24, 8, 80, 4, 300, LEAST_SHIFT, (128, 0, 200)),
            Copy(32, 8, 88, 4, (1 << 31) - 1, LEAST_SHIFT, (128, 0, 200)),
        ),
    ),
    "of sums in slices": Case(
        Convolution(5, 7, 64, 38, kernel=3, batch=3), (Copy(6, 32, 64, 2, 1200000000, 32),), SLICES
    ),
    "alone": Case(
        Convolution(1, 1, 64, 44, batch=70), (Copy(0, 44, 64, 4, 1900000000, 32, (7, 7, 255)),), stored=False
    ),
}


@pytest.fixture(scope="module")
def ptx() -> str:
    return compile_kernels({f"k{n}": case.spec for n, case in enumerate(CASES.values())}, "sm_80")


@pytest.mark.parametrize("name", CASES)
def test_copies_are_requantized_results(gpu: Gpu, ptx: str, name: str) -> None:
    case, symbol = CASES[name], f"k{list(CASES).index(name)}"
    params = [pack_copy(one.start, OUT_ZERO_POINT, one.multiplier, one.shift, one.header) for one in case.copies]
    _, made, results = case.convolution.ran(gpu, ptx, symbol, case.spec, copies=params)
    expected = np.full(made.shape, UNTOUCHED)
    if case.stored:
        expected[..., : results.shape[-1]] = results
    for one in case.copies:
        expected[..., one.start : one.start + one.channels] = one.of(results)
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"out_plane": 64}, "copies are of bytes of one result"),
        ({"norm_bits": 8}, "copies are of bytes of one result"),
        ({"copies": (), "stored": False}, "something is stored"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(CASES["all channels"].spec, **change)
