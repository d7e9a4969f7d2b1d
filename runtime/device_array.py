"""A user's tensor in the memory of a device, in the place of a numpy array."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DeviceArray:
    """Memory that stays the user's; an executor that has read one (`Executor.on_device`) can run on it.

    address: in bytes, on the executor's device. shape, dtype: as numpy has them. contiguous: whether it lies in C order
    without gaps. writeable: False where its owner says that it must not be written. kept: what holds the memory."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    contiguous: bool
    writeable: bool
    kept: object

    def part(self, start: Sequence[int]) -> "DeviceArray":
        """What begins at an index of a contiguous array: its address counts, its shape is still the whole's."""
        steps = [math.prod(self.shape[d + 1 :]) * self.dtype.itemsize for d in range(len(start))]
        distance = sum(first * step for first, step in zip(start, steps, strict=True))
        return replace(self, address=self.address + distance)


Given = np.ndarray | DeviceArray


def on_host(arrays: Sequence[Given]) -> list[np.ndarray]:
    """The same, for those whose device is the processor."""
    for array in arrays:
        assert isinstance(array, np.ndarray), "a device array for a program of the processor"
    return list(arrays)  # pyright: ignore[reportReturnType]
