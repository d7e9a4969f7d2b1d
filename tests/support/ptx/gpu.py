"""A GPU for tests: kernels as PTX text, run on numpy arrays through the CUDA driver API.

The library is the executor of `build.py`; its entry points are those of a driver, called as a runtime would call them.
"""

import ctypes
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Handle = ctypes.c_void_p
U64 = ctypes.c_uint64
U32 = ctypes.c_uint32
SIZE = ctypes.c_size_t
POINTER = ctypes.c_void_p

SIGNATURES: Mapping[str, Sequence[Any]] = {
    "cuInit": [U32],
    "cuDriverGetVersion": [POINTER],
    "cuDeviceGetCount": [POINTER],
    "cuDeviceGet": [POINTER, ctypes.c_int],
    "cuDeviceGetName": [POINTER, ctypes.c_int, ctypes.c_int],
    "cuDeviceTotalMem_v2": [POINTER, ctypes.c_int],
    "cuDeviceGetAttribute": [POINTER, ctypes.c_int, ctypes.c_int],
    "cuDevicePrimaryCtxRetain": [POINTER, ctypes.c_int],
    "cuDevicePrimaryCtxRelease_v2": [ctypes.c_int],
    "cuCtxSetCurrent": [Handle],
    "cuCtxPushCurrent_v2": [Handle],
    "cuCtxPopCurrent_v2": [POINTER],
    "cuModuleLoadData": [POINTER, ctypes.c_char_p],
    "cuModuleLoadDataEx": [POINTER, ctypes.c_char_p, U32, POINTER, POINTER],
    "cuModuleUnload": [Handle],
    "cuModuleGetFunction": [POINTER, Handle, ctypes.c_char_p],
    "cuFuncSetAttribute": [Handle, ctypes.c_int, ctypes.c_int],
    "cuLaunchKernel": [Handle, *[U32] * 7, Handle, POINTER, POINTER],
    "cuMemGetInfo_v2": [POINTER, POINTER],
    "cuMemAlloc_v2": [POINTER, SIZE],
    "cuMemFree_v2": [U64],
    "cuMemHostAlloc": [POINTER, SIZE, U32],
    "cuMemFreeHost": [POINTER],
    "cuMemcpyHtoDAsync_v2": [U64, POINTER, SIZE, Handle],
    "cuMemcpyDtoHAsync_v2": [POINTER, U64, SIZE, Handle],
    "cuMemcpyDtoDAsync_v2": [U64, U64, SIZE, Handle],
    "cuMemsetD8Async": [U64, ctypes.c_ubyte, SIZE, Handle],
    "cuPointerGetAttribute": [POINTER, ctypes.c_int, U64],
    "cuStreamCreate": [POINTER, U32],
    "cuStreamDestroy_v2": [Handle],
    "cuStreamSynchronize": [Handle],
    "cuStreamWaitEvent": [Handle, Handle, U32],
    "cuStreamBeginCapture_v2": [Handle, ctypes.c_int],
    "cuStreamEndCapture": [Handle, POINTER],
    "cuGraphInstantiateWithFlags": [POINTER, Handle, U64],
    "cuGraphLaunch": [Handle, Handle],
    "cuGraphDestroy": [Handle],
    "cuGraphExecDestroy": [Handle],
    "cuEventCreate": [POINTER, U32],
    "cuEventDestroy_v2": [Handle],
    "cuEventRecord": [Handle, Handle],
    "cuEventSynchronize": [Handle],
    "cuEventElapsedTime": [POINTER, Handle, Handle],
}

MOST_DYNAMIC_SHARED_BYTES = 8  # CUfunction_attribute


class DriverError(Exception):
    """A call failed; `result` is its CUresult, the text what the executor says about it."""

    def __init__(self, function: str, result: int, said: str) -> None:
        super().__init__(f"{function} gave {result}: {said}")
        self.function, self.result, self.said = function, result, said


@dataclass(frozen=True)
class Counters:
    """What one launch did. Bank conflicts are `shared_wavefronts - shared_ideal`, scattered accesses
    `global_sectors - global_ideal`; a wavefront has 128 bytes, a sector 32."""

    kernel: str
    blocks: int
    threads: int  # of a block
    instructions: int  # of warps
    mma: int
    dp4a: int
    barriers: int
    divergent_branches: int
    shared_wavefronts: int
    shared_ideal: int
    global_sectors: int
    global_ideal: int
    bytes_read: int
    bytes_written: int


@dataclass(frozen=True)
class Out:
    """An array that a kernel may write; what it wrote is there afterwards. It is given the place of a byte of it."""

    array: np.ndarray
    start: int = 0


@dataclass(frozen=True)
class In:
    """An array that a kernel reads. It is given the place of a byte of it."""

    array: np.ndarray
    start: int = 0


class Gpu:
    """One device, one stream. Every failing call raises DriverError."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        for name, arguments in SIGNATURES.items():
            function = getattr(self.library, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
        for name in ("executor_said", "executor_log"):
            getattr(self.library, name).restype = ctypes.c_char_p
        self.library.executor_operands.argtypes = [ctypes.c_int, POINTER]
        self.library.executor_operands.restype = self.library.executor_reset.restype = None

    def start(self) -> None:
        """Initialize, and forget what went wrong before, as a new process would; this thread uses the first device."""
        self.library.executor_reset()
        self.call("cuInit", 0)
        self.call("cuCtxSetCurrent", self.made("cuDevicePrimaryCtxRetain", 0))

    def call(self, function: str, *arguments: Any) -> None:
        result = getattr(self.library, function)(*arguments)
        if result:
            raise DriverError(function, result, self.library.executor_said().decode())

    def made(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        """The handle that a call writes to its first argument."""
        handle = Handle()
        self.call(function, ctypes.byref(handle), *arguments)
        return handle

    def number(self, function: str, *arguments: Any) -> int:
        value = ctypes.c_int()
        self.call(function, ctypes.byref(value), *arguments)
        return value.value

    @contextmanager
    def module(self, ptx: str) -> Iterator[ctypes.c_void_p]:
        module = self.made("cuModuleLoadData", ptx.encode())
        try:
            yield module
        finally:
            self.call("cuModuleUnload", module)

    def function(self, module: ctypes.c_void_p, kernel: str, shared_bytes: int = 0) -> ctypes.c_void_p:
        function = self.made("cuModuleGetFunction", module, kernel.encode())
        if shared_bytes > 48 << 10:
            self.call("cuFuncSetAttribute", function, MOST_DYNAMIC_SHARED_BYTES, shared_bytes)
        return function

    def allocate(self, size: int) -> int:
        pointer = U64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), size)
        return pointer.value

    def upload(self, pointer: int, array: np.ndarray, stream: ctypes.c_void_p | None = None) -> None:
        assert array.flags.c_contiguous
        self.call("cuMemcpyHtoDAsync_v2", pointer, array.ctypes.data, array.nbytes, stream)

    def download(self, array: np.ndarray, pointer: int, stream: ctypes.c_void_p | None = None) -> None:
        assert array.flags.c_contiguous
        self.call("cuMemcpyDtoHAsync_v2", array.ctypes.data, pointer, array.nbytes, stream)

    def launch(
        self, function: ctypes.c_void_p, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any],
        shared_bytes: int = 0, stream: ctypes.c_void_p | None = None,
    ) -> None:  # fmt: skip
        """Arguments are ctypes values, each as wide as its parameter."""
        pointers = (POINTER * len(arguments))(*(ctypes.addressof(one) for one in arguments))
        sizes = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
        self.call("cuLaunchKernel", function, *sizes, shared_bytes, stream, pointers, None)

    def live(self) -> int:
        """How many modules, streams, events, graphs and pieces of page-locked memory there are."""
        return self.library.executor_live()

    def confine(self, ranges: Sequence[tuple[int, int, bool]]) -> None:
        """All that the next launch may touch: address, bytes, whether it may write."""
        flat = [number for one in ranges for number in one]
        self.library.executor_operands(len(ranges), (U64 * len(flat))(*map(int, flat)))

    def log(self) -> list[Counters]:
        """Of every launch since the last call."""
        return [Counters(**json.loads(line)) for line in self.library.executor_log().decode().splitlines()]

    def run(
        self, ptx: str, kernel: str, grid: Sequence[int], block: Sequence[int],
        arguments: Sequence[np.ndarray | In | Out | int], shared_bytes: int = 0,
    ) -> Counters:  # fmt: skip
        """Run a kernel once. Arrays become device memory of their own, and the kernel may touch nothing else; integers
        are 32-bit parameters. A fault raises DriverError, and the device is as new afterwards."""
        self.start()
        pointers: list[int] = []
        values, ranges, results = [], [], []
        try:
            for one in arguments:
                if isinstance(one, int):
                    values.append(ctypes.c_int32(one))
                    continue
                if isinstance(one, np.ndarray):
                    one = In(one)
                array = one.array
                pointers.append(self.allocate(array.nbytes))
                self.upload(pointers[-1], array)
                values.append(U64(pointers[-1] + one.start))
                ranges.append((pointers[-1], array.nbytes, isinstance(one, Out)))
                if isinstance(one, Out):
                    results.append((one.array, pointers[-1]))
            with self.module(ptx) as module:
                self.confine(ranges)
                self.launch(self.function(module, kernel, shared_bytes), grid, block, values, shared_bytes)
                self.call("cuStreamSynchronize", None)
            for array, pointer in results:
                self.download(array, pointer)
            self.call("cuStreamSynchronize", None)
            return self.log()[-1]
        except DriverError:
            self.library.executor_reset()
            raise
        finally:
            for pointer in pointers:
                self.call("cuMemFree_v2", pointer)
