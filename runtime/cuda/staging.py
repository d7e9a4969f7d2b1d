"""Memory for a user's array on both sides of the bus."""

import ctypes
import math

import numpy as np

from dyadic.runtime.cuda.device import Device
from dyadic.runtime.program import Input, Output, integers_of, whole_of


class Staging:
    """A user's array, page-locked on the host and on the device, with room for every image of the largest batch.

    `device` and `host` are addresses. An output may be one part of the array: the array is meant."""

    def __init__(self, device: Device, tensor: Input | Output, max_batch: int) -> None:
        self.of, self.device, self.host = device, 0, 0
        self.sizes = whole_of(tensor)
        self.integers = integers_of(tensor)
        is_float = isinstance(tensor, Output) or tensor.dtype == "float32"
        self.numbers = np.dtype(np.float32) if is_float else self.integers
        room = max(self.image_bytes(raw=False), self.image_bytes(raw=True)) * max_batch
        what = f"'{tensor.name}' of {images(max_batch)}"
        try:
            self.device = device.allocate(room, what)
            self.host = device.allocate_host(room, what)
        except BaseException:
            self.close()
            raise
        self.views: dict[tuple[int, bool], np.ndarray] = {}
        self.bytes = np.ctypeslib.as_array((ctypes.c_ubyte * room).from_address(self.host))

    def dtype(self, *, raw: bool) -> np.dtype:
        """What the array holds."""
        return self.integers if raw else self.numbers

    def image_bytes(self, *, raw: bool) -> int:
        """From an image to the next."""
        return math.prod(self.sizes) * self.dtype(raw=raw).itemsize

    def view(self, batch: int, *, raw: bool) -> np.ndarray:
        """The host's side as the user's array."""
        seen = self.views.get((batch, raw))
        if seen is None:
            count = batch * self.image_bytes(raw=raw)
            seen = self.bytes[:count].view(self.dtype(raw=raw)).reshape(batch, *self.sizes)
            self.views[batch, raw] = seen
        return seen

    def start_of(self, tensor: Input | Output, *, raw: bool) -> int:
        """How many bytes into the array a tensor begins that is a part of it."""
        if isinstance(tensor, Input) or not tensor.whole:
            return 0
        steps = [math.prod(self.sizes[d + 1 :]) for d in range(len(self.sizes))]
        return self.dtype(raw=raw).itemsize * sum(a * b for a, b in zip(tensor.start, steps, strict=True))

    def close(self) -> None:
        if self.device:
            self.of.driver.drop("cuMemFree_v2", self.device)
        if self.host:
            self.of.driver.drop("cuMemFreeHost", self.host)


def images(count: int) -> str:
    """In words.

    >>> images(1), images(8)
    ('1 image', '8 images')
    """
    return f"{count} image{'s' * (count > 1)}"
