"""Run an artifact: `dyadic.load(path)` gives a session, a session takes numpy arrays and gives numpy arrays.

    session = dyadic.load("model.dyq", threads=4, max_batch=8)
    logits, = session.run(None, {"input": x})

Several Python threads may call one session at the same time, and the interpreter lock is released while the network
runs; where runs leave a state for the next, they take turns.
"""

import os
import statistics
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dyadic.runtime.artifact import ArtifactFile, Verify, open_artifact
from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.executor import Executor, executor_of
from dyadic.runtime.fixed_batch import as_set, as_sets
from dyadic.runtime.program import Program, results_of
from dyadic.runtime.tensor_info import TensorInfo, result_info, tensor_info
from dyadic.runtime.tokens import (
    Results,
    check_count,
    check_padding,
    common_count,
    filled_up,
    length_of,
    smallest,
    steps_of,
)

Code = Literal["map", "copy"]
MAX_THREADS = 1024
MAX_BATCH = 1 << 20
MACS_A_THREAD = 50_000_000  # of one image


@dataclass(frozen=True)
class StepTime:
    """Where the time of a run goes; `layer` is the user's name, '' for the boundary."""

    layer: str
    op: str
    kernel: str
    macs: int
    median_ns: float


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    max_batch: int = 1,
    isa: str | None = None,
    variant: str | None = None,
    verify: Verify = "all",
    code: Code = "map",
    complete: bool = False,
) -> "Session":
    """Open, check and map an artifact.

    threads: native threads of a run (default: see `default_threads`). max_batch: the largest N of `inputs`. isa: force
    a level instead of the best one. variant: of several programs, which one. verify='code' does not hash the weights.
    code='copy' reads the whole file into private memory before it is checked, so that whatever happens to the file
    later changes nothing; else it is mapped, which shares the memory between processes: replace such a file, do not
    write into it. complete=True also computes, in float, a last Softmax or Sigmoid that the artifact was compiled to
    leave out, so that answers are the model's.
    """
    if threads is not None:
        _check_count(threads, "threads", MAX_THREADS)
    _check_count(max_batch, "max_batch", MAX_BATCH)
    if verify not in ("all", "code"):
        raise UsageError(f"verify must be 'all' or 'code', not {verify!r}")
    if code not in ("map", "copy"):
        raise UsageError(f"code must be 'map' or 'copy', not {code!r}")
    with open_artifact(path, verify, copy=code == "copy") as artifact:
        programs = _choose(artifact, variant)
        count = default_threads(programs[0]) if threads is None else threads
        return Session(artifact, programs, count, max_batch, isa, verify, code, variant, complete)


def _choose(artifact: ArtifactFile, variant: str | None) -> list[Program]:
    """The program of that variant; or the first, with those that are the same for fewer tokens."""
    if variant is None:
        first = artifact.program
        others = [one for one in artifact.programs[1:] if one.target == first.target and length_of(one)]
        return [first, *others] if length_of(first) else [first]
    for program in artifact.programs:
        if program.variant == variant:
            return [program]
    known = ", ".join(f"'{program.variant}'" for program in artifact.programs)
    raise UsageError(f"'{artifact.path}' has no variant '{variant}'; it has {known}")


def _reopen(
    path: str,
    digest: str,
    threads: int,
    max_batch: int,
    variant: str | None,
    isa: str | None,
    verify: Verify,
    code: Code,
    complete: bool,
) -> "Session":
    """What a pickled session becomes."""
    session = load(
        path,
        threads=threads,
        max_batch=max_batch,
        isa=isa,
        variant=variant,
        verify=verify,
        code=code,
        complete=complete,
    )
    if session.digest != digest:
        session.close()
        raise ArtifactError(
            f"'{path}' is not the artifact any more that the pickled session was loaded from; load it again"
        )
    return session


def default_threads(program: Program) -> int:
    """As many threads as have work worth sharing."""
    return threads_for(sum(step.macs for step in program.timed_steps))


def threads_for(work: int) -> int:
    """Threads for so many multiply-accumulates an image, no more than the processors this process may use.

    A step of a small network takes a few microseconds, as long as handing it to another thread does.
    """
    return max(1, min(len(os.sched_getaffinity(0)), work // MACS_A_THREAD, MAX_THREADS))


def _check_count(value: object, name: str, most: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not 1 <= value <= most:
        raise UsageError(f"{name} must be a whole number from 1 to {most}, not {value!r}")


class Session:
    """A loaded artifact. Made by `load`; can be used as a context manager.

    A copy (`copy.copy` and `copy.deepcopy` alike) shares the model and has memory of its own. Pickling keeps the path,
    and unpickling loads the file again, which must be the same.

    Arrays are in the model's order. `batch_first`, which may be set at any time, gives [N, ...] also where the model
    has the batch in another dimension; and where it was compiled for the batch that it has (`fixed`), it takes and
    gives N whole sets of arrays, one behind the other.
    """

    def __init__(
        self,
        artifact: ArtifactFile,
        programs: Sequence[Program],
        threads: int,
        max_batch: int,
        isa: str | None,
        verify: Verify,
        code: Code,
        variant: str | None = None,
        complete: bool = False,
    ) -> None:
        """programs: the largest first; the others take fewer tokens."""
        self.path, self.digest = os.path.abspath(artifact.path), artifact.digest
        self._asked = variant, isa, verify, code, complete
        self._complete = complete
        self.threads, self.max_batch = int(threads), int(max_batch)
        self.program = programs[0]
        self._programs = sorted(programs, key=length_of)
        self.made = artifact.made
        self.inputs = tuple(tensor_info(t) for t in self.program.inputs)
        self.batch_first = False
        self.outputs = tuple(result_info(parts) for parts in results_of(self.program.outputs))
        self.scalars = self.program.scalars
        self.fixed = any(info.fixed for info in self.inputs)
        opened: list[Executor] = []
        try:
            for one in self._programs:
                kind, copy = executor_of(one.target), code == "copy"
                opened.append(kind.open(artifact, one, threads=threads, max_batch=max_batch, level=isa, copy=copy))
        except BaseException:
            _close(opened)
            raise
        self._start(opened)

    def _start(self, executors: Sequence[Executor]) -> None:
        self._executors, self.isa = tuple(executors), executors[-1].level
        self._finalizer = weakref.finalize(self, _close, self._executors)

    def __copy__(self) -> "Session":
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._start([executor.copy() for executor in self._executors])
        return other

    def __deepcopy__(self, memo: object) -> "Session":
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._finalizer.alive:
            raise UsageError("the session is closed; load the artifact again")
        if self.program.has_state:
            raise UsageError("this session has state, which a pickle of its path would lose; copy it, or run it here")
        if not os.path.exists(self.path):
            raise UsageError(
                f"this session's file '{self.path}' is not there any more, so that it could not be loaded again from a "
                "pickle; save the artifact and load it from its path"
            )
        return _reopen, (self.path, self.digest, self.threads, self.max_batch, *self._asked)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Make the state zero again that runs leave for the next, where the network has any."""
        for executor in self._executors:
            executor.reset()

    def close(self) -> None:
        """Free the memory and end the native threads; runs in progress in other threads finish first."""
        self._finalizer()

    def __call__(self, *inputs: Any, **scalars: int) -> Any:
        """One array for each input, in order, scalars by name; gives the one output, or a list of them."""
        if len(inputs) != len(self.inputs):
            raise UsageError(f"the network takes {len(self.inputs)} inputs ({_names(self.inputs)}), saw {len(inputs)}")
        results = self.run(None, {info.name: x for info, x in zip(self.inputs, inputs, strict=True)}, scalars=scalars)
        return results[0] if len(results) == 1 else results

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Any],
        out: Mapping[str, np.ndarray] | Sequence[np.ndarray] | None = None,
        raw: bool = False,
        scalars: Mapping[str, int] | None = None,
    ) -> list[np.ndarray]:
        """The named outputs (None: all) for a batch of 1 to max_batch images.

        Feeds are arrays or DLPack tensors. `out` gives arrays to write into, by name or in the order of output_names.
        With `raw`, inputs and outputs are the integers of the network's own tensors, in the user's layout: uint8, or
        int16 where a tensor has 16 bits; parts of an output have scales of their own (`outputs[i].parts`), and no float
        function follows (`outputs[i].last`). `scalars` are the numbers that the network takes besides (`self.scalars`).
        """
        numbers = self._numbers(scalars or {})
        names = self._output_names(output_names)
        arrays, batch, tokens = self._arrays(feeds, raw)
        given = self._results(names, batch, raw, out, tokens)
        place = smallest(self._programs, tokens)
        program = self._programs[place]
        results = Results(program, self._placed(given, raw), self.batch_first, raw)
        ready = filled_up(program, arrays, tokens)
        self._executors[place].run(ready, results.places, batch, numbers, raw=raw, timed=False)
        results.finish(self._complete)
        return [given[name] for name in names]

    def profile(
        self,
        feeds: Mapping[str, Any],
        iterations: int = 30,
        warmup: int = 5,
        scalars: Mapping[str, int] | None = None,
    ) -> list[StepTime]:
        """Median time of every step, with a barrier after each; the first and last entries are the boundary."""
        _check_count(iterations, "iterations", 1 << 30)
        arrays, batch, tokens = self._arrays(feeds, False)
        given = self._results([info.name for info in self.outputs], batch, False, None, tokens)
        place = smallest(self._programs, tokens)
        program, run = self._programs[place], self._executors[place].run
        ready, outs = (
            filled_up(program, arrays, tokens),
            Results(program, self._placed(given, False), self.batch_first).places,
        )
        numbers = self._numbers(scalars or {})
        runs = [run(ready, outs, batch, numbers, raw=False, timed=True) for _ in range(warmup + iterations)][warmup:]
        quantize, *medians, dequantize = (statistics.median(times) for times in zip(*runs, strict=True))
        steps = [
            StepTime(step.layer, step.op, step.kernel, step.macs * batch, median)
            for step, median in zip(program.timed_steps, medians, strict=True)
        ]
        return [StepTime("", "quantize", "", 0, quantize), *steps, StepTime("", "dequantize", "", 0, dequantize)]

    # --- what a run is made of

    def _numbers(self, given: Mapping[str, int]) -> list[int]:
        """The scalars in the program's order."""
        if not given and not self.scalars:
            return []
        known = [scalar.name for scalar in self.scalars]
        if wrong := [name for name in given if name not in known]:
            raise UsageError(f"the network has no scalar '{wrong[0]}'; it has {', '.join(known) or 'none'}")
        numbers = []
        for scalar in self.scalars:
            value = given.get(scalar.name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                saw = "is missing" if value is None else f"is {_kind(value)}"
                raise UsageError(f"scalar '{scalar.name}' {saw}; give a whole number")
            if not scalar.low <= value <= scalar.high:
                raise UsageError(f"scalar '{scalar.name}' is {value}, but must be from {scalar.low} to {scalar.high}")
            numbers.append(int(value))
        return numbers

    def _output_names(self, names: Sequence[str] | None) -> list[str]:
        known = [info.name for info in self.outputs]
        if names is None or (isinstance(names, list) and names == known):
            return known
        if isinstance(names, str):
            raise UsageError(f"output_names must be a list of names, not the text '{names}'")
        for name in names:
            if name not in known:
                raise UsageError(f"the network has no output '{name}'; it has {_names(self.outputs)}")
        return list(names)

    def _arrays(self, feeds: Mapping[str, Any], raw: bool) -> tuple[list[np.ndarray], int, int]:
        """The inputs, the batch, and how many tokens there are (0: there are none)."""
        if not isinstance(feeds, Mapping):
            raise UsageError(f"feeds must map input names to arrays ({_names(self.inputs)}), not {_kind(feeds)}")
        known = [info.name for info in self.inputs]
        if missing := [name for name in known if name not in feeds]:
            raise UsageError(f"input '{missing[0]}' is missing; the network takes {_names(self.inputs)}")
        if extra := [name for name in feeds if name not in known]:
            raise UsageError(f"the network has no input '{extra[0]}'; it takes {_names(self.inputs)}")
        arrays = [self._array(info, feeds[info.name], raw) for info in self.inputs]
        first = arrays[0].shape
        if len(arrays) == 1:
            tokens = self.inputs[0].tokens
            return arrays, first[0], first[tokens] if tokens else 0
        for info, array in zip(self.inputs, arrays, strict=True):
            if array.shape[0] != first[0]:
                raise UsageError(
                    f"input '{info.name}' has a batch of {array.shape[0]}, but '{known[0]}' has {first[0]}; "
                    "they must be the same"
                )
        each = zip(self.inputs, arrays, strict=True)
        return arrays, first[0], common_count({info.name: a.shape[info.tokens] for info, a in each if info.tokens})

    def _array(self, info: TensorInfo, value: Any, raw: bool) -> np.ndarray:
        array = _as_array(info.name, value)
        dtype, limits = info.raw_dtype if raw else info.dtype, info.limits
        if raw and limits is not None:
            limits = (limits[0] + info.zero_point, limits[1] + info.zero_point)
        codes = not raw and dtype.name in ("uint8", "int8") and array.dtype.kind == "f"  # as data keep them
        if limits is not None and (array.dtype.kind in "iub" or array.dtype == dtype or codes):
            array = steps_of(info.name, array, limits, 0 if raw else info.zero_point, info.raw_dtype)
        elif array.dtype != dtype:
            raise UsageError(
                f"input '{info.name}' has dtype {array.dtype}, expected {dtype}"
                + (" (raw=True takes the integers themselves)" if raw else f"; convert it with .astype({str(dtype)!r})")
            )
        if info.fixed and not self.batch_first:
            array = as_set(info, array)
        if info.padding >= 0:
            check_padding(info.name, array, info.padding)
        if info.tokens and array.ndim == len(info.batch_first):
            check_count(info.name, array.shape[info.tokens], int(info.batch_first[info.tokens]))
        elif array.shape[1:] != info.batch_first[1:] or not array.ndim:
            raise UsageError(f"input '{info.name}' has shape {_shape(array.shape)}, expected {_shape(info.shape)}")
        if not 1 <= array.shape[0] <= self.max_batch:
            raise UsageError(
                f"input '{info.name}' has a batch of {array.shape[0]}, this session takes 1 to {self.max_batch}; "
                + ("load it with a larger max_batch" if array.shape[0] else "give it at least one sample")
            )
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)

    def _placed(self, given: dict[str, np.ndarray], raw: bool) -> dict[str, np.ndarray]:
        """The user's arrays as a program writes into them."""
        return as_sets(self.outputs, given, raw) if self.fixed and not self.batch_first else given

    def _results(
        self,
        names: list[str],
        batch: int,
        raw: bool,
        out: Mapping[str, np.ndarray] | Sequence[np.ndarray] | None,
        tokens: int,
    ) -> dict[str, np.ndarray]:
        """An array for every output, the user's where given."""
        given: Mapping[str, np.ndarray]
        if out is None:
            given = {}
        elif isinstance(out, Mapping):
            given = out
        else:
            if isinstance(out, np.ndarray) or len(out) != len(names):
                raise UsageError(f"out must be a list of {len(names)} array(s), one for each output, or a mapping")
            given = dict(zip(names, out, strict=True))
        if unknown := [name for name in given if name not in names]:
            raise UsageError(f"out names '{unknown[0]}', which is not among the outputs asked for ({', '.join(names)})")
        results = {}
        for info in self.outputs:
            dtype = info.raw_dtype if raw else info.dtype
            sizes = info.raw_shape if raw and info.ranks else info.batch_first
            first = [tokens if d and d == info.tokens else n for d, n in enumerate((batch, *sizes[1:]))]
            shape = tuple(first) if self.batch_first or (raw and info.ranks) else info.in_order(first)
            array = given.get(info.name)
            if array is None:
                array = np.empty(shape, dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
            elif not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
                saw = f"{array.dtype} {_shape(array.shape)}" if isinstance(array, np.ndarray) else _kind(array)
                raise UsageError(f"out for '{info.name}' is {saw}, expected {dtype} {_shape(shape)}")
            elif not array.flags.c_contiguous or not array.flags.writeable:
                raise UsageError(f"out for '{info.name}' must be C-contiguous and writeable")
            results[info.name] = array
        return results


def _close(executors: Sequence[Executor]) -> None:
    for executor in executors:
        executor.close()


def _as_array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(
                f"input '{name}' is {_kind(value)} that cannot be read in place ({error}); pass a numpy array"
            ) from error
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"input '{name}' is {_kind(value)}, which is no array; pass a numpy array") from error


def _names(infos: Sequence[TensorInfo]) -> str:
    return ", ".join(f"'{info.name}'" for info in infos)


def _shape(shape: Sequence[str | int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _kind(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
