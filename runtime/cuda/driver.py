"""The CUDA driver's own interface: libcuda.so.1, which comes with NVIDIA's driver, or what DYADIC_LIBCUDA names.

Thin: functions with their arguments' types, and what a failure means in a sentence. Handles and addresses are
integers, 0 is none. The interpreter lock is released during every call. Names and numbers are those of NVIDIA's "CUDA
Driver API".
"""

import ctypes
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from dyadic.runtime.errors import MachineError, ResourceError

LIBRARY = "libcuda.so.1"

INT, UINT, BYTE = ctypes.c_int, ctypes.c_uint, ctypes.c_ubyte
SIZE, ADDRESS, POINTER, TEXT = ctypes.c_size_t, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_char_p

# The newest of them came with CUDA 11.4.
SIGNATURES: Mapping[str, Sequence[Any]] = {
    "cuInit": [UINT],
    "cuDriverGetVersion": [POINTER],
    "cuGetErrorName": [INT, POINTER],
    "cuGetErrorString": [INT, POINTER],
    "cuDeviceGetCount": [POINTER],
    "cuDeviceGet": [POINTER, INT],
    "cuDeviceGetName": [POINTER, INT, INT],
    "cuDeviceGetAttribute": [POINTER, INT, INT],
    "cuDevicePrimaryCtxRetain": [POINTER, INT],
    "cuDevicePrimaryCtxRelease_v2": [INT],
    "cuCtxPushCurrent_v2": [POINTER],
    "cuCtxPopCurrent_v2": [POINTER],
    "cuModuleLoadDataEx": [POINTER, POINTER, UINT, POINTER, POINTER],
    "cuModuleUnload": [POINTER],
    "cuModuleGetFunction": [POINTER, POINTER, TEXT],
    "cuFuncSetAttribute": [POINTER, INT, INT],
    "cuLaunchKernel": [POINTER, *[UINT] * 7, POINTER, POINTER, POINTER],
    "cuMemGetInfo_v2": [POINTER, POINTER],
    "cuMemAlloc_v2": [POINTER, SIZE],
    "cuMemFree_v2": [ADDRESS],
    "cuMemHostAlloc": [POINTER, SIZE, UINT],
    "cuMemFreeHost": [POINTER],
    "cuMemcpyHtoDAsync_v2": [ADDRESS, POINTER, SIZE, POINTER],
    "cuMemcpyDtoHAsync_v2": [POINTER, ADDRESS, SIZE, POINTER],
    "cuMemsetD8Async": [ADDRESS, BYTE, SIZE, POINTER],
    "cuPointerGetAttribute": [POINTER, INT, ADDRESS],
    "cuStreamCreate": [POINTER, UINT],
    "cuStreamDestroy_v2": [POINTER],
    "cuStreamSynchronize": [POINTER],
    "cuStreamWaitEvent": [POINTER, POINTER, UINT],
    "cuStreamBeginCapture_v2": [POINTER, INT],
    "cuStreamEndCapture": [POINTER, POINTER],
    "cuGraphInstantiateWithFlags": [POINTER, POINTER, ctypes.c_ulonglong],
    "cuGraphLaunch": [POINTER, POINTER],
    "cuGraphDestroy": [POINTER],
    "cuGraphExecDestroy": [POINTER],
    "cuEventCreate": [POINTER, UINT],
    "cuEventDestroy_v2": [POINTER],
    "cuEventRecord": [POINTER, POINTER],
    "cuEventRecordWithFlags": [POINTER, POINTER, UINT],
    "cuEventElapsedTime": [POINTER, POINTER, POINTER],
}

# CUresult
OUT_OF_MEMORY, NOT_INITIALIZED, DEINITIALIZED, STUB_LIBRARY = 2, 3, 4, 34
NO_DEVICE, INVALID_IMAGE, NO_BINARY_FOR_GPU, INVALID_PTX, UNSUPPORTED_PTX_VERSION = 100, 200, 209, 218, 222
JIT_COMPILER_NOT_FOUND, JIT_COMPILATION_DISABLED, SYSTEM_DRIVER_MISMATCH = 221, 223, 803
CODE_REFUSED = frozenset(
    (INVALID_IMAGE, NO_BINARY_FOR_GPU, INVALID_PTX, UNSUPPORTED_PTX_VERSION, JIT_COMPILER_NOT_FOUND,
     JIT_COMPILATION_DISABLED)
)  # fmt: skip
# a device of this process is lost: uncorrectable memory, illegal address, timeout, assertion, hardware's stack,
# instruction, alignment, address space, program counter, launch
LOST = frozenset((214, 700, 702, 710, 714, 715, 716, 717, 718, 719))
# CUdevice_attribute, CUfunction_attribute, CUpointer_attribute, CUevent_flags, CUevent_record_flags, CUstream_flags,
# CUstreamCaptureMode, CUjit_option
CAPABILITY_MAJOR, CAPABILITY_MINOR, MOST_SHARED_BYTES = 75, 76, 97
MOST_DYNAMIC_SHARED_BYTES = 8
DEVICE_ORDINAL = 9
NO_TIMING = 2  # of an event
A_NODE = 1  # of a record while a graph is captured: the event is reached when the graph is run
NON_BLOCKING = 1  # of a stream: it does not wait for what others put into the default stream
RELAXED = 2  # of a capture: whatever another thread, or a finalizer, does meanwhile
ERROR_LOG, ERROR_LOG_BYTES = 5, 6

SENTENCES = {
    NOT_INITIALIZED: "CUDA was not started in this process; it cannot be used in the child of a fork: start processes "
    "anew (multiprocessing's 'spawn')",
    DEINITIALIZED: "CUDA is shutting down with this process",
    STUB_LIBRARY: "the CUDA library found is a stub for linking; install NVIDIA's driver",
    NO_DEVICE: "there is no GPU that CUDA can use",
    SYSTEM_DRIVER_MISMATCH: "NVIDIA's library and kernel module differ in version; restart the machine after an update",
    INVALID_IMAGE: "the code is damaged",
    NO_BINARY_FOR_GPU: "the code is for another GPU",
    INVALID_PTX: "the code is for another GPU, or damaged",
    UNSUPPORTED_PTX_VERSION: "the code is newer than NVIDIA's driver; update the driver",
    JIT_COMPILER_NOT_FOUND: "NVIDIA's driver lacks the compiler for PTX (libnvidia-ptxjitcompiler)",
    JIT_COMPILATION_DISABLED: "compiling PTX is switched off (CUDA_DISABLE_PTX_JIT)",
}


class CudaError(MachineError):
    """The driver refused. `result` is its CUresult."""

    def __init__(self, sentence: str, result: int) -> None:
        super().__init__(sentence)
        self.result = result


class Driver:
    """The functions of one library. `call` raises CudaError, or ResourceError where memory is short."""

    def __init__(self, path: str) -> None:
        how = " (DYADIC_LIBCUDA names it)" if os.environ.get("DYADIC_LIBCUDA") else ""
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            raise MachineError(
                f"this machine has no CUDA: the library '{path}'{how} cannot be loaded ({error}); install NVIDIA's "
                "driver, or use the processor (device 'cpu'), where the artifact has a program for it"
            ) from None
        if not hasattr(library, "cuInit"):
            raise MachineError(f"the library '{path}'{how} is not CUDA's: it has no cuInit; name libcuda.so.1")
        self.functions = {}
        for name, arguments in SIGNATURES.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                raise MachineError(
                    f"the CUDA library '{path}' has no {name}: NVIDIA's driver is older than CUDA 11.4; update it"
                ) from None
            function.argtypes, function.restype = arguments, INT
            self.functions[name] = function

    def call(self, function: str, *arguments: object) -> None:
        """Raises CudaError or ResourceError with what the driver says."""
        result = self.functions[function](*arguments)
        if result:
            raise self.failure(function, result)

    def made(self, function: str, *arguments: object) -> int:
        """The handle or address that a call writes to its first argument."""
        handle = POINTER()
        self.call(function, ctypes.byref(handle), *arguments)
        return handle.value or 0

    def number(self, function: str, *arguments: object) -> int:
        """The int that a call writes to its first argument."""
        value = INT()
        self.call(function, ctypes.byref(value), *arguments)
        return value.value

    def drop(self, function: str, *arguments: object) -> bool:
        """Give something back, or say that it failed, as it may where something has failed before."""
        return self.functions[function](*arguments) == 0

    def text(self, function: str, result: int) -> str:
        found = TEXT()
        self.functions[function](result, ctypes.byref(found))
        return (found.value or b"").decode(errors="replace")

    def failure(self, function: str, result: int) -> CudaError | ResourceError:
        """What a result of a function means."""
        name = self.text("cuGetErrorName", result) or f"CUDA error {result}"
        said = self.text("cuGetErrorString", result)
        detail = f"{name}: {said}" if said and said != name else name
        if result == OUT_OF_MEMORY:
            return ResourceError(f"the GPU has no memory left ({function}: {detail})")
        if result in LOST:
            return CudaError(
                f"a kernel failed on the GPU, which this process cannot use any more: start it again ({detail})", result
            )
        sentence = SENTENCES.get(result, f"the CUDA driver refuses {function}")
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if result == NO_DEVICE and visible is not None:
            detail += f"; CUDA_VISIBLE_DEVICES is '{visible}'"
        return CudaError(f"{sentence} ({detail})", result)

    @property
    def version(self) -> str:
        """The newest CUDA that the driver knows, as in '13.0'."""
        number = self.number("cuDriverGetVersion")
        return f"{number // 1000}.{number % 1000 // 10}"


@cache
def _opened(path: str) -> Driver:
    return Driver(path)


def driver() -> Driver:
    """The driver of this machine, initialized. Raises MachineError."""
    found = _opened(os.environ.get("DYADIC_LIBCUDA") or LIBRARY)
    found.call("cuInit", 0)
    return found
