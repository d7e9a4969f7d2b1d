"""One GPU: what it is, and memory of it. Those that use the same one at a time share its context."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator

from dyadic.runtime.cuda import levels
from dyadic.runtime.cuda.driver import (
    ADDRESS,
    CAPABILITY_MAJOR,
    CAPABILITY_MINOR,
    DEVICE_ORDINAL,
    MOST_SHARED_BYTES,
    NON_BLOCKING,
    SIZE,
    CudaError,
    Driver,
    driver,
)
from dyadic.runtime.errors import MachineError, ResourceError

NAME_BYTES = 256
PLAYED = "PTX executor"  # how the name of what only plays a GPU begins (`tests/support/ptx`)


class Shared:
    """A handle or address that several programs use: what is on the device once."""

    def __init__(self, handle: int, dropping: str) -> None:
        self.handle, self.dropping, self.users = handle, dropping, 1


class Gpu:
    """What the driver says of a device, which nobody uses for that. Raises MachineError."""

    def __init__(self, found: Driver, ordinal: int) -> None:
        self.driver, self.ordinal = found, ordinal
        count = found.number("cuDeviceGetCount")
        if ordinal >= count:
            few = f"the only GPU that CUDA sees is cuda:{count - 1}" if count == 1 else f"CUDA sees {count} GPUs"
            raise MachineError(f"there is no device cuda:{ordinal}: {few}")
        self.handle = found.number("cuDeviceGet", ordinal)
        text = ctypes.create_string_buffer(NAME_BYTES)
        found.call("cuDeviceGetName", text, NAME_BYTES, self.handle)
        self.model = text.value.decode(errors="replace")
        self.capability = (self._attribute(CAPABILITY_MAJOR), self._attribute(CAPABILITY_MINOR))
        self.most_shared_bytes = self._attribute(MOST_SHARED_BYTES)

    def _attribute(self, which: int) -> int:
        return self.driver.number("cuDeviceGetAttribute", which, self.handle)

    @property
    def architecture(self) -> str:
        """As in 'sm_90'."""
        return levels.architecture(self.capability)

    @property
    def keeps_time(self) -> bool:
        """Whether how long something takes says how long a GPU takes for it."""
        return not self.model.startswith(PLAYED)

    def __str__(self) -> str:
        return f"cuda:{self.ordinal} ({self.model}, {self.architecture})"


class Device(Gpu):
    """Made by `acquire`. Its primary context is the one that other libraries in this process use, too.

    `arrivals` is a stream that waits for what a user's tensors wait for."""

    def __init__(self, found: Driver, ordinal: int) -> None:
        super().__init__(found, ordinal)
        self.context = found.made("cuDevicePrimaryCtxRetain", self.handle)
        self.arrivals = 0
        self.users = 1
        self.shared: dict[str, Shared] = {}
        try:
            with self.current():
                self.arrivals = found.made("cuStreamCreate", NON_BLOCKING)
        except BaseException:
            self.drop()
            raise

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """This thread calls the driver for this device; whatever it was used for before comes back."""
        self.driver.call("cuCtxPushCurrent_v2", self.context)
        try:
            yield
        finally:
            self.driver.drop("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """As `current`, for giving things back: whatever has become of the device is no error."""
        pushed = self.driver.drop("cuCtxPushCurrent_v2", self.context)
        try:
            yield
        finally:
            if pushed:
                self.driver.drop("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def allocate(self, size: int, what: str) -> int:
        """Memory of the device for something. Raises ResourceError."""
        place = ADDRESS()
        try:
            self.driver.call("cuMemAlloc_v2", ctypes.byref(place), max(size, 1))
        except ResourceError:
            unused, total = SIZE(), SIZE()
            self.driver.call("cuMemGetInfo_v2", ctypes.byref(unused), ctypes.byref(total))
            left = f"{unused.value:,} of {total.value:,} are free"
            raise ResourceError(f"no memory on {self} for {what}: it takes {size:,} bytes, and {left}") from None
        return place.value

    def allocate_host(self, size: int, what: str) -> int:
        """Memory of the machine that the device copies from and to by itself. Raises ResourceError."""
        try:
            return self.driver.made("cuMemHostAlloc", max(size, 1), 0)
        except ResourceError:
            raise ResourceError(f"no page-locked memory for {what}: {size:,} bytes are needed") from None

    def share(self, key: str, make: Callable[[], int], dropping: str) -> int:
        """What `make` makes, once for all that ask for the same key, until each has called `unshare`.

        dropping: the driver's function that gives it back."""
        with LOCK:
            if (found := self._shared(key)) is not None:
                return found
        made = make()
        with LOCK:
            found = self._shared(key)
            if found is None:
                self.shared[key] = Shared(made, dropping)
                return made
        self.driver.drop(dropping, made)  # somebody else was faster
        return found

    def _shared(self, key: str) -> int | None:
        found = self.shared.get(key)
        if found is None:
            return None
        found.users += 1
        return found.handle

    def unshare(self, key: str) -> None:
        """One user less; the last one's going gives it back."""
        with LOCK:
            found = self.shared[key]
            found.users -= 1
            if found.users:
                return
            del self.shared[key]
        self.driver.drop(found.dropping, found.handle)

    def holds(self, address: int) -> int | None:
        """The number of the device whose memory is at an address; None: that of none."""
        ordinal = ctypes.c_int(-1)
        try:
            self.driver.call("cuPointerGetAttribute", ctypes.byref(ordinal), DEVICE_ORDINAL, address)
        except CudaError:
            return None
        return ordinal.value if ordinal.value >= 0 else None

    def drop(self) -> None:
        """Give back what it has of the driver."""
        with self.closing():
            if self.arrivals:
                self.driver.drop("cuStreamDestroy_v2", self.arrivals)
        self.driver.drop("cuDevicePrimaryCtxRelease_v2", self.handle)


# Guards lists and counts of this package; held over a fork, so that the child never inherits it in other hands. Nobody
# calls the driver with it. Reentrant, since the finalizer of a forgotten session may run in a thread that has it.
LOCK = threading.RLock()
_devices: dict[tuple[Driver, int], Device] = {}
os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)


def described(ordinal: int) -> Gpu:
    """The device of that number, without a context on it. Raises MachineError."""
    return Gpu(driver(), ordinal)


def acquire(ordinal: int) -> Device:
    """The device of that number, until `release`. Raises MachineError."""
    found = driver()
    with LOCK:
        if (device := _known(found, ordinal)) is not None:
            return device
    made = Device(found, ordinal)
    with LOCK:
        device = _known(found, ordinal)
        if device is None:
            _devices[found, ordinal] = made
            return made
    made.drop()  # somebody else was faster
    return device


def _known(found: Driver, ordinal: int) -> Device | None:
    device = _devices.get((found, ordinal))
    if device is not None:
        device.users += 1
    return device


def release(device: Device) -> None:
    """One user less; the last one's going gives back what the device has of the driver."""
    with LOCK:
        device.users -= 1
        if device.users:
            return
        del _devices[device.driver, device.ordinal]
    device.drop()
