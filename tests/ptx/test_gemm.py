"""The matrix product of `support/ptx/gemm.py`, bit for bit and with every check; the model of convolution kernels."""

import numpy as np
import pytest
from support.ptx import gemm
from support.ptx.gpu import Counters, DriverError, Gpu
from support.ptx.products import Product


@pytest.mark.parametrize(
    ("m", "n", "k", "store_bytes", "stages"),
    [(70, 44, 192, 4, 3), (128, 128, 256, 16, 3), (1, 64, 64, 4, 4), (65, 33, 128, 1, 2), (64, 16, 320, 16, 4)],
)
def test_it_is_the_integer_product(gpu: Gpu, m: int, n: int, k: int, store_bytes: int, stages: int) -> None:
    product = Product.random(m, n, k)
    spec = gemm.Gemm(stages, store_bytes)
    result, counters = product.on(gpu, gemm.ptx(spec), spec)
    np.testing.assert_array_equal(result, product.expected())
    blocks = -(-m // 64) * -(-n // 64)
    assert counters.blocks == blocks
    assert counters.mma == blocks * 4 * 16 * (k // 64)  # warps, tiles of 16 x 8 x 32 a warp and step
    assert counters.barriers == blocks * 4 * (k // 64 + 2)
    assert counters.bytes_written == m * n


def counters_of(gpu: Gpu, spec: gemm.Gemm) -> Counters:
    return Product.random(64, 64, 256).on(gpu, gemm.ptx(spec), spec)[1]


def test_swapped_chunks_keep_rows_out_of_each_others_banks(gpu: Gpu) -> None:
    """Without the swap four of the eight rows of each ldmatrix lie in the same banks: three wavefronts more, 8 warp
    loads of 4 matrices a step and warp, 4 warps, 4 steps. Bits do not change."""
    with_swap, without = (counters_of(gpu, gemm.Gemm(left_out=frozenset(out))) for out in ([], ["swizzle"]))
    assert without.shared_ideal == with_swap.shared_ideal
    assert without.shared_wavefronts - with_swap.shared_wavefronts == 3 * (8 * 4) * 4 * 4


def test_sectors_are_counted_once_for_all_lanes_that_want_them(gpu: Gpu) -> None:
    """64 rows of 64 bytes, four lanes a row: 8 rows of two sectors an instruction, none read for nothing."""
    counters = counters_of(gpu, gemm.Gemm(store_bytes=16))
    copied, tables = 2 * 64 * 256, 4 * 8 * 3 * 32 * 4  # a warp reads 8 times three numbers a lane
    assert counters.bytes_read == copied + tables
    # Of the numbers of a table the four lanes of a row ask for every other one, which is one sector; results are whole.
    assert counters.global_sectors == copied // 32 + 4 * 8 * 3 + 64 * 64 // 32
    assert counters.global_ideal == copied // 32 + 4 * 8 * 3 + 64 * 64 // 32


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("wait in the loop", "in flight"),
        ("barrier in the loop", "race|nothing has written"),
        ("barrier before results", "race"),
        ("barrier before stores", "race|nothing has written"),
        ("bound of rows", "no operand|outside of every allocation|another block"),
        ("bound of stores", "no operand|outside of every allocation|another block"),
    ],
)
def test_what_is_left_out_is_missed(gpu: Gpu, part: str, complaint: str) -> None:
    spec = gemm.Gemm(left_out=frozenset([part]))
    with pytest.raises(DriverError, match=complaint):
        Product.random(70, 44, 256).on(gpu, gemm.ptx(spec), spec)
