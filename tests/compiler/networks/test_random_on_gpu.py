"""Random networks on the GPU for tests equal the integer reference bit for bit: moves of any rank, and convolutions."""

from pathlib import Path

import pytest
from support.effort import night_seeds, slow
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from support.random_graphs import integer_module, integers_of
from support.random_moves import grow
from torch_mlir import ir

from dyadic.dialects import new_context

__all__ = ["gpu"]


@pytest.mark.parametrize("seed", [2, 7, *slow(night_seeds(30))])
def test_moves(gpu: Gpu, seed: int, tmp_path: Path) -> None:
    """8 bits, and mixtures of 4, 8 and 16."""
    with new_context(), ir.Location.unknown():
        module, samples = integers_of(grow(seed, 12), seed, mixed=seed % 3 == 2)
        check_on_gpu(gpu, module, samples[:3], tmp_path / "m.dyq")


MORE = [(3, False), (9, False), (13, True), (18, True), (27, True), (46, True), (53, True)]


@pytest.mark.parametrize(
    ("seed", "mixed"), [(1, False), (15, True), *slow([*MORE, *((s, s % 2 == 0) for s in night_seeds(20))])]
)
def test_images(gpu: Gpu, seed: int, mixed: bool, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        module, samples = integer_module(seed, layers=10, mixed=mixed)
        check_on_gpu(gpu, module, samples[:3], tmp_path / "m.dyq")
