"""Broken ONNX files end in an answer or in one of the documented errors, soon.

The nightly run tries many, under limits of time and memory and beside ONNX Runtime: `benchmarks/mutation/files.py`. A
failure names its seed and number, which make the file again.
"""

import time

from support.meaning import prepared
from support.onnx_models import imported

from benchmarks.mutation.broken_models import mutant, originals
from dyadic.runtime.errors import DyadicError

MOST_SECONDS = 10


def complaints(seed: int, count: int) -> list[str]:
    """Whatever ended in another way than the documented ones."""
    found = []
    for number in range(count):
        done, data = mutant(seed, number)
        called, start = f"seed {seed}, file {number}: {done}", time.process_time()
        try:
            prepared(imported(data))
        except DyadicError:
            pass
        except Exception as error:
            found.append(f"{called}: {type(error).__name__}: {str(error)[:200]}")
        if time.process_time() - start > MOST_SECONDS:
            found.append(f"{called}: took {time.process_time() - start:.0f} s")
    return found


def test_originals_compile() -> None:
    for number, proto in enumerate(originals()[:8]):
        try:
            prepared(imported(proto.SerializeToString()))
        except DyadicError as error:
            raise AssertionError(f"model {number}: {error}") from None


def test_mutants() -> None:
    assert complaints(seed=1, count=200) == []
