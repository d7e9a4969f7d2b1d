"""Mutated ONNX files end in an answer or in one of the documented errors, soon.

The nightly run tries many: `pytest -m slow tests/compiler/importers/test_onnx_mutants.py`. A failure names its seed and
number; `support.onnx_mutants.mutants(seed, number + 1)` yields it last.
"""

import time

import pytest
from support.onnx_mutants import check, mutants, originals

from dyadic.runtime.errors import DyadicError

MOST_SECONDS = 10


def complaints(seed: int, count: int) -> list[str]:
    """Whatever ended in another way than the documented ones."""
    found = []
    for called, data in mutants(seed, count):
        start = time.monotonic()
        try:
            check(data)
        except DyadicError:
            pass
        except Exception as error:
            found.append(f"{called}: {type(error).__name__}: {str(error)[:200]}")
        if time.monotonic() - start > MOST_SECONDS:
            found.append(f"{called}: took {time.monotonic() - start:.0f} s")
    return found


def test_originals_compile() -> None:
    for proto in originals():
        check(proto.SerializeToString())


def test_mutants() -> None:
    assert complaints(seed=1, count=250) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 10))
def test_many_mutants(seed: int) -> None:
    assert complaints(seed, count=1000) == []
