"""The executor as a driver: what a runtime meets when all is well, and in every kind of trouble."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.ptx.gpu import DriverError, Gpu

OUT_OF_MEMORY, NOT_INITIALIZED, NO_DEVICE, INVALID_DEVICE = 2, 3, 100, 101
NO_BINARY, INVALID_PTX, UNSUPPORTED_VERSION, NOT_FOUND, NOT_READY, ADDRESS = 209, 218, 222, 500, 600, 700
ARCHITECTURE_MAJOR, ARCHITECTURE_MINOR, MOST_SHARED = 75, 76, 97  # CUdevice_attribute

DOUBLE = """
.version {version}
.target {target}
.address_size 64
.extern .shared .align 16 .b8 unused[];
.visible .entry double(.param .u64 data) {{
    .reg .b32 %r<3>;
    .reg .b64 %d<3>;
    ld.param.u64 %d0, [data];
    mov.u32 %r0, %tid.x;
    mul.wide.u32 %d1, %r0, 4;
    add.s64 %d1, %d0, %d1;
    ld.global.u32 %r1, [%d1];
    add.u32 %r1, %r1, %r1;
    st.global.u32 [%d1], %r1;
    ret;
}}
"""
GOOD = DOUBLE.format(version="7.8", target="sm_80")


@pytest.fixture
def device(gpu: Gpu) -> Iterator[Gpu]:
    gpu.start()
    yield gpu
    gpu.start()


@contextmanager
def failing(result: int, complaint: str = "gave") -> Iterator[None]:
    with pytest.raises(DriverError, match=complaint) as caught:
        yield
    assert caught.value.result == result


def test_a_device_says_what_it_is(device: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_SM", "89")
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "2")
    assert device.number("cuDeviceGetCount") == 2
    assert device.number("cuDeviceGet", 1) == 1
    with failing(INVALID_DEVICE):
        device.number("cuDeviceGet", 2)
    major, minor, shared = (
        device.number("cuDeviceGetAttribute", a, 0) for a in (ARCHITECTURE_MAJOR, ARCHITECTURE_MINOR, MOST_SHARED)
    )
    assert (major, minor, shared) == (8, 9, 99 << 10)
    name = ctypes.create_string_buffer(64)
    device.call("cuDeviceGetName", name, 64, 0)
    assert name.value == b"PTX executor as sm_89"
    assert device.number("cuDriverGetVersion") == 13000


def test_nothing_works_before_it_is_initialized(gpu: Gpu) -> None:
    gpu.library.executor_reset()
    with failing(NOT_INITIALIZED):
        gpu.allocate(64)
    gpu.start()


def test_a_machine_may_have_no_device(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "0")
    with failing(NO_DEVICE):
        gpu.start()


def test_work_is_done_when_somebody_waits(device: Gpu) -> None:
    """Host code that reads too early sees old bytes, every time."""
    data, seen = np.arange(32, dtype=np.uint32), np.zeros(32, np.uint32)
    pointer = device.allocate(128)
    stream = device.made("cuStreamCreate", 0)
    with device.module(GOOD) as module:
        device.upload(pointer, data, stream)
        data[:] = 7  # pageable memory has been read by now
        device.launch(device.function(module, "double"), (1,), (32,), [ctypes.c_uint64(pointer)], stream=stream)
        device.download(seen, pointer, stream)
        assert not seen.any()
        device.call("cuStreamSynchronize", stream)
        np.testing.assert_array_equal(seen, 2 * np.arange(32))
    device.call("cuStreamDestroy_v2", stream)
    device.call("cuMemFree_v2", pointer)


def test_pinned_memory_is_read_when_the_copy_is_made(device: Gpu) -> None:
    host, pointer, seen = ctypes.c_void_p(), device.allocate(4), np.zeros(1, np.uint32)
    device.call("cuMemHostAlloc", ctypes.byref(host), 4, 0)
    assert host.value is not None
    number = ctypes.c_uint32.from_address(host.value)
    number.value = 1
    device.call("cuMemcpyHtoDAsync_v2", pointer, host, 4, None)
    number.value = 2
    device.download(seen, pointer)
    device.call("cuStreamSynchronize", None)
    assert seen[0] == 2
    device.call("cuMemFreeHost", host)
    device.call("cuMemFree_v2", pointer)


def test_a_graph_replays_what_was_captured(device: Gpu) -> None:
    pointer, seen = device.allocate(128), np.zeros(32, np.uint32)
    stream = device.made("cuStreamCreate", 0)
    with device.module(GOOD) as module:
        device.upload(pointer, np.arange(32, dtype=np.uint32), stream)
        device.call("cuStreamBeginCapture_v2", stream, 2)
        device.confine([(pointer, 128, True)])
        device.launch(device.function(module, "double"), (1,), (32,), [ctypes.c_uint64(pointer)], stream=stream)
        with failing(900):
            device.call("cuStreamSynchronize", stream)
        graph = ctypes.c_void_p()
        device.call("cuStreamEndCapture", stream, ctypes.byref(graph))
        executable = device.made("cuGraphInstantiateWithFlags", graph, 0)
        device.call("cuGraphDestroy", graph)
        for _ in range(3):
            device.call("cuGraphLaunch", executable, stream)
        device.download(seen, pointer, stream)
        device.call("cuStreamSynchronize", stream)
        np.testing.assert_array_equal(seen, 8 * np.arange(32))
        assert [one.kernel for one in device.log()] == ["double"] * 3
        device.call("cuGraphExecDestroy", executable)
    device.call("cuStreamDestroy_v2", stream)
    device.call("cuMemFree_v2", pointer)


def test_events_are_reached_with_the_work_before_them(device: Gpu) -> None:
    first, second = (device.made("cuEventCreate", 0) for _ in range(2))
    pointer, ms = device.allocate(64), ctypes.c_float(-1)
    device.call("cuEventRecord", first, None)
    device.call("cuMemsetD8Async", pointer, 1, 64, None)
    device.call("cuEventRecord", second, None)
    with failing(NOT_READY):
        device.call("cuEventElapsedTime", ctypes.byref(ms), first, second)
    device.call("cuEventSynchronize", second)
    device.call("cuEventElapsedTime", ctypes.byref(ms), first, second)
    assert ms.value >= 0
    for event in (first, second):
        device.call("cuEventDestroy_v2", event)
    device.call("cuMemFree_v2", pointer)


@pytest.mark.parametrize(
    ("version", "target", "device_sm", "driver", "result", "complaint"),
    [
        ("7.8", "sm_80", "75", "13000", INVALID_PTX, "PTX for sm_80 on a device of sm_75"),
        ("8.0", "sm_90a", "100", "13000", INVALID_PTX, "PTX for sm_90 on a device of sm_100"),
        ("8.0", "sm_80", "80", "11080", UNSUPPORTED_VERSION, "PTX 8.0 with a driver of CUDA 11.8"),
        ("8.7", "sm_80", "80", "12070", UNSUPPORTED_VERSION, "PTX 8.7 with a driver of CUDA 12.7"),
        ("8.7", "sm_80", "80", "12080", None, ""),
        ("7.8", "sm_80", "120", "11080", None, ""),
        ("8.0", "sm_90a", "90", "12000", None, ""),
    ],
)
def test_code_is_for_a_device_and_a_driver(
    device: Gpu, monkeypatch: pytest.MonkeyPatch, version: str, target: str, device_sm: str, driver: str,
    result: int | None, complaint: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("PTX_EXECUTOR_SM", device_sm)
    monkeypatch.setenv("PTX_EXECUTOR_DRIVER", driver)
    text = DOUBLE.format(version=version, target=target)
    if result is None:
        with device.module(text):
            return
    with failing(result, complaint), device.module(text):
        pass


def test_cubins_are_not_for_it(device: Gpu) -> None:
    with failing(NO_BINARY, "no cubins"):
        device.made("cuModuleLoadData", b"\x7fELF" + bytes(64))


def test_a_kernel_may_not_be_there(device: Gpu) -> None:
    with device.module(GOOD) as module, failing(NOT_FOUND, "the module has no kernel triple"):
        device.function(module, "triple")


def test_more_shared_memory_has_to_be_asked_for(device: Gpu) -> None:
    pointer = device.allocate(128)
    argument = [ctypes.c_uint64(pointer)]
    with device.module(GOOD) as module:
        function = device.function(module, "double")
        with failing(1, "50000 bytes of shared memory, where 49152 were asked for"):
            device.launch(function, (1,), (32,), argument, 50000)
        device.launch(device.function(module, "double", 50000), (1,), (32,), argument, 50000)
        with failing(1):
            device.function(module, "double", 300000)
        device.call("cuMemsetD8Async", pointer, 0, 128, None)
        device.call("cuStreamSynchronize", None)
    device.call("cuMemFree_v2", pointer)


def test_memory_ends(device: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ctypes.c_size_t(), ctypes.c_size_t()
    device.call("cuMemGetInfo_v2", *map(ctypes.byref, sizes))
    monkeypatch.setenv("PTX_EXECUTOR_MEMORY", str(sizes[1].value - sizes[0].value + 1000))
    pointer = device.allocate(600)
    with failing(OUT_OF_MEMORY):
        device.allocate(600)
    device.call("cuMemFree_v2", pointer)
    device.call("cuMemFree_v2", device.allocate(600))


def test_a_kernels_fault_is_sticky(device: Gpu) -> None:
    with device.module(GOOD) as module:
        device.launch(device.function(module, "double"), (1,), (32,), [ctypes.c_uint64(4096)])
        for _ in range(2):
            with failing(ADDRESS, "outside of every allocation"):
                device.call("cuStreamSynchronize", None)
        with failing(ADDRESS):
            device.allocate(64)
        device.start()
        device.call("cuMemFree_v2", device.allocate(64))


def test_any_call_can_be_made_to_fail(device: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_FAIL", "cuMemAlloc_v2:2:2,cuStreamCreate:1:999")
    pointer = device.allocate(64)
    with failing(OUT_OF_MEMORY):
        device.allocate(64)
    with failing(999):
        device.made("cuStreamCreate", 0)
    device.call("cuMemFree_v2", pointer)
    device.call("cuMemFree_v2", device.allocate(64))


def test_it_is_a_libcuda_by_name(gpu: Gpu) -> None:
    """A process that opens libcuda.so.1 by name, as runtimes do, gets it."""
    library = Path(gpu.library._name)
    script = "import ctypes; cuda = ctypes.CDLL('libcuda.so.1'); print(cuda.cuInit(0))"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
    environment["PTX_EXECUTOR_DEVICES"] = "0"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{NO_DEVICE}\n"
