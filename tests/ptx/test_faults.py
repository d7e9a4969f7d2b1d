"""How much goes past the executor: faults planted in kernels, one at a time, and what notices them.

A fault is noticed by a check, by being refused as no PTX, or by the bits of the results. What nothing notices is
printed: most of it changes nothing (a row of which no byte is read, say).
"""

import random
from collections import Counter

import numpy as np
import pytest
from support.effort import SEED
from support.ptx import faults, gemm, row_sums
from support.ptx.convolutions import Convolution
from support.ptx.gpu import Gpu
from support.ptx.products import Product

from dyadic.compiler.targets.cuda.codegen import compile_kernels

EACH = 102  # deleted instructions of the product; a half of it of the sums; as many slips
LEAST = 0.95


def test_planted_faults_are_noticed(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_INSTRUCTIONS", "40000")  # the kernels need below 10,000
    seed = int(SEED or 0)
    choose = random.Random(seed)
    spec = gemm.Gemm()
    products = [(one, one.expected()) for one in (Product.random(70, 44, 256), Product.small(64, 100, 64))]
    numbers = np.random.default_rng(1).integers(0, 256, (3, 1404), dtype=np.uint8)
    rows = [numbers, np.ascontiguousarray(numbers[:, :404])]  # of the shorter ones not every thread has a part

    def product_is_right(ptx: str) -> bool:
        return all(np.array_equal(product.on(gpu, ptx, spec)[0], expected) for product, expected in products)

    def sums_are_right(ptx: str) -> bool:
        return all(np.array_equal(row_sums.on(gpu, ptx, one)[0], one.sum(axis=1)) for one in rows)

    found: Counter[str] = Counter()
    silent: list[str] = []
    total = 0
    kernels: list[tuple[str, faults.Right, int]] = [
        (gemm.ptx(spec), product_is_right, EACH),
        (row_sums.PTX, sums_are_right, EACH // 2),
    ]
    for ptx, right, count in kernels:
        assert right(ptx)
        for kind in (faults.deleted(ptx), faults.slipped(ptx, choose)):
            planted = choose.sample(kind, min(count, len(kind)))
            total += len(planted)
            silent += faults.silent(right, planted, found)
    print(faults.told(total, seed, found, silent))
    assert total >= 300
    assert total - len(silent) >= LEAST * total


@pytest.mark.slow  # some 500 runs each
@pytest.mark.parametrize("cluster", [1, 2])
def test_faults_of_four_warps_are_noticed(cluster: int, gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a product kernel of the compiler's, for sm_90a, whose ring turns around; of two blocks that share weights."""
    monkeypatch.setenv("PTX_EXECUTOR_INSTRUCTIONS", "40000")
    product = Convolution(1, 1, 1000, 20 if cluster == 1 else 32, batch=70 if cluster == 1 else 150)
    tile = {"block_columns": 16, "warps_down": 4, "warps_across": 1, "wgmma": 2, "stages": 6}
    spec = product.spec(**tile, cluster=cluster, tiled=cluster > 1)
    ptx = compile_kernels({"product": spec}, "sm_90a")

    def is_right(text: str) -> bool:
        try:
            product.on(gpu, text, "product", spec)
        except AssertionError:
            return False
        return True

    assert is_right(ptx)
    found: Counter[str] = Counter()
    planted = faults.deleted(ptx) + faults.misspelt(ptx)
    silent = faults.silent(is_right, planted, found)
    print(faults.told(len(planted), 0, found, silent))
    assert len(planted) >= 300
    assert len(planted) - len(silent) >= LEAST * len(planted)
