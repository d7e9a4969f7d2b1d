"""The native library as a host without Python uses it: dyadic.h by ctypes, in the words of a session."""

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import POINTER, Structure, byref, c_char_p, c_float, c_int32, c_int64, c_void_p, cast, sizeof
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.runtime import native
from dyadic.runtime.errors import ArtifactError, DyadicError, FileError, MachineError, ResourceError, UsageError

ERRORS: dict[int, type[DyadicError]] = {
    kind.exit_code: kind for kind in (UsageError, ArtifactError, FileError, MachineError, ResourceError)
}
RAW, CODE_ONLY, COPY, COMPLETE = 1, 1, 2, 4


class Error(Structure):
    _fields_ = [("code", c_int32), ("message", ctypes.c_char * 1020)]


class Options(Structure):
    _fields_ = [("size", c_int64), ("max_batch", c_int64), ("threads", c_int32), ("flags", c_int32), ("isa", c_char_p),
                ("variant", c_char_p)]  # fmt: skip


class RunOptions(Structure):
    _fields_ = [("size", c_int64), ("batch", c_int64), ("tokens", c_int64), ("flags", c_int32),
                ("scalar_count", c_int32), ("scalars", POINTER(c_int64))]  # fmt: skip


class Tensor(Structure):
    _fields_ = [("size", c_int64), ("name", c_char_p), ("type", c_int32), ("rank", c_int32),
                ("shape", POINTER(c_int64)), ("raw_type", c_int32), ("raw_rank", c_int32),
                ("raw_shape", POINTER(c_int64)), ("scale", c_float), ("zero_point", c_int32), ("parts", c_int32),
                ("token_axis", c_int32), ("has_limits", c_int32), ("low", c_int64), ("high", c_int64),
                ("padding", c_int64), ("last", c_char_p), ("last_left_out", c_int32)]  # fmt: skip


class Memory(Structure):
    _fields_ = [("data", c_void_p), ("bytes", c_int64)]


def function(name: str, result: Any, *arguments: Any) -> Any:
    made = getattr(native.library(), name)
    made.restype, made.argtypes = result, arguments
    return made


def check(code: int, error: Error) -> None:
    assert code == error.code
    if code:
        sentence = error.message.decode()
        assert sentence and "\n" not in sentence
        raise ERRORS[code](sentence) if code in ERRORS else RuntimeError(sentence)


def tensors(model: c_void_p, kind: str) -> list[Tensor]:
    made = []
    for i in range(function(f"dyadic_{kind}_count", c_int32, c_void_p)(model)):
        tensor, error = Tensor(sizeof(Tensor)), Error()
        call = function(f"dyadic_{kind}", c_int32, c_void_p, c_int32, POINTER(Tensor), POINTER(Error))
        check(call(model, i, byref(tensor), byref(error)), error)
        made.append(tensor)
    return made


class Host:
    """A loaded model. Raises what a session would."""

    def __init__(self, path: str | Path, *, threads: int = 0, max_batch: int = 0, flags: int = 0,
                 isa: str | None = None, variant: str | None = None) -> None:  # fmt: skip
        texts = [None if text is None else text.encode() for text in (isa, variant)]
        options = Options(sizeof(Options), max_batch, threads, flags, *texts)
        self.model, error = c_void_p(), Error()
        load = function("dyadic_load", c_int32, c_char_p, POINTER(Options), POINTER(c_void_p), POINTER(Error))
        check(load(str(path).encode(), byref(options), byref(self.model), byref(error)), error)
        self.inputs, self.outputs = tensors(self.model, "input"), tensors(self.model, "output")
        self.level: str = function("dyadic_level", c_char_p, c_void_p)(self.model).decode()
        self.threads: int = function("dyadic_threads", c_int32, c_void_p)(self.model)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        function("dyadic_close", None, c_void_p)(self.model)

    def run(
        self, feeds: Mapping[str, np.ndarray], shapes: Sequence[tuple[tuple[int, ...], Any]], *, batch: int = 0,
        tokens: int = 0, raw: bool = False, scalars: Sequence[int] = (),
    ) -> list[np.ndarray]:  # fmt: skip
        """Outputs of these shapes and types; feeds are as the model has them."""
        given = [np.ascontiguousarray(feeds[tensor.name.decode()]) for tensor in self.inputs]
        made = [np.empty(shape, dtype) for shape, dtype in shapes]
        numbers = (c_int64 * max(1, len(scalars)))(*scalars)
        how = RunOptions(sizeof(RunOptions), batch, tokens, RAW * raw, len(scalars), numbers)
        error = Error()
        places = [
            (Memory * len(arrays))(*[Memory(native.address(a), a.nbytes) for a in arrays]) for arrays in (given, made)
        ]
        memory = POINTER(Memory)
        run = function("dyadic_run", c_int32, c_void_p, POINTER(RunOptions), memory, c_int32, memory, c_int32,
                       POINTER(Error))  # fmt: skip
        check(
            run(self.model, byref(how), places[0], len(given), cast(places[1], memory), len(made), byref(error)), error
        )
        return made

    def reset(self) -> None:
        error = Error()
        check(function("dyadic_reset", c_int32, c_void_p, POINTER(Error))(self.model, byref(error)), error)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape[: tensor.rank])


def name_of(type: int) -> str:
    return function("dyadic_type_name", c_char_p, c_int32)(type).decode()


def random_feeds(session: Any, batch: int, tokens: int, raw: bool, dice: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays that a session takes, the batch first: of its limits, or of twice its range."""
    feeds = {}
    for info in session.inputs:
        sizes = [batch, *(int(n) for n in info.batch_first[1:])]
        if info.tokens:
            sizes[info.tokens] = tokens
        dtype = info.raw_dtype if raw else info.dtype
        if info.limits is not None:
            low, high = (n + raw * info.zero_point for n in info.limits)
            low += low < high and info.padding == low  # padding stands at the end alone
            feeds[info.name] = dice.integers(low, high + 1, sizes).astype(dtype)
        elif dtype == np.float32:
            feeds[info.name] = (dice.normal(0, 100 * info.scale, sizes)).astype(np.float32)
        else:
            limits = np.iinfo(dtype)
            feeds[info.name] = dice.integers(limits.min, limits.max + 1, sizes).astype(dtype)
    return feeds


def same_bits(session: Any, host: Host, batch: int, tokens: int, raw: bool, seed: int = 0) -> None:
    """Raises AssertionError unless both make the same of random inputs. The session is `batch_first` where fixed."""
    feeds = random_feeds(session, batch, tokens, raw, np.random.default_rng(seed))
    session.batch_first = session.fixed
    expected = session.run(None, feeds, raw=raw)
    got = host.run(feeds, [(y.shape, y.dtype) for y in expected], batch=batch, tokens=tokens, raw=raw)
    for info, one, other in zip(session.outputs, expected, got, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=f"{session.path} {info.name} raw={raw} batch={batch}")
