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

from dyadic.runtime import notebook
from dyadic.runtime.artifact import ArtifactFile, Verify, open_artifact
from dyadic.runtime.device_array import Given
from dyadic.runtime.errors import ArtifactError, UsageError, printable
from dyadic.runtime.executor import Executor, executor_of, programs_for
from dyadic.runtime.feeds import arrays_of, listed, names_of, numbers_of, results_for, shown
from dyadic.runtime.fixed_batch import as_sets
from dyadic.runtime.interface import check_alike
from dyadic.runtime.program import Program, results_of
from dyadic.runtime.tensor_info import TensorInfo, result_info, tensor_info
from dyadic.runtime.tokens import Results, filled_up, length_of, smallest
from dyadic.runtime.wording import suggesting

Code = Literal["map", "copy"]
MAX_THREADS = 1024
MAX_BATCH = 1 << 20
MOST_SHOWN, LONGEST_REPR = 4, 300  # inputs or outputs, letters
MACS_A_THREAD = 50_000_000  # of one image


@dataclass(frozen=True)
class StepTime:
    """Where the time of a run goes; `layer` is the user's name, '' for the boundary."""

    layer: str
    op: str
    kernel: str
    macs: int
    median_ns: float


@suggesting
def load(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    threads: int | None = None,
    max_batch: int = 1,
    isa: str | None = None,
    variant: str | None = None,
    verify: Verify = "all",
    code: Code = "map",
    complete: bool = False,
) -> "Session":
    """Open, check and map an artifact.

    device: 'cpu', 'cuda', 'cuda:1' (default: the processor, where the artifact has a program for it). threads: native
    threads of a run on the processor (default: see `default_threads`). max_batch: the largest N of `inputs`. isa: force
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
        of_target, ordinal = programs_for(artifact, device)
        programs = _choose(artifact.path, of_target, variant)
        count = default_threads(programs[0]) if threads is None else threads
        return Session(artifact, programs, count, max_batch, isa, verify, code, variant, complete, ordinal)


def _choose(path: str, programs: Sequence[Program], variant: str | None) -> list[Program]:
    """The program of that variant; or the first, with those that are the same for fewer tokens."""
    if variant is None:
        first = programs[0]
        others = [one for one in programs[1:] if length_of(one)] if length_of(first) else []
        for other in others:
            check_alike(first, other)
        return [first, *others]
    for program in programs:
        if program.variant == variant:
            return [program]
    known = ", ".join(f"'{program.variant}'" for program in programs)
    raise UsageError(f"'{path}' has no variant '{variant}'; it has {known}")


def _reopen(
    path: str,
    digest: str,
    device: str,
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
        device=device,
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
    return threads_within(work, len(os.sched_getaffinity(0)))


def threads_within(work: int, processors: int) -> int:
    """The same with so many processors."""
    return max(1, min(processors, work // MACS_A_THREAD, MAX_THREADS))


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
        ordinal: int = 0,
    ) -> None:
        """programs: of one target, the largest first; the others take fewer tokens. ordinal: which of its devices."""
        self.path, self.digest = os.path.abspath(artifact.path), artifact.digest
        self._asked = variant, isa, verify, code, complete
        self._complete = complete
        self.threads, self.max_batch = int(threads), int(max_batch)
        self.program = programs[0]
        self.device = f"{self.program.target}:{ordinal}" if ordinal else self.program.target
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
                opened.append(
                    kind.open(
                        artifact, one, threads=threads, max_batch=max_batch, level=isa, copy=copy, ordinal=ordinal
                    )
                )
        except BaseException:
            _close(opened)
            raise
        self._start(opened)

    def _start(self, executors: Sequence[Executor]) -> None:
        self._executors, self.isa = tuple(executors), executors[-1].level
        self.device_name = executors[-1].device
        self._finalizer = weakref.finalize(self, _close, self._executors)

    def __repr__(self) -> str:
        """One line: what goes in, what comes out, and what runs it."""

        def said(infos: Sequence[TensorInfo]) -> str:
            every = [f"{info.name} {info.dtype} {shown(info.shape)}" for info in infos[:MOST_SHOWN]]
            return ", ".join([*every, *(["..."] if len(infos) > MOST_SHOWN else [])])

        name = os.path.basename(self.path)
        line = f"<Session of '{name}': {said(self.inputs)} -> {said(self.outputs)}; {self._place}>"
        return printable(line) if len(line) <= LONGEST_REPR else f"{printable(line)[: LONGEST_REPR - 4]}...>"

    def _repr_html_(self) -> str:
        """For notebooks: every input and output."""
        kinds = (("input", self.inputs), ("output", self.outputs))
        rows = [(what, info.name, str(info.dtype), shown(info.shape)) for what, infos in kinds for info in infos]
        images = f"up to {self.max_batch:,} images a run" if self.max_batch > 1 else "an image a run"
        said = self._place if self.fixed else f"{self._place}, {images}"
        return notebook.table((os.path.basename(self.path), "name", "type", "shape"), rows, [said])

    @property
    def _place(self) -> str:
        """What runs it, and whether it still does."""
        where = self.device_name or f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{'' if self._finalizer.alive else 'closed, '}{self.isa}, {where}"

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
        return _reopen, (self.path, self.digest, self.device, self.threads, self.max_batch, *self._asked)

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
        if named := [info.name for info in self.inputs if info.name in scalars]:
            raise UsageError(f"inputs are given in their order, or by name to run(None, {{'{named[0]}': x}})")
        if (count := len(self.inputs)) != len(inputs):
            many = "input" if count == 1 else "inputs"
            raise UsageError(f"the network takes {count} {many} ({listed(self.inputs)}), saw {len(inputs)}")
        results = self.run(None, {info.name: x for info, x in zip(self.inputs, inputs, strict=True)}, scalars=scalars)
        return results[0] if len(results) == 1 else results

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Any],
        out: Mapping[str, Any] | Sequence[Any] | None = None,
        raw: bool = False,
        scalars: Mapping[str, int] | None = None,
    ) -> list[np.ndarray]:
        """The named outputs (None: all) for a batch of 1 to max_batch images.

        Feeds are arrays or DLPack tensors. `out` gives arrays to write into, by name or in the order of output_names.
        Of a session on a GPU both may be tensors in its memory (DLPack, `__cuda_array_interface__`), contiguous and of
        the type that the network has; they are read and written there, and what is given back is the tensor itself.
        With `raw`, inputs and outputs are the integers of the network's own tensors, in the user's layout: uint8, or
        int16 where a tensor has 16 bits; parts of an output have scales of their own (`outputs[i].parts`), and no float
        function follows (`outputs[i].last`). `scalars` are the numbers that the network takes besides (`self.scalars`).
        """
        numbers = numbers_of(self.scalars, scalars or {})
        names = names_of(self.outputs, output_names)
        arrays, batch, tokens = self._arrays(feeds, raw)
        given = self._results(names, out, batch, tokens, raw)
        place = smallest(self._programs, tokens)
        program = self._programs[place]
        results = Results(program, self._placed(given, raw), self.batch_first, raw)
        ready = filled_up(program, arrays, tokens)
        self._executors[place].run(ready, results.places, batch, numbers, raw=raw, timed=False)
        results.finish(self._complete)
        return [_theirs(given[name], name, names, out) for name in names]

    def profile(
        self,
        feeds: Mapping[str, Any],
        iterations: int = 30,
        warmup: int = 5,
        scalars: Mapping[str, int] | None = None,
    ) -> list[StepTime]:
        """Median time of every step, with a barrier after each; the first and last entries are the boundary.

        On a GPU, of its own clock between the nodes of a graph, and events are nodes, too: layers of a microsecond seem
        to take longer than they do. What crosses the bus is in the boundary.
        """
        _check_count(iterations, "iterations", 1 << 30)
        arrays, batch, tokens = self._arrays(feeds, False)
        given = self._results([info.name for info in self.outputs], None, batch, tokens, False)
        place = smallest(self._programs, tokens)
        program, run = self._programs[place], self._executors[place].run
        ready, outs = (
            filled_up(program, arrays, tokens),
            Results(program, self._placed(given, False), self.batch_first).places,
        )
        numbers = numbers_of(self.scalars, scalars or {})
        runs = [run(ready, outs, batch, numbers, raw=False, timed=True) for _ in range(warmup + iterations)][warmup:]
        quantize, *medians, dequantize = (statistics.median(times) for times in zip(*runs, strict=True))
        steps = [
            StepTime(step.layer, step.op, step.kernel, step.macs * batch, median)
            for step, median in zip(program.timed_steps, medians, strict=True)
        ]
        return [StepTime("", "quantize", "", 0, quantize), *steps, StepTime("", "dequantize", "", 0, dequantize)]

    def _arrays(self, feeds: Mapping[str, Any], raw: bool) -> tuple[list[Given], int, int]:
        on_device, most = self._executors[-1].on_device, self.max_batch
        return arrays_of(self.inputs, feeds, on_device, raw=raw, max_batch=most, batch_first=self.batch_first)

    def _results(
        self,
        names: list[str],
        out: Mapping[str, Any] | Sequence[Any] | None,
        batch: int,
        tokens: int,
        raw: bool,
    ) -> dict[str, Given]:
        return results_for(
            self.outputs,
            names,
            out,
            self._executors[-1].on_device,
            batch=batch,
            tokens=tokens,
            raw=raw,
            batch_first=self.batch_first,
            complete=self._complete,
        )

    def _placed(self, given: dict[str, Given], raw: bool) -> dict[str, Given]:
        """The user's arrays as a program writes into them."""
        return as_sets(self.outputs, given, raw) if self.fixed and not self.batch_first else given


def _theirs(array: Given, name: str, names: Sequence[str], out: Mapping[str, Any] | Sequence[Any] | None) -> Any:
    """What a user gave to be written into, or an array of ours."""
    if isinstance(array, np.ndarray) or out is None:
        return array
    return out[name] if isinstance(out, Mapping) else out[names.index(name)]


def _close(executors: Sequence[Executor]) -> None:
    for executor in executors:
        executor.close()
