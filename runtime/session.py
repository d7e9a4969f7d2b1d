"""Run an artifact: `dyadic.load(path)` gives a session, a session takes numpy arrays and gives numpy arrays.

    session = dyadic.load("model.dyq", threads=4, max_batch=8)
    logits, = session.run(None, {"input": x})

Several Python threads may call one session at the same time: each takes a context (arena and native threads) from the
session's pool, and the interpreter lock is released while the network runs.
"""

import os
import statistics
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dyadic.runtime import native, targets
from dyadic.runtime.artifact import ArtifactFile, Verify, open_artifact
from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.program import Input, Output, Program, integers_of, pack

Code = Literal["map", "copy"]
MAX_THREADS = 1024
MACS_A_THREAD = 50_000_000  # of one image
SPIN_US = 200  # how long an idle native thread looks for work before it sleeps; DYADIC_SPIN_US


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the user knows it. Integers of `raw` runs have `raw_dtype` and stand for
    scale * (q - zero_point)."""

    name: str
    shape: tuple[str | int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int
    raw_dtype: np.dtype[Any]


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
    verify: Verify = "all",
    code: Code = "map",
) -> "Session":
    """Open, check and map an artifact.

    threads: native threads of a run (default: see `default_threads`). max_batch: the largest N of
    `inputs`. isa: force a level instead of the best one. verify='code' does not hash the weights. code='copy' reads the
    whole file into private memory before it is checked, so that whatever happens to the file later changes nothing;
    else it is mapped, which shares the memory between processes: replace such a file, do not write into it.
    """
    if threads is not None:
        _check_count(threads, "threads", MAX_THREADS)
    _check_count(max_batch, "max_batch", 1 << 20)
    if verify not in ("all", "code"):
        raise UsageError(f"verify must be 'all' or 'code', not {verify!r}")
    if code not in ("map", "copy"):
        raise UsageError(f"code must be 'map' or 'copy', not {code!r}")
    with open_artifact(path, verify, copy=code == "copy") as artifact:
        count = default_threads(artifact.program) if threads is None else threads
        return Session(artifact, count, max_batch, isa, verify, code)


def _reopen(
    path: str, digest: str, threads: int, max_batch: int, isa: str | None, verify: Verify, code: Code
) -> "Session":
    """What a pickled session becomes."""
    session = load(path, threads=threads, max_batch=max_batch, isa=isa, verify=verify, code=code)
    if session.digest != digest:
        session.close()
        raise ArtifactError(
            f"'{path}' is not the artifact any more that the pickled session was loaded from; load it again"
        )
    return session


def default_threads(program: Program) -> int:
    """As many threads as have work worth sharing."""
    return threads_for(sum(step.macs for step in program.steps))


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
    """

    def __init__(
        self, artifact: ArtifactFile, threads: int, max_batch: int, isa: str | None, verify: Verify, code: Code
    ) -> None:
        self.path, self.digest = os.path.abspath(artifact.path), artifact.digest
        self._asked = isa, verify, code
        self.isa = targets.choose(artifact.levels, isa)
        self.threads, self.max_batch = int(threads), int(max_batch)
        self.program = artifact.program
        self.made = artifact.made
        self.inputs = tuple(_info(t) for t in self.program.inputs)
        self.outputs = tuple(_info(t) for t in self.program.outputs)
        self._spin_ns = _spin_ns(self.threads)
        targets.prepare(self.isa)
        image = artifact.sections[f"code/{self.isa}"]
        words = pack(
            self.program,
            {symbol: entry.offset for symbol, entry in artifact.entries[self.isa].items()},
            file_bytes=artifact.bytes,
            code=(image.offset, image.length),
            weights=artifact.sections["weights"].offset,
            params=artifact.sections["params"].offset,
        )
        self._start(_Model(native.open_model(artifact.file, words, code == "copy")))

    def _start(self, model: "_Model") -> None:
        self._handles = _Handles(model)
        self._finalizer = weakref.finalize(self, self._handles.close)
        # The first context now: a session that was loaded has its memory.
        self._handles.give_back(self._take_context())

    def __copy__(self) -> "Session":
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._start(self._handles.open_model())
        return other

    def __deepcopy__(self, memo: object) -> "Session":
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        self._handles.open_model()
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

    def close(self) -> None:
        """Free the memory and end the native threads; runs in progress in other threads finish first."""
        self._finalizer()

    def __call__(self, *inputs: Any) -> Any:
        """One array for each input, in order; gives the one output, or a list of them."""
        if len(inputs) != len(self.inputs):
            raise UsageError(f"the network takes {len(self.inputs)} inputs ({_names(self.inputs)}), saw {len(inputs)}")
        results = self.run(None, {info.name: x for info, x in zip(self.inputs, inputs, strict=True)})
        return results[0] if len(results) == 1 else results

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Any],
        out: Mapping[str, np.ndarray] | Sequence[np.ndarray] | None = None,
        raw: bool = False,
    ) -> list[np.ndarray]:
        """The named outputs (None: all) for a batch of 1 to max_batch images.

        Feeds are arrays or DLPack tensors. `out` gives arrays to write into, by name or in the order of output_names.
        With `raw`, inputs and outputs are the integers of the network's own tensors, in the user's layout: uint8, or
        int16 where a tensor has 16 bits.
        """
        names = self._output_names(output_names)
        arrays, batch = self._arrays(feeds, raw)
        results = self._results(names, batch, raw, out)
        self._run(arrays, [results[info.name] for info in self.outputs], batch, raw)
        return [results[name] for name in names]

    def profile(self, feeds: Mapping[str, Any], iterations: int = 30, warmup: int = 5) -> list[StepTime]:
        """Median time of every step, with a barrier after each; the first and last entries are the boundary."""
        _check_count(iterations, "iterations", 1 << 30)
        arrays, batch = self._arrays(feeds, False)
        results = self._results([info.name for info in self.outputs], batch, False, None)
        outs = list(results.values())
        runs = [self._run(arrays, outs, batch, False, timed=True) for _ in range(warmup + iterations)][warmup:]
        quantize, *medians, dequantize = (statistics.median(times) for times in zip(*runs, strict=True))
        steps = [
            StepTime(step.layer, step.op, step.kernel, step.macs * batch, median)
            for step, median in zip(self.program.steps, medians, strict=True)
        ]
        return [StepTime("", "quantize", "", 0, quantize), *steps, StepTime("", "dequantize", "", 0, dequantize)]

    # --- what a run is made of

    def _run(
        self, arrays: list[np.ndarray], results: list[np.ndarray], batch: int, raw: bool, timed: bool = False
    ) -> list[int]:
        context = self._take_context()
        try:
            return native.run(
                context,
                [a.ctypes.data for a in arrays],
                [a.ctypes.data for a in results],
                batch,
                raw,
                len(self.program.steps) if timed else None,
            )
        finally:
            self._handles.give_back(context)

    def _take_context(self) -> int:
        return self._handles.take(self.threads, self.max_batch, self._spin_ns)

    def _output_names(self, names: Sequence[str] | None) -> list[str]:
        known = [info.name for info in self.outputs]
        if names is None:
            return known
        if isinstance(names, str):
            raise UsageError(f"output_names must be a list of names, not the text '{names}'")
        for name in names:
            if name not in known:
                raise UsageError(f"the network has no output '{name}'; it has {_names(self.outputs)}")
        return list(names)

    def _arrays(self, feeds: Mapping[str, Any], raw: bool) -> tuple[list[np.ndarray], int]:
        if not isinstance(feeds, Mapping):
            raise UsageError(f"feeds must map input names to arrays ({_names(self.inputs)}), not {_kind(feeds)}")
        known = [info.name for info in self.inputs]
        if missing := [name for name in known if name not in feeds]:
            raise UsageError(f"input '{missing[0]}' is missing; the network takes {_names(self.inputs)}")
        if extra := [name for name in feeds if name not in known]:
            raise UsageError(f"the network has no input '{extra[0]}'; it takes {_names(self.inputs)}")
        arrays = [self._array(info, feeds[info.name], raw) for info in self.inputs]
        batch = arrays[0].shape[0]
        for info, array in zip(self.inputs, arrays, strict=True):
            if array.shape[0] != batch:
                raise UsageError(
                    f"input '{info.name}' has a batch of {array.shape[0]}, but '{known[0]}' has {batch}; "
                    "they must be the same"
                )
        return arrays, batch

    def _array(self, info: TensorInfo, value: Any, raw: bool) -> np.ndarray:
        array = _as_array(info.name, value)
        dtype = info.raw_dtype if raw else info.dtype
        if array.dtype != dtype:
            raise UsageError(
                f"input '{info.name}' has dtype {array.dtype}, expected {dtype}"
                + (" (raw=True takes the integers themselves)" if raw else f"; convert it with .astype({str(dtype)!r})")
            )
        if array.ndim != len(info.shape) or array.shape[1:] != info.shape[1:]:
            raise UsageError(f"input '{info.name}' has shape {_shape(array.shape)}, expected {_shape(info.shape)}")
        if not 1 <= array.shape[0] <= self.max_batch:
            raise UsageError(
                f"input '{info.name}' has a batch of {array.shape[0]}, this session takes 1 to {self.max_batch}; "
                "load it with a larger max_batch"
            )
        return np.ascontiguousarray(array)

    def _results(
        self,
        names: list[str],
        batch: int,
        raw: bool,
        out: Mapping[str, np.ndarray] | Sequence[np.ndarray] | None,
    ) -> dict[str, np.ndarray]:
        """An array for every output, the user's where given."""
        given: Mapping[str, np.ndarray] = {}
        if isinstance(out, Mapping):
            given = out
        elif out is not None:
            if isinstance(out, np.ndarray) or len(out) != len(names):
                raise UsageError(f"out must be a list of {len(names)} array(s), one for each output, or a mapping")
            given = dict(zip(names, out, strict=True))
        if unknown := [name for name in given if name not in names]:
            raise UsageError(f"out names '{unknown[0]}', which is not among the outputs asked for ({', '.join(names)})")
        results = {}
        for info in self.outputs:
            dtype = info.raw_dtype if raw else info.dtype
            shape = (batch, *info.shape[1:])
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


class _Model:
    """The native model, which is closed by the last session that uses it."""

    def __init__(self, handle: int) -> None:
        self.handle, self.users = handle, 0


class _Handles:
    """A session's native handles: the model, and the contexts that are not running.

    Apart from the session, so that the session's finalizer can hold it."""

    def __init__(self, model: _Model) -> None:
        self.model: _Model | None = model
        self.idle: list[int] = []
        with _LOCK:
            model.users += 1

    def open_model(self) -> _Model:
        if self.model is None:
            raise UsageError("the session is closed; load the artifact again")
        return self.model

    def take(self, threads: int, max_batch: int, spin_ns: int) -> int:
        """An idle context, or a new one."""
        with _LOCK:
            model = self.open_model()
            return self.idle.pop() if self.idle else native.open_context(model.handle, threads, max_batch, spin_ns)

    def give_back(self, context: int) -> None:
        with _LOCK:
            if self.model is not None:
                self.idle.append(context)
                return
        native.library().dyadic_context_close(context)

    def close(self) -> None:
        with _LOCK:
            model, self.model = self.model, None
            idle, self.idle = self.idle, []
            if model is not None:
                model.users -= 1
        for context in idle:
            native.library().dyadic_context_close(context)
        if model is not None and model.users == 0:
            native.library().dyadic_model_close(model.handle)


# Guards the lists of contexts; held over a fork, so that the child never inherits it in other hands.
# Reentrant, since the finalizer of a forgotten session may run in a thread that holds it.
_LOCK = threading.RLock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def _info(t: Input | Output) -> TensorInfo:
    dtype = np.dtype(t.dtype) if isinstance(t, Input) else np.dtype(np.float32)
    return TensorInfo(t.name, t.shape, dtype, t.scale, t.zero_point, integers_of(t))


def _spin_ns(threads: int) -> int:
    text = os.environ.get("DYADIC_SPIN_US")
    if text is None:
        # With more threads than processors, spinning takes the processor from the thread that is waited for.
        return SPIN_US * 1000 if threads <= len(os.sched_getaffinity(0)) else 0
    if not text.isdecimal() or int(text) > 1_000_000:
        raise UsageError(f"the environment variable DYADIC_SPIN_US must be 0 to 1000000 microseconds, not '{text}'")
    return int(text) * 1000


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
