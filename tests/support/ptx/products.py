"""Random matrix products for `gemm.py`, and what they are."""

from dataclasses import dataclass

import numpy as np
from support.ptx import gemm
from support.ptx.gpu import Counters, Gpu, Out

ZERO_POINT = 3


@dataclass(frozen=True)
class Product:
    a: np.ndarray  # [m, k] uint8
    w: np.ndarray  # [n, k] int8
    bias: np.ndarray  # [n] int32, as the next two
    multiplier: np.ndarray
    shift: np.ndarray

    @staticmethod
    def random(m: int, n: int, k: int, seed: int = 0) -> "Product":
        """Requantizations spread the sums over all of 0 to 255, and a little beyond on both sides."""
        rng = np.random.default_rng(seed)
        return Product(
            rng.integers(0, 256, (m, k), dtype=np.uint8),
            rng.integers(-127, 128, (n, k), dtype=np.int8),
            rng.integers(-5000, 5000, n, dtype=np.int32),
            rng.integers(1 << 30, (1 << 31) - 1, n, dtype=np.int32),
            rng.integers(38, 43, n, dtype=np.int32),
        )

    @staticmethod
    def small(m: int, n: int, k: int, seed: int = 0) -> "Product":
        """Sums so small that results show when they are off by 1 or 2."""
        rng = np.random.default_rng(seed)
        return Product(
            rng.integers(0, 4, (m, k), dtype=np.uint8),
            rng.integers(-2, 3, (n, k), dtype=np.int8),
            rng.integers(80, 160, n, dtype=np.int32),
            rng.integers(1 << 30, (1 << 31) - 1, n, dtype=np.int32),
            np.full(n, 31, np.int32),
        )

    def expected(self) -> np.ndarray:
        return gemm.reference(self.a, self.w, self.bias, self.multiplier, self.shift, ZERO_POINT)

    def on(self, gpu: Gpu, ptx: str, spec: gemm.Gemm) -> tuple[np.ndarray, Counters]:
        (m, k), n = self.a.shape, len(self.w)
        result = np.full((m, n), 0xEE, np.uint8)
        arguments = [self.a, self.w, self.bias, self.multiplier, self.shift, Out(result), m, n, k, ZERO_POINT]
        counters = gpu.run(ptx, "gemm", spec.grid(m, n), (gemm.THREADS,), arguments, spec.shared_bytes)
        return result, counters
