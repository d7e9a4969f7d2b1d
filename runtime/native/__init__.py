"""The native runtime as Python sees it: finds libdyadic.so, keeps it fresh in a working tree, declares its C ABI."""

import ctypes
import os
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_void_p, create_string_buffer
from functools import cache
from pathlib import Path

import numpy as np

from dyadic.runtime.errors import DyadicError, MachineError, ResourceError

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "libdyadic.so"

_Text = ctypes.c_char * 256

# The codes of dyadic.h.
_ERRORS: dict[int, type[DyadicError]] = {7: MachineError, 8: ResourceError}


@cache
def library() -> ctypes.CDLL:
    """The loaded library, with the C interface declared."""
    if (HERE / "model.cpp").exists():
        _refresh()
    elif not LIBRARY.exists():
        raise MachineError(
            f"dyadic's native library is missing from {HERE}; reinstall it: pip install --force-reinstall dyadic"
        )
    try:
        lib = ctypes.CDLL(os.fspath(LIBRARY))
    except OSError as error:
        raise MachineError(
            f"dyadic's native library cannot be loaded here ({error}); rebuild it on this machine: "
            "pip install --no-binary dyadic dyadic"
        ) from error
    _declare(lib)
    return lib


def _refresh() -> None:
    """In a working tree, build the library when it is missing or older than its sources (digests, not times)."""
    from dyadic.runtime.native import native_build

    # Read from the file and not by loading it: a library that is loaded once stays loaded.
    if LIBRARY.exists() and native_build.source_digest().encode() in LIBRARY.read_bytes():
        return
    try:
        native_build.build()
    except RuntimeError as error:
        state = "older than its sources" if LIBRARY.exists() else "not built"
        raise MachineError(f"dyadic's native library is {state}, and building it failed: {error}") from error


def _declare(lib: ctypes.CDLL) -> None:
    text = [c_char_p, c_int64]
    for name, result, arguments in (
        ("dyadic_source_digest", c_char_p, []),
        ("dyadic_cpu_features", c_char_p, []),
        ("dyadic_request_amx", c_int, []),
        ("dyadic_program_open", c_int, [c_int, POINTER(c_int64), c_int64, c_int, POINTER(c_void_p), *text]),
        ("dyadic_program_close", None, [c_void_p]),
        ("dyadic_program_code_is_copied", c_int, [c_void_p]),
        ("dyadic_context_open", c_int, [c_void_p, c_int, c_int64, c_int64, POINTER(c_void_p), *text]),
        ("dyadic_context_close", None, [c_void_p]),
        (
            "dyadic_context_run",
            c_int,
            [c_void_p, POINTER(c_void_p), POINTER(c_void_p), c_int64, c_int, POINTER(c_int64), POINTER(c_int64), *text],
        ),
        ("dyadic_context_state", c_void_p, [c_void_p, POINTER(c_int64)]),
    ):
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments


def _check(code: int, message: ctypes.Array[ctypes.c_char]) -> None:
    if code:
        sentence = message.value.decode(errors="replace")
        raise _ERRORS[code](sentence) if code in _ERRORS else RuntimeError(sentence)


def cpu_features() -> frozenset[str]:
    return frozenset(library().dyadic_cpu_features().decode().split())


def open_model(file: int, program: list[int], copy_code: bool) -> int:
    """A handle; the caller closes it with `library().dyadic_program_close`."""
    message, handle = create_string_buffer(512), c_void_p()
    words = (c_int64 * len(program))(*program)
    _check(
        library().dyadic_program_open(file, words, len(program), copy_code, byref(handle), message, len(message)),
        message,
    )
    assert handle.value is not None
    return handle.value


def open_context(model: int, threads: int, max_batch: int, spin_ns: int) -> int:
    """A handle; the caller closes it with `library().dyadic_context_close`."""
    message, handle = create_string_buffer(512), c_void_p()
    _check(
        library().dyadic_context_open(model, threads, max_batch, spin_ns, byref(handle), message, len(message)), message
    )
    assert handle.value is not None
    return handle.value


def state(context: int) -> bytes:
    """A copy of what runs leave for the next one, of all images."""
    size = c_int64()
    address = library().dyadic_context_state(context, byref(size))
    return ctypes.string_at(address, size.value)


def set_state(context: int, content: bytes) -> None:
    """Put back what `state` gave, of a context of the same model and batch."""
    address = library().dyadic_context_state(context, byref(size := c_int64()))
    assert len(content) == size.value
    ctypes.memmove(address, content, len(content))


def address(array: np.ndarray) -> int:
    """Where its first number lies."""
    return array.__array_interface__["data"][0]


def run(
    context: int,
    inputs: list[int],
    outputs: list[int],
    batch: int,
    raw: bool,
    scalars: Sequence[int],
    steps: int | None,
) -> list[int]:
    """One run on contiguous memory at these addresses; with `steps` (how many there are), the times of
    quantize, of each step, and of dequantize."""
    message = _Text()
    times = None if steps is None else (c_int64 * (steps + 2))()
    code = library().dyadic_context_run(
        context,
        (c_void_p * len(inputs))(*inputs),
        (c_void_p * len(outputs))(*outputs),
        batch,
        raw,
        (c_int64 * len(scalars))(*scalars),
        times,
        message,
        len(message),
    )
    if code:
        _check(code, message)
    return list(times) if times is not None else []
