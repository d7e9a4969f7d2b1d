"""The artifact equals the integer reference bit for bit: random graphs, every level, several threads and batches."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from random_graphs import integer_module
from torch_mlir import ir

from dyadic.compiler.emit import emit
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference
from dyadic.passes import PIPELINE
from dyadic.runtime.session import load
from dyadic.runtime.targets import LEVELS, usable

WITH_KERNELS = [level.name for level in LEVELS if level.weight_bits]
HERE = [name for name in WITH_KERNELS if name in usable()]
SEEDS = [3, 5, 9, 13, 16, 17, 24, 27, 33, 41]
MIXED = [13, 15, 18, 27, 46, 53]  # between them, every op in nearly every mixture of widths, narrowed accumulators too


def test_every_level_with_kernels_runs_here() -> None:
    missing = sorted(set(WITH_KERNELS) - set(HERE))
    if missing:
        warnings.warn(f"NOT TESTED on this machine: ISA levels {', '.join(missing)}", stacklevel=1)
        pytest.skip(f"this machine cannot run {', '.join(missing)}")


@pytest.mark.parametrize(("seed", "mixed"), [*((s, False) for s in SEEDS), *((s, True) for s in MIXED)])
def test_random_graphs(seed: int, mixed: bool, tmp_path: Path) -> None:
    """Batch 3 and 1 on 1, 2 and 4 threads; the second sample lies far outside what was calibrated.

    Graphs of 8 bits, and of mixtures of 4, 8 and 16.
    """
    with new_context(), ir.Location.unknown():
        module, samples = integer_module(seed, layers=12, mixed=mixed)
        expected = IntegerReference(module)({"arg0": samples})
        integer = module.operation.clone()
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
            module.operation.verify()
        emitted = emit(module, HERE, integer)
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
