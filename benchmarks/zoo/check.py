"""One network through a whole compile, and what its artifact answers: a record of it, as JSON.

Held against the integer reference bit for bit at every level that this machine runs, against itself in batches, and
against ONNX Runtime's float answers to inputs that calibration has not seen.
"""

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from benchmarks.encoders.compiled import decibels
from benchmarks.zoo.samples import Feeds, samples_of
from dyadic.compiler.driver import build_artifact
from dyadic.compiler.job import Job
from dyadic.compiler.options import Precision
from dyadic.compiler.tools import Tools
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.cpu.levels import PORTABLE, usable
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.last_function import computed
from dyadic.runtime.session import Session
from dyadic.runtime.tensor_info import TensorInfo

Array = npt.NDArray[Any]
Record = dict[str, Any]

CALIBRATION, OTHERS = 16, 4
NUMBERS = 16384  # at least as many are calibrated with, where samples are small
BATCH = 2  # of the others, beside batches of 1
SMALL_BYTES = 10 << 20  # larger files get code for the ends of what this machine runs alone, to save time


def checked(
    path: Path,
    precision: Precision = "int8",
    shape: dict[str, list[int]] | None = None,
    constant: dict[str, float] | None = None,
) -> Record:
    """What became of an ONNX file: `taken` and what was measured, or `why` not. constant: of inputs, their numbers.

    Raises whatever a fault of the compiler raises: who runs it in a process of its own sees the traceback.
    """
    others = samples_of(path, OTHERS, 1, shape, constant)
    count = max(CALIBRATION, NUMBERS // max(each.size for each in others[0].values()))
    calibration = samples_of(path, count, 0, shape, constant)
    float_bytes = path.stat().st_size
    levels = usable() if float_bytes < SMALL_BYTES else (usable()[0], PORTABLE)
    start = time.monotonic()
    job = Job(
        path,
        calibration,
        isa=levels,
        shape=shape,
        constant=constant,
        precision=precision,
        measure=False,
        progress="off",
    )
    try:
        compiled = build_artifact(job, Tools.of(job))
    except DyadicError as error:
        return {"taken": False, "why": str(error)}
    seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    built = compiled.built
    reference = IntegerReference(built.integer)
    exact: list[Array] = []
    faults, got, infos = [], [], ()
    for level in levels:
        with built.load(threads=1, max_batch=BATCH, isa=level) as session:
            session.batch_first = True
            together, alone = answers(session, others[:BATCH], BATCH), answers(session, others, 1)
            infos = session.outputs
            exact = exact or [*reference(joined(session.inputs, others[:BATCH])).values()]
        ends = [computed(one.last, x) if one.last.name else x for one, x in zip(infos, exact, strict=True)]
        wrong = [np.mean(a != b) for a, b in zip(together, ends, strict=True)]
        if max(wrong) > 0:
            faults.append(f"{max(wrong):.2%} of the numbers at {level} are not the reference's")
        if any((a != b[:BATCH]).any() for a, b in zip(together, alone, strict=True)):
            faults.append(f"batches of 1 and {BATCH} differ at {level}")
        got = alone
    wanted = floats(path, others, infos)
    pairs = [(made.astype(float), real.astype(float)) for made, real in zip(got, wanted, strict=True)]
    whole = min(within(decibels(real, made - real)) for made, real in pairs)
    between = min(within(decibels(real - real.mean(0), made - real)) for made, real in pairs)
    return {
        "taken": not faults,
        "why": "; ".join(faults),
        "levels": len(levels),
        "seconds": round(seconds, 1),
        "peak_mib": round(peak),
        "sqnr_db": round(whole, 1),
        "between_db": round(between, 1),
        "bytes": built.file_bytes(),
        "float_bytes": float_bytes,
        "stages": {name: round(each, 1) for name, each in compiled.artifact.report.seconds.items()},
    }


def joined(inputs: Sequence[TensorInfo], feeds: list[Feeds]) -> Feeds:
    """One batch of several samples [N, ...]."""
    return {info.name: np.concatenate([first(info, one[info.name]) for one in feeds]) for info in inputs}


def first(info: TensorInfo, array: Array) -> Array:
    """[1, ...]: the user's array of one sample, with the batch in front."""
    return array[None] if info.fixed == "none" else np.moveaxis(array, info.batch_axis, 0)


def answers(session: Session, feeds: list[Feeds], batch: int) -> list[Array]:
    """Every output [N, ...], of batches of `batch`."""
    parts = [session.run(None, joined(session.inputs, feeds[i : i + batch])) for i in range(0, len(feeds), batch)]
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def floats(path: Path, feeds: list[Feeds], infos: Sequence[TensorInfo]) -> list[Array]:
    """ONNX Runtime's answers [N, ...]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    made = [session.run(None, one) for one in feeds]
    return [np.concatenate([first(info, np.asarray(one[i])) for one in made]) for i, info in enumerate(infos)]


def within(decibels: float) -> float:
    """At most 99 either way, which JSON can say."""
    return float(np.clip(decibels, -99, 99))
