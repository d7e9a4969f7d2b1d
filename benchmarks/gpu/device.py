"""A GPU under measurement, through the runtime's own driver: kernels are loaded, launched, captured, timed."""

import ctypes
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.gpu.records import CUBIN, PTX
from dyadic.runtime.cuda.device import Device, acquire
from dyadic.runtime.cuda.driver import CODE_REFUSED, MOST_DYNAMIC_SHARED_BYTES, NON_BLOCKING, RELAXED, CudaError

UNASKED_SHARED_BYTES = 48 << 10
# CUdevice_attribute
NUMBERS = {"processors": 16, "clock_khz": 13, "memory_clock_khz": 36, "bus_bits": 37, "l2_bytes": 38}
REPEATS_VARIABLE = "GPU_REPEATS"  # how `run --repeats` tells its children
REPEATS = int(os.environ.get(REPEATS_VARIABLE, "30"))
QUICK = REPEATS < 5  # nothing is meant to be measured: work is small, too
Put = Callable[[int], object]  # puts work into a stream


class Bench:
    """One device, current in this thread from now on, and a stream. What is made of it lasts as long as the process."""

    def __init__(self) -> None:
        self.device: Device = acquire(0)
        self.driver = self.device.driver
        self.driver.call("cuCtxPushCurrent_v2", self.device.context)
        self.stream = self.driver.made("cuStreamCreate", NON_BLOCKING)
        self.events = [self.driver.made("cuEventCreate", 0) for _ in range(2)]

    def said(self) -> dict[str, Any]:
        """What the driver says of it."""
        found: dict[str, Any] = {
            "name": self.device.model, "architecture": self.device.architecture, "driver": self.driver.version,
            "shared_bytes": self.device.most_shared_bytes,
        }  # fmt: skip
        for name, which in NUMBERS.items():
            try:
                found[name] = self.driver.number("cuDeviceGetAttribute", which, self.device.handle)
            except CudaError:
                found[name] = None
        unused, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.driver.call("cuMemGetInfo_v2", ctypes.byref(unused), ctypes.byref(total))
        return found | {"memory_bytes": total.value}

    # --- code

    def module(self, kinds: Mapping[str, bytes]) -> tuple[int, str]:
        """Code loaded, and its kind: the cubin, or PTX where that is refused."""
        for kind in (CUBIN, PTX):
            if kind not in kinds:
                continue
            image = kinds[kind] + b"\0"
            try:
                return self.driver.made("cuModuleLoadDataEx", image, 0, None, None), kind
            except CudaError as error:
                if error.result not in CODE_REFUSED or kind == PTX or PTX not in kinds:
                    raise
        raise ValueError("no code")

    def function(self, module: int, kernel: str, shared_bytes: int = 0) -> int:
        function = self.driver.made("cuModuleGetFunction", module, kernel.encode())
        if shared_bytes > UNASKED_SHARED_BYTES:
            self.driver.call("cuFuncSetAttribute", function, MOST_DYNAMIC_SHARED_BYTES, shared_bytes)
        return function

    def launch(
        self, function: int, grid: Sequence[int], block: Sequence[int], shared_bytes: int, arguments: Sequence[Any],
        stream: int | None = None,
    ) -> None:  # fmt: skip
        """Arguments are ctypes values."""
        table = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(one) for one in arguments))
        sizes = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
        self.driver.call("cuLaunchKernel", function, *sizes, shared_bytes, stream or self.stream, table, None)

    # --- memory

    def allocate(self, size: int) -> int:
        return self.device.allocate(size, "what is measured")

    def free(self, *places: int) -> None:
        for place in places:
            self.driver.call("cuMemFree_v2", place)

    def upload(self, content: bytes | np.ndarray, room: int = 0) -> int:
        """A new place with that content, and `room` zeros behind it."""
        data = np.frombuffer(content, np.uint8) if isinstance(content, bytes) else content
        place = self.allocate(data.nbytes + room)
        if room:
            self.driver.call("cuMemsetD8Async", place + data.nbytes, 0, room, self.stream)
        self.write(place, data)
        return place

    def write(self, place: int, data: np.ndarray) -> None:
        if data.nbytes:
            self.driver.call("cuMemcpyHtoDAsync_v2", place, data.ctypes.data, data.nbytes, self.stream)
        self.wait()

    def download(self, place: int, size: int) -> np.ndarray:
        """Bytes."""
        array = np.empty(size, np.uint8)
        if size:
            self.driver.call("cuMemcpyDtoHAsync_v2", array.ctypes.data, place, size, self.stream)
        self.wait()
        return array

    def wait(self) -> None:
        self.driver.call("cuStreamSynchronize", self.stream)

    # --- time

    def graph(self, put: Put) -> int:
        """What `put` puts into the stream, as an executable graph."""
        made = ctypes.c_void_p()
        self.driver.call("cuStreamBeginCapture_v2", self.stream, RELAXED)
        try:
            put(self.stream)
        finally:
            self.driver.call("cuStreamEndCapture", self.stream, ctypes.byref(made))
        try:
            return self.driver.made("cuGraphInstantiateWithFlags", made, 0)
        finally:
            self.driver.drop("cuGraphDestroy", made)

    def times(self, start: Callable[[], object], repeats: int = REPEATS, warm: int = 3) -> list[float]:
        """Milliseconds on the device of each of so many starts of work in the stream."""
        for _ in range(0 if QUICK else warm):
            start()
        self.wait()
        took, before_after = [], self.events
        for _ in range(min(repeats, REPEATS)):
            self.driver.call("cuEventRecord", before_after[0], self.stream)
            start()
            self.driver.call("cuEventRecord", before_after[1], self.stream)
            self.wait()
            ms = ctypes.c_float()
            self.driver.call("cuEventElapsedTime", ctypes.byref(ms), *before_after)
            took.append(ms.value)
        return took

    def replayed(self, put: Put, inside: int = 1, repeats: int = REPEATS) -> list[float]:
        """Milliseconds of what `put` puts into a stream, from replays of a graph that has it `inside` times."""
        inside = min(inside, REPEATS)
        graph = self.graph(lambda stream: [put(stream) for _ in range(inside)])
        try:
            took = self.times(lambda: self.driver.call("cuGraphLaunch", graph, self.stream), repeats)
        finally:
            self.driver.drop("cuGraphExecDestroy", graph)
        return [each / inside for each in took]


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, least and most, in the unit given.

    >>> spread([3.0, 1.0, 2.0])["median"]
    2.0
    """
    low, median, high = statistics.quantiles(times, n=4) if len(times) > 1 else [times[0]] * 3
    found = {"median": median, "low": low, "high": high, "least": min(times), "most": max(times)}
    return {name: float(f"{value:.6g}") for name, value in found.items()} | {"runs": len(times)}
