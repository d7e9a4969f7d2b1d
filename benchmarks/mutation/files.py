"""Give broken models and broken samples to dyadic. `python -m benchmarks.mutation.files --seed 1 --count 20000`

Every file must end in success or in an error that `docs/exit-codes.md` has, within 10 s of processor time and 1 GiB,
and a model that is taken must mean what it means to ONNX Runtime: the prepared float graph is run beside it, on random
inputs. One accepted model of `--compile` is compiled to the end. Each file is tried in a fork of this process.

The same seed gives the same files: `--only 17` tries one again, `--keep FOLDER` writes those that fail.
"""

import argparse
import collections
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.mutation import broken_data, broken_models
from benchmarks.mutation.limited import End, limited

DOCUMENTED = (0, 2, 3, 5, 6, 8)
DISAGREES = 90  # exit codes of work here that dyadic does not use
TOLERANCE = 2e-3  # of the largest number: one sum in another order, and a function of it
DATA_OF = 5  # one file of so many is data
SAMPLES = 3
MOST_INPUT = 1 << 20  # numbers of a sample that is still worth trying

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Fate:
    """What became of one file, of us and, of a model, of ONNX Runtime."""

    number: int
    kind: str
    done: str
    code: int | None
    signal: int | None
    seconds: float
    peak_mb: int
    complaint: str  # empty where all is well
    beside: str = ""
    said: str = ""


def complaint(end: End) -> str:
    if end.signal is not None:
        return f"killed by signal {end.signal} after {end.seconds:.1f} s"
    if end.code == DISAGREES:
        return "disagrees with ONNX Runtime"
    if end.code not in DOCUMENTED:
        return f"exit code {end.code}"
    if not end.in_time:
        return f"took {end.seconds:.1f} s"
    return "" if end.in_memory else f"took {end.peak_bytes >> 20} MiB"


def fate(number: int, kind: str, done: str, end: End, beside: str = "") -> Fate:
    said = end.said.strip()[-4000:]
    peak = end.peak_bytes >> 20
    return Fate(number, kind, done, end.code, end.signal, round(end.seconds, 2), peak, complaint(end), beside, said)


# --- models


def of_onnx_runtime(model: bytes, answers: Path) -> int:
    """Run it on random samples, and on the first alone, and leave both with its outputs in a file; 3 where it refuses
    the model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        feeds = {one.name: _random(one.shape, one.type) for one in session.get_inputs()}
        first = {one.name: _first(feeds[one.name], one.shape) for one in session.get_inputs()}
        runs = [(given, [np.asarray(one) for one in session.run(None, given)]) for given in (feeds, first)]
    except Exception as error:  # it has a class of its own for every reason
        print(f"{type(error).__name__}: {str(error)[:200]}")
        return 3
    answers.write_bytes(pickle.dumps(runs))
    return 0


def _first(sample: npt.NDArray[Any], shape: list[Any]) -> npt.NDArray[Any]:
    """Of several samples the first, where the batch is open; another dimension of the batch's name is as long."""
    batch = None if not shape or isinstance(shape[0], int) else shape[0]
    return (
        sample[tuple(slice(1 if d == 0 or size == batch else None) for d, size in enumerate(shape))]
        if batch
        else sample
    )


def _random(shape: list[Any], kind: str) -> npt.NDArray[Any]:
    sizes = [size if isinstance(size, int) else (SAMPLES if i == 0 else 5) for i, size in enumerate(shape)]
    disorder = np.random.default_rng(7)
    if np.prod(sizes, dtype=float) > MOST_INPUT:
        raise ValueError(f"an input of {sizes}")
    if "float" in kind or "double" in kind:
        types = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
        return disorder.normal(0, 1, sizes).astype(types.get(kind, np.float32))
    names = {"tensor(bool)": "bool", "tensor(string)": "str"}
    return disorder.integers(0, 2, sizes).astype(names.get(kind, kind.removeprefix("tensor(").rstrip(")")))


def of_dyadic(model: Path, answers: Path) -> int:
    """Import and prepare it, and compare what it means with the answers, where there are any."""
    from dyadic.compiler.float_network import float_network
    from dyadic.compiler.job import Job
    from dyadic.compiler.tools import Tools
    from dyadic.dialects import qd

    job = Job(str(model), progress="off")
    module = float_network(job, Tools.of(job))
    if not answers.exists():
        return 0
    several, one = pickle.loads(answers.read_bytes())
    return 0 if agrees(module, *(one if qd.FIXED in module.operation.attributes else several)) else DISAGREES


def agrees(module: Any, feeds: Arrays, wanted: list[npt.NDArray[Any]]) -> bool:
    """Whether the prepared graph gives these outputs, where they are finite; prints where not."""
    from benchmarks.node_tests.backend import meaning
    from dyadic.dialects.reference import boundary_names, main_function

    names, results = boundary_names(main_function(module))
    kinds = {name: np.float32 if feeds[name].dtype.kind == "f" else np.int32 for name in names}
    made = meaning(module, [feeds[name].astype(kind) for name, kind in kinds.items()])
    for name, got, right in zip(results, made, wanted, strict=True):
        if got.shape[:1] == (1,) and right.shape[:1] != (1,):  # it does not depend on the input
            got = np.broadcast_to(got, (len(right), *got.shape[1:]))
        if got.shape != right.shape:
            print(f'the output "{name}" has the shape {list(got.shape)}, ONNX Runtime gives {list(right.shape)}')
            return False
        right, got = right.astype(np.float64), got.astype(np.float64)
        if not right.size or not np.isfinite(right).all():
            continue
        error, largest = np.abs(got - right).max(), max(np.abs(right).max(), 1e-6)
        if not error <= TOLERANCE * largest:
            print(f'the output "{name}" is off by {error:.3g} of {largest:.3g}')
            return False
    return True


def write_samples(path: Path, arrays: Arrays) -> None:
    from dyadic.runtime.array_files import write_npz

    with open(path, "wb") as file:
        write_npz(file, arrays)


def compiled(model: Path, samples: Path, output: Path) -> int:
    from dyadic.compiler.cli.main import main

    return main(["compile", str(model), "--calibration", str(samples), "-o", str(output), "--progress", "off"])


def documented(work: Callable[[], int]) -> int:
    """What the command line makes of an error."""
    from dyadic.runtime.errors import DyadicError, ResourceError

    try:
        return work()
    except DyadicError as error:
        print(f"dyadic: {error}")
        return error.exit_code
    except MemoryError:
        return ResourceError.exit_code


def try_model(number: int, seed: int, folder: Path, compile_one_in: int) -> Fate:
    done, data = broken_models.mutant(seed, number)
    model, answers, samples = folder / "model.onnx", folder / "answers", folder / "samples.npz"
    model.write_bytes(data)
    answers.unlink(missing_ok=True)
    beside = limited(lambda: of_onnx_runtime(data, answers))
    end = limited(lambda: documented(lambda: of_dyadic(model, answers)))
    said = {0: "runs it", 3: "refuses it", None: f"is killed by signal {beside.signal}"}.get(beside.code, "fails")
    if beside.signal is None and not beside.in_memory:
        said = "takes over 1 GiB"
    kind = f"model: {done.split(maxsplit=1)[0]}"
    if end.code == 0 and compile_one_in and number % compile_one_in == 0 and answers.exists():
        feeds = pickle.loads(answers.read_bytes())[0][0]
        write_samples(samples, feeds)
        kind += ", compiled"
        end = limited(lambda: compiled(model, samples, folder / "out.dyq"), seconds=60)
    return fate(number, kind, done, end, said)


# --- data


def original_model(folder: Path) -> Path:
    """A classifier of what `broken_data` samples, and the artifact that is made of it."""
    import onnx

    from dyadic.compiler.driver import compile as compile_model

    path = folder / "classifier.onnx"
    if not path.exists():
        body = "c = Conv(x, w) r = Relu(c) f = Flatten(r) y = Gemm(f, v)"
        proto = broken_models.model(body, "float[N,3,4,4] x", w=[2, 3, 3, 3], v=[8, 3])
        onnx.save(proto, path)
        data = broken_data.original()

        def work() -> int:
            compile_model(str(path), {"x": data["x"]}, progress="off").save(folder / "classifier.dyq")
            return 0

        if (end := limited(work, seconds=120)).code != 0:
            raise RuntimeError(f"the unbroken model is not compiled: {end.said}")
    return path


def try_data(number: int, seed: int, folder: Path, model: Path) -> Fate:
    from dyadic.compiler.cli.main import main

    done, suffix, data = broken_data.mutant(seed, number)
    path, good = folder / f"broken{suffix}", folder / "good.npz"
    path.write_bytes(data)
    write_samples(good, broken_data.original())
    words = {
        0: ["compile", str(model), "--calibration", str(path), "--until", "calibrate", "-o", str(folder / "out.mlir")],
        1: ["compile", str(model), "--calibration", str(good), "--evaluate", str(path), "--until", "calibrate", "-o",
            str(folder / "out.mlir")],
        2: ["run", str(model.with_suffix(".dyq")), "--input", str(path), "--output", str(folder / "y.npz")],
    }[number // DATA_OF % 3]  # fmt: skip
    return fate(number, f"data: {words[0]}", done, limited(lambda: main(words)))


# --- all


def tried(seed: int, numbers: list[int], compile_one_in: int) -> Iterator[Fate]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = original_model(folder)
        for number in numbers:
            if number % DATA_OF == 0:
                yield try_data(number, seed, folder, model)
            else:
                yield try_model(number, seed, folder, compile_one_in)


def preload() -> None:
    """Everything that the work needs, so that forks have it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["DYADIC_CACHE"] = "off"
    import onnxruntime  # noqa: F401
    import torch

    import dyadic.compiler.cli.compile
    import dyadic.compiler.cli.ir_text
    import dyadic.compiler.driver
    import dyadic.compiler.importers.onnx
    import dyadic.runtime.session  # noqa: F401

    torch.set_num_threads(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20_000, metavar="N")
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="this file of the seed, again")
    parser.add_argument("--compile", type=int, default=200, metavar="N", help="compile one in N (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the files that fail")
    parser.add_argument("--output", type=Path, metavar="FILE", help="fates as JSON, a line a file")
    given = parser.parse_args()
    preload()
    fates, started = list[Fate](), time.monotonic()
    for one in tried(given.seed, given.only or list(range(given.count)), given.compile):
        fates.append(one)
        if one.complaint or given.only:
            print(f"seed {given.seed}, file {one.number}, {one.kind}, {one.done}: {one.complaint or one.code}")
            print(one.said[-1500:] if given.only else one.said[-300:], flush=True)
            if given.keep:
                keep(given.keep, given.seed, one)
        if given.output:
            with given.output.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
    print(table(fates))
    failed = sum(bool(one.complaint) for one in fates)
    print(f"seed {given.seed}: {failed} of {len(fates)} failed, in {time.monotonic() - started:.0f} s")
    return int(failed > 0)


def keep(folder: Path, seed: int, one: Fate) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if one.number % DATA_OF == 0:
        _, suffix, data = broken_data.mutant(seed, one.number)
    else:
        suffix, data = ".onnx", broken_models.mutant(seed, one.number)[1]
    (folder / f"{seed}-{one.number}{suffix}").write_bytes(data)


def table(fates: list[Fate]) -> str:
    """How many files of each kind ended how, beside ONNX Runtime, as Markdown."""
    codes = sorted({one.code for one in fates if one.code is not None and not one.complaint})
    rows = collections.defaultdict[str, collections.Counter[str]](collections.Counter)
    for one in fates:
        rows[one.kind]["files"] += 1
        rows[one.kind]["failed" if one.complaint else f"exit {one.code}"] += 1
        if one.beside:
            rows[one.kind][f"ONNX Runtime {one.beside}"] += 1
    theirs = sorted({f"ONNX Runtime {one.beside}" for one in fates if one.beside})
    columns = ["files", *(f"exit {code}" for code in codes), "failed", *theirs]
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for kind in sorted(rows):
        lines.append(f"| {kind} | " + " | ".join(f"{rows[kind][column]}" for column in columns) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
