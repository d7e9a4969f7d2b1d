"""Tensors of other libraries in the memory of a GPU, read where they are.

By DLPack where there is some, whose producer has our stream wait until the data are there; else by
`__cuda_array_interface__`, which names a stream to wait for or says that nothing need be waited for.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.runtime.cuda.device import Device
from dyadic.runtime.cuda.driver import NO_TIMING
from dyadic.runtime.device_array import DeviceArray
from dyadic.runtime.errors import UsageError

DLPACK_CUDA, DLPACK_MANAGED = 2, 13  # DLDeviceType
DLPACK_KINDS = {0: "i", 1: "u", 2: "f", 6: "b"}  # DLDataTypeCode, as numpy's kinds


class _Tensor(ctypes.Structure):
    """DLTensor of DLPack's dlpack.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.argtypes, _pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p


def read(device: Device, value: Any, name: str) -> DeviceArray | None:
    """A tensor in the memory of a GPU, None for anything else. Raises UsageError where it is on another GPU or cannot
    be read; `name` says of what."""
    place = _dlpack_device(value)
    if place is not None and place[0] in (DLPACK_CUDA, DLPACK_MANAGED):
        return _by_dlpack(device, value, name)
    if place is None and getattr(value, "__cuda_array_interface__", None) is not None:
        return _by_interface(device, value.__cuda_array_interface__, name, value)
    return None


def _dlpack_device(value: Any) -> tuple[int, int] | None:
    if not hasattr(value, "__dlpack__") or not hasattr(value, "__dlpack_device__"):
        return None
    kind, ordinal = value.__dlpack_device__()
    return int(kind), int(ordinal)


def _by_dlpack(device: Device, value: Any, name: str) -> DeviceArray:
    try:
        capsule = value.__dlpack__(stream=device.arrivals)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(f"{name} cannot be read on the device ({error})") from error
    # The capsule is never taken over: it frees what it holds when it goes, and `kept` is it.
    tensor = _Tensor.from_address(_pointer_of(capsule, b"dltensor"))
    dims = range(tensor.ndim)
    shape = tuple(tensor.shape[d] for d in dims)
    kind = DLPACK_KINDS.get(tensor.code, "V")
    if kind == "V" or tensor.lanes != 1:
        raise UsageError(f"{name} has a type of numbers that numpy does not have")
    dtype = np.dtype(f"{kind}{tensor.bits // 8}")
    steps = [tensor.strides[d] * dtype.itemsize for d in dims] if tensor.strides else None
    address = (tensor.data or 0) + tensor.byte_offset
    return _checked(device, address, shape, dtype, steps, True, capsule, name)


def _by_interface(device: Device, said: dict[str, Any], name: str, value: object) -> DeviceArray:
    stream = said.get("stream")
    if stream is not None:
        _wait(device, int(stream))
    (address, read_only), shape, steps = said["data"], tuple(said["shape"]), said.get("strides")
    return _checked(device, address or 0, shape, np.dtype(said["typestr"]), steps, not read_only, value, name)


def _wait(device: Device, stream: int) -> None:
    """What arrives waits for all that is in a stream of the user's."""
    driver = device.driver
    with device.current():
        event = driver.made("cuEventCreate", NO_TIMING)
        try:
            driver.call("cuEventRecord", event, stream)
            driver.call("cuStreamWaitEvent", device.arrivals, event, 0)
        finally:
            driver.drop("cuEventDestroy_v2", event)


def _checked(
    device: Device,
    address: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    steps: Sequence[int] | None,
    writeable: bool,
    kept: object,
    name: str,
) -> DeviceArray:
    empty = 0 in shape
    with device.current():
        holder = None if empty else device.holds(address)
    if not empty and holder != device.ordinal:
        where = "in no memory of a GPU that CUDA knows" if holder is None else f"on cuda:{holder}"
        raise UsageError(f"{name} is {where}, the session on cuda:{device.ordinal}; copy it there")
    return DeviceArray(address, shape, dtype, empty or _is_dense(shape, dtype, steps), writeable, kept)


def _is_dense(shape: Sequence[int], dtype: np.dtype[Any], steps: Sequence[int] | None) -> bool:
    """Whether strides in bytes are those of C order; None says that they are."""
    expected = dtype.itemsize
    for size, step in zip(reversed(shape), reversed(steps or ()), strict=False):
        if size > 1 and step != expected:
            return False
        expected *= size
    return True
