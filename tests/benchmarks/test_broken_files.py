"""Broken files are the same for the same seed; work under limits says how it ended; broken samples are refused."""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support.meaning import prepared
from support.onnx_models import imported, model, run_onnxruntime

from benchmarks.mutation import broken_data, broken_models
from benchmarks.mutation.files import DISAGREES, agrees, complaint, fate, table
from benchmarks.mutation.limited import limited
from dyadic.compiler.calibrate.data import Input, Samples
from dyadic.runtime.array_files import DAMAGE, read_arrays
from dyadic.runtime.errors import DyadicError


def test_the_seed_makes_the_files() -> None:
    for make in (broken_models.mutant, broken_data.mutant):
        assert [make(1, n) for n in range(20)] == [make(1, n) for n in range(20)]
        assert make(1, 3) != make(2, 3)


def endless() -> int:
    while True:
        time.monotonic()


def large() -> int:
    held = np.ones((1 << 30) + (1 << 20), np.uint8)
    return int(held[-1] == 0)


def greedy() -> int:
    np.ones(1 << 36)
    return 0


def broken() -> int:
    raise KeyError("what")


def killed() -> int:
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: 3, ""),
        (lambda: DISAGREES, "disagrees"),
        (broken, "exit code 1"),
        (greedy, "exit code 1"),  # a MemoryError that nobody catches
        (large, r"took 1\d\d\d MiB"),
        (killed, f"killed by signal {signal.SIGSEGV.value}"),
        (endless, "killed by signal"),
    ],
)
def test_work_is_limited(work: Callable[[], int], said: str) -> None:
    end = limited(work, seconds=0.5 if work is endless else 10)
    assert re.fullmatch(f"{said}.*" if said else "", complaint(end))
    assert work is not broken or "KeyError: 'what'" in end.said


def test_a_wrong_answer_is_seen() -> None:
    proto = model("y = Relu(x)")
    x = np.random.default_rng(0).normal(0, 1, (2, 4, 7, 6)).astype(np.float32)
    module, answers = prepared(imported(proto)), run_onnxruntime(proto, x)
    assert agrees(module, {"x": x}, answers)
    answers[0][0, 0, 0, 0] += 1
    assert not agrees(module, {"x": x}, answers)


def test_fates_are_counted() -> None:
    end = limited(lambda: 3)
    fates = [fate(1, "model: bytes", "bytes", end, "refuses it"), fate(2, "model: bytes", "bytes", limited(broken))]
    assert table(fates).splitlines()[-1] == "| model: bytes | 2 | 1 | 1 | 1 |"


def test_samples(tmp_path: Path) -> None:
    """Whatever a file of samples is, it is read, or refused in one of the documented ways."""
    inputs = [Input("x", (3, 4, 4))]
    for number in range(150):
        done, suffix, data = broken_data.mutant(1, number)
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(data)
        try:
            list(Samples(str(path), inputs, labels=True, classes=3))
        except DyadicError:
            pass
        except Exception as error:
            raise AssertionError(f"file {number}, {done}: {type(error).__name__}: {error}") from error
        with suppress(*DAMAGE, OSError):
            read_arrays(path)
