"""A whole integer network compiled and run at every level of this machine."""

from pathlib import Path

import numpy as np
from support.code_cache import code_cache
from torch_mlir import ir

from dyadic.compiler.targets.cpu.emit import emit
from dyadic.dialects.reference import IntegerReference
from dyadic.passes import PIPELINE
from dyadic.runtime.cpu.levels import LEVELS, usable
from dyadic.runtime.session import load

HERE = [level.name for level in LEVELS if level.name in usable()]


def check(module: ir.Module, samples: np.ndarray, path: Path) -> list[str]:
    """An artifact of `module` gives the bits of its reference: batch 3 and 1, on 1 and 2 threads.

    Returns the ops of the program's steps.
    """
    expected = IntegerReference(module)({"arg0": samples})
    integer = module.operation.clone()
    for one in PIPELINE["lower/cpu"]:
        one.run(module.operation)
        assert module.operation.verify()
    emitted = emit(module, HERE, integer, code_cache())
    emitted.write(path, {})
    for level in HERE:
        for threads in (1, 2):
            with load(path, threads=threads, max_batch=3, isa=level) as session:
                for count in (3, 1):
                    got = session.run(None, {"arg0": samples[:count]})
                    for output, values in zip(session.outputs, got, strict=True):
                        want = expected[output.name][:count]
                        np.testing.assert_array_equal(values, want, f"{level}, {threads} threads, {output.name}")
    return [step.op for step in emitted.program.steps]
