"""Tensors in the memory of a GPU are read and written there, once what made them is done; what will not do is said."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.ptx.gpu import Gpu

import dyadic
from dyadic.runtime.cuda import tensors
from dyadic.runtime.cuda.executor import CudaExecutor
from dyadic.runtime.errors import UsageError
from dyadic.runtime.last_function import LastFunction

KINDS = {"i": 0, "u": 1, "f": 2, "c": 5}  # numpy's kinds as DLDataTypeCode


class Managed(ctypes.Structure):
    """DLManagedTensor of dlpack.h."""

    _fields_ = (("tensor", tensors._Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class OnDevice:
    """An array of another library. What it holds is there only when its stream has been waited for."""

    def __init__(self, cuda: Gpu, array: np.ndarray, device: int = 0, *, steps: tuple[int, ...] | None = None) -> None:
        self.cuda, self.shape, self.dtype, self.device, self.steps = cuda, array.shape, array.dtype, device, steps
        self.read_only, self.version, self.waits = False, 3, True
        self.freed, self.kept = 0, []
        with self.current():
            self.stream = cuda.made("cuStreamCreate", 0)
            self.address = cuda.allocate(max(1, array.nbytes))
            content = np.ascontiguousarray(array)
            if content.nbytes:
                cuda.upload(self.address, content, self.stream)

    @contextmanager
    def current(self) -> Iterator[None]:
        self.cuda.call("cuInit", 0)
        self.cuda.call("cuCtxPushCurrent_v2", self.cuda.made("cuDevicePrimaryCtxRetain", self.device))
        yield
        self.cuda.call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def numpy(self) -> np.ndarray:
        array = np.empty(self.shape, self.dtype)
        with self.current():
            self.cuda.download(array, self.address, self.stream)
            self.cuda.call("cuStreamSynchronize", self.stream)
        return array

    def close(self) -> None:
        self.cuda.call("cuMemFree_v2", self.address)
        self.cuda.call("cuStreamDestroy_v2", self.stream)


class ByInterface(OnDevice):
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        said: dict[str, Any] = {"shape": self.shape, "typestr": self.dtype.str, "strides": self.steps}
        said |= {"data": (self.address, self.read_only), "version": 3}
        return said | ({"stream": self.stream.value} if self.waits else {})


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.argtypes, new_capsule.restype = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.py_object


class ByDlpack(OnDevice):
    """Its capsule counts in `freed` that it has gone, as PyTorch's frees its tensor."""

    kind = tensors.DLPACK_CUDA

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, self.device

    def __dlpack__(self, stream: int | None = None) -> object:
        assert stream is not None, "a stream of the consumer's"
        with self.current():
            event = self.cuda.made("cuEventCreate", 0)
            self.cuda.call("cuEventRecord", event, self.stream)
            self.cuda.call("cuStreamWaitEvent", stream, event, 0)
            self.cuda.call("cuEventDestroy_v2", event)
        sizes = (ctypes.c_int64 * len(self.shape))(*self.shape)
        steps = None if self.steps is None else (ctypes.c_int64 * len(self.steps))(*self.steps)
        tensor = tensors._Tensor(
            self.address - 8, self.kind, self.device, len(self.shape), KINDS[self.dtype.kind], 8 * self.dtype.itemsize,
            1, sizes, steps, 8,
        )  # fmt: skip
        managed = Managed(tensor)

        @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        def gone(capsule: int) -> None:
            self.freed += 1

        self.kept.append((sizes, steps, managed, gone))
        return new_capsule(ctypes.addressof(managed), b"dltensor", ctypes.cast(gone, ctypes.c_void_p))


@pytest.fixture(params=[ByInterface, ByDlpack])
def library(request: pytest.FixtureRequest, cuda: Gpu) -> Iterator[Any]:
    """Makes tensors of another library, and takes them back."""
    made: list[OnDevice] = []

    def make(array: np.ndarray, **how: Any) -> OnDevice:
        made.append(request.param(cuda, array, **how))
        return made[-1]

    yield make
    for tensor in made:
        tensor.close()


def test_what_is_on_the_device_is_read_there(model, network, x, library, cuda) -> None:
    """And when its stream has got to it: streams do nothing before somebody waits."""
    with dyadic.load(model, device="cuda", max_batch=3) as session:
        for n in (1, 3, 2):
            np.testing.assert_array_equal(session(library(x[:n])), network.expected(x[:n]))
        q = network.quantize(x[:2])
        (raw,) = session.run(None, {"x": library(q)}, raw=True)
        np.testing.assert_array_equal(raw, network.expected_raw(q))
        (executor,) = session._executors
        assert isinstance(executor, CudaExecutor)
        (context,) = executor.idle
        assert list(context.staged) == ["Output y"]  # nothing went through the host but results
        assert list(context.graphs) == [(n, "steps") for n in (1, 3, 2)]


def test_strides_may_be_said_of_what_is_dense(model, network, x, library, cuda) -> None:
    size = 4 if library_is_interface(library, x) else 1
    with dyadic.load(model, device="cuda") as session:
        tensor = library(x[:1], steps=(105 * size, 35 * size, 7 * size, size))
        np.testing.assert_array_equal(session(tensor), network.expected(x[:1]))


def test_results_are_written_there(model, network, x, library, cuda) -> None:
    with dyadic.load(model, device="cuda", max_batch=3) as session:
        for given in (x[:3], library(x[:3])):
            out = library(np.zeros_like(x[:3]))
            (seen,) = session.run(None, {"x": given}, out={"y": out})
            assert seen is out
            np.testing.assert_array_equal(out.numpy(), network.expected(x[:3]))
        times = session.profile({"x": library(x[:3])}, 1, 0)
        assert len(times) == 3 and all(t.median_ns > 0 for t in times)


def test_a_session_keeps_no_tensor(model, x, cuda) -> None:
    tensor = ByDlpack(cuda, x[:1])
    with dyadic.load(model, device="cuda") as session:
        session(tensor)
        gc.collect()
        assert tensor.freed == 1
    tensor.close()


def test_parts_are_written_there(write, network, x, library, cuda) -> None:
    program, (y,) = network.program, network.program.outputs
    parts = tuple(
        replace(y, shape=("N", 1, *y.shape[2:]), layout=replace(y.layout, offset=c), start=(c, 0, 0),
                whole=(2, *(int(n) for n in y.shape[2:])))
        for c in (0, 1)
    )  # fmt: skip
    params = np.frombuffer(network.constants[64:128], np.int32).copy()
    params[4], params[10] = 1, params[10] // 3
    leave = replace(program.boundary[1], items=int(params[10]), params=len(network.constants))
    two = replace(program, outputs=parts, boundary=(program.boundary[0], leave, leave))
    path = write(two, network.constants + params.tobytes() + bytes(64))
    out = library(np.zeros((3, 2, *x.shape[2:]), np.float32))
    with dyadic.load(path, device="cuda", max_batch=3) as session:
        session.run(None, {"x": x[:3]}, out=[out])
    np.testing.assert_array_equal(out.numpy(), network.expected(x[:3])[:, :2])


def test_what_will_not_do_is_said(model, x, library, cuda, monkeypatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "2")
    with dyadic.load(model, device="cuda", max_batch=2) as session:
        strided = library(x[:1], steps=(420, 140, 4, 20) if library_is_interface(library, x) else (105, 35, 1, 5))
        for tensor, sentence in (
            (library(x[:1].astype(np.float16)), "input 'x' has dtype float16, expected float32"),
            (library(x[:1, :2]), r"input 'x' has shape \[1, 2, 5, 7\], expected \[N, 3, 5, 7\]"),
            (library(x[:3]), "input 'x' has a batch of 3, this session takes 1 to 2"),
            (library(x[:0]), "input 'x' has a batch of 0"),
            (library(x[:1], device=1), "input 'x' is on cuda:1, the session on cuda:0; copy it there"),
            (strided, "input 'x' is on the device and must be C-contiguous there"),
        ):
            with pytest.raises(UsageError, match=sentence):
                session(tensor)
        for tensor, sentence in (
            (library(x[:2]), r"out for 'y' is float32 \[2, 3, 5, 7\], expected float32 \[1, 3, 5, 7\]"),
            (library(x[:1].astype(np.int32)), "out for 'y' is int32"),
            (strided, "out for 'y' must be C-contiguous and writeable"),
            (library(x[:1], device=1), "out for 'y' is on cuda:1"),
        ):
            with pytest.raises(UsageError, match=sentence):
                session.run(None, {"x": x[:1]}, out=[tensor])


def library_is_interface(library: Any, x: np.ndarray) -> bool:
    return isinstance(library(x[:1]), ByInterface)


def test_a_library_may_say_no(model, x, cuda) -> None:
    class Refusing(ByDlpack):
        def __dlpack__(self, stream: int | None = None) -> object:
            raise BufferError("it requires gradients")

    tensor = Refusing(cuda, x[:1])
    with dyadic.load(model, device="cuda") as session, pytest.raises(UsageError) as error:
        session(tensor)
    assert str(error.value) == "input 'x' cannot be read on the device (it requires gradients)"
    tensor.close()


def test_memory_of_nobody_and_what_must_not_be_written(model, x, cuda) -> None:
    tensor = ByInterface(cuda, x[:1])
    address = tensor.address
    with dyadic.load(model, device="cuda") as session:
        tensor.read_only = True
        with pytest.raises(UsageError, match="must be C-contiguous and writeable"):
            session.run(None, {"x": x[:1]}, out=[tensor])
        tensor.address, tensor.waits = 4096, False
        with pytest.raises(UsageError, match="input 'x' is in no memory of a GPU that CUDA knows"):
            session(tensor)
    tensor.address = address
    tensor.close()


def test_what_follows_on_the_host_cannot_be_on_the_device(write, network, x, cuda) -> None:
    (y,) = network.program.outputs
    last = LastFunction("softmax", 1, left_out=True)
    path = write(replace(network.program, outputs=(replace(y, last=last),)), network.constants)
    out = ByInterface(cuda, np.zeros_like(x[:1]))
    with dyadic.load(path, device="cuda") as session:
        session.run(None, {"x": x[:1]}, out=[out])
        np.testing.assert_array_equal(out.numpy(), network.expected(x[:1]))
    with dyadic.load(path, device="cuda", complete=True) as session:
        with pytest.raises(UsageError, match="out for 'y' is on the device, but its result is made on the host"):
            session.run(None, {"x": x[:1]}, out=[out])
        np.testing.assert_allclose(session(x[:1]).sum(axis=1), 1, rtol=1e-5)
    out.close()


def test_arrays_of_the_processor_are_arrays(model, network, x, cuda) -> None:
    """DLPack on the processor, lists, and what numpy makes of them."""

    class Host:
        __dlpack__, __dlpack_device__ = x[:1].copy().__dlpack__, x[:1].__dlpack_device__

    with dyadic.load(model, device="cuda") as session:
        np.testing.assert_array_equal(session(Host()), network.expected(x[:1]))
