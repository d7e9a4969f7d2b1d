"""Outlining keeps the graph: one launch an op that computes, in order, inside its buffers, shared where shapes agree.

What the launches compute is compared with the integer reference in `tests/compiler/test_bit_exact.py`.
"""

import numpy as np
import pytest
from random_graphs import integer_module
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.laws import ints
from dyadic.dialects.reference import main_function
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cpu.memory.views import BUFFERS
from dyadic.passes.lower.cpu.outlining.matrix import unit_shape, unit_vectors
from dyadic.passes.lower.cpu.outlining.move import common_refinement
from dyadic.passes.lower.cpu.outlining.pointwise import rows_in_unit

FREE = {"qi.constant", "qi.quantize", "qi.dequantize", "qi.concat", "qi.slice", "qi.reshape", "func.return"}


def outlined(seed: int) -> tuple[list[str], ir.Module]:
    """(names of the integer ops, the module after outlining)."""
    module, _ = integer_module(seed, layers=12)
    names = [op.operation.name for op in main_function(module).regions[0].blocks[0].operations]
    for one in PIPELINE["lower/cpu"]:
        one.run(module.operation)
    module.operation.verify()
    return names, module


@pytest.mark.parametrize("seed", range(8))
def test_every_op_that_computes_is_launched_once_and_in_order(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        names, module = outlined(seed)
        function = main_function(module)
        launches = [op.opview for op in list(function.regions[0].blocks[0].operations)[:-1]]
        first = [launch.op.value for launch in launches if not launch.overlap.value and launch.op.value not in FREE]
        assert [n for n in first if n != "qi.pad"] == [n for n in names if n not in FREE and n != "qi.pad"]
        sizes = ints(function.operation.attributes[BUFFERS])
        for launch in launches:
            numbers = [*ints(launch.out), *ints(launch.inputs)]
            for buffer, offset in zip(numbers[::2], numbers[1::2], strict=True):
                size = sizes[buffer] if buffer >= 0 else launch.data("constant").size
                assert 0 <= offset < size, launch.layer.value
            assert launch.tiles.value > 0
            kernels = {launch.kernel.value: str(launch.spec) for launch in launches}
            assert kernels[launch.kernel.value] == str(launch.spec)


def test_units_cover_the_result_without_much_waste() -> None:
    for rows in range(1, 60):
        for columns in (1, 7, 49, 56, 112, 784, 3136):
            high, wide = unit_shape(rows, columns)
            assert 1 <= high <= rows and 1 <= wide <= columns
            covered = -(-rows // high) * high * (-(-columns // wide)) * wide
            assert covered <= rows * columns * 1.08 + 1
    assert [unit_vectors(n) for n in (1, 2, 3, 4, 5, 9, 63)] == [1, 2, 3, 2, 2, 3, 3]


def test_rows_in_unit_prefers_divisors() -> None:
    assert rows_in_unit(56, 56 * 64) == 4
    assert rows_in_unit(7, 1 << 20) == 1
    assert rows_in_unit(13, 2000) == 8  # a prime: no divisor is near


def test_refinement_has_one_stride_a_dimension() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        factors = [int(f) for f in random.integers(1, 5, 4)]
        a, b = [factors[0] * factors[1], factors[2] * factors[3]], [factors[0], factors[1] * factors[2], factors[3]]
        refined = common_refinement(a, b)
        assert int(np.prod(refined)) == int(np.prod(a)) == int(np.prod(b))
    with pytest.raises(ValueError, match="no common refinement"):
        common_refinement([4, 9], [6, 6])
