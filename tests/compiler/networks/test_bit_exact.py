"""The artifact equals the integer reference bit for bit: random graphs, every level, several threads and batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.code_cache import code_cache
from support.effort import night_seeds, slow
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.compiler.targets.cpu.emit import emit
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference, main_function
from dyadic.passes import PIPELINE
from dyadic.runtime.cpu.levels import LEVELS, usable
from dyadic.runtime.session import load

HERE = [level.name for level in LEVELS if level.name in usable()]
ELSEWHERE = [level.name for level in LEVELS if level.name not in usable()]
SEEDS = [3, 9, 13, 33]  # every op
MORE = [5, 16, 17, 24, 27, 41]
ISLANDS = [2, 9, 24]
MIXED = [13, 15, 18, 27, 46, 53]  # between them, every op in nearly every mixture of widths, narrowed accumulators too


def test_levels_that_this_machine_lacks_have_integer_code() -> None:
    """Their bits must be compared elsewhere; that there is code, and that it is certified, is seen here."""
    with new_context(), ir.Location.unknown():
        module, _ = integer_module(13, layers=6, mixed=True)
        integer = module.operation.clone()
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
        emitted = emit(module, ELSEWHERE, integer, code_cache())
        certificate = target_of("cpu").certify(integer, emitted)
    assert [image.level for image in certificate.images] == ELSEWHERE and not certificate.offenders
    names = {launch.kernel for launch in emitted.program.steps}
    assert all(set(emitted.program.entries[level]) >= names for level in ELSEWHERE)


GRAPHS = [*((s, False) for s in SEEDS), *((s, True) for s in MIXED)]
GRAPHS += slow([*((s, False) for s in MORE), *((s, s % 2 == 0) for s in night_seeds(8))])


@pytest.mark.parametrize(("seed", "mixed"), GRAPHS)
def test_random_graphs(seed: int, mixed: bool, tmp_path: Path) -> None:
    """Batch 3 and 1 on 1, 2 and 4 threads; the second sample lies far outside what was calibrated.

    Graphs of 8 bits, and of mixtures of 4, 8 and 16.
    """
    check(seed, tmp_path, mixed=mixed)


@pytest.mark.parametrize("seed", [*ISLANDS, *slow([13, 16, 41])])
def test_random_graphs_with_float_islands(seed: int, tmp_path: Path) -> None:
    """Half of the layers with weights stay float, among integers of every width."""
    kinds = check(seed, tmp_path, mixed=True, islands=True)
    assert kinds & {"qi.float_conv2d", "qi.float_linear"}


def check(seed: int, tmp_path: Path, **settings: bool) -> set[str]:
    """The kinds of ops in the graph, every result of which was compared."""
    with new_context(), ir.Location.unknown():
        module, samples = integer_module(seed, layers=12, **settings)
        kinds = {op.operation.name for op in main_function(module).regions[0].blocks[0].operations}
        expected = IntegerReference(module)({"arg0": samples})
        integer = module.operation.clone()
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
            module.operation.verify()
        emitted = emit(module, HERE, integer, code_cache())
    emitted.write(tmp_path / "m.dyq", {})
    for level in HERE:
        for threads in (1, 2, 4):
            with load(tmp_path / "m.dyq", threads=threads, max_batch=3, isa=level) as session:
                for first, count in ((0, 3), (1, 1)):
                    batch = samples[first : first + count]
                    for output, got in zip(session.outputs, session.run(None, {"arg0": batch}), strict=True):
                        want = expected[output.name][first : first + count]
                        np.testing.assert_array_equal(
                            got, want, f"seed {seed}, {level}, {threads} threads, {output.name}"
                        )
    return kinds


SUBNORMAL = """
!x = tensor<1x1x!quant.uniform<u8:f32, 1.0:0>>
!y = tensor<1x64x!quant.uniform<u8:f32, 1.1754943508222875E-38:0>>
func.func @main(%x: tensor<1x1xf32> {qd.name = "x"}) -> tensor<1x64xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x1xf32>) -> !x
  %w = "qi.constant"() {value = dense<5.8774717541114375E-39> : tensor<64x1xf32>} : () -> tensor<64x1xf32>
  %b = "qi.constant"() {value = dense<0.0> : tensor<64xf32>} : () -> tensor<64xf32>
  %y = "qi.float_linear"(%q, %w, %b) {low = 0 : i64, high = 255 : i64} : (!x, tensor<64x1xf32>, tensor<64xf32>) -> !y
  %r = "qi.dequantize"(%y) : (!y) -> tensor<1x64xf32>
  return %r : tensor<1x64xf32>
}"""


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_host_does_with_subnormal_numbers_changes_no_bit(threads: int, tmp_path: Path) -> None:
    """6 * 2^-127 is 3 steps of 2^-126: no step where small numbers are flushed to zero, as a host may ask for."""
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(SUBNORMAL)
        integer = module.operation.clone()
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
        emitted = emit(module, ["x86-64"], integer, code_cache())
    emitted.write(tmp_path / "m.dyq", {})
    assert torch.set_flush_denormal(True)
    try:
        with load(tmp_path / "m.dyq", threads=threads, isa="x86-64") as session:
            raw = session.run(None, {"x": np.full((1, 1), 6, np.uint8)}, raw=True)[0]
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(raw, np.full((1, 64), 3, np.uint8))
