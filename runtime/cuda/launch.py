"""Launches of kernels, whose arguments are prepared once and taken by the driver at every launch."""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

from dyadic.runtime.cuda.driver import Driver
from dyadic.runtime.cuda.program import Crossing, Step


class Place(NamedTuple):
    """An address in the first image, and how many bytes further the next one has its own; 0: all share it."""

    address: int
    image: int


class Launch:
    """A step or crossing at its places. `put` may be called for any batch, by one thread at a time."""

    def __init__(
        self, driver: Driver, function: int, what: Step | Crossing, out: Place, inputs: Sequence[Place],
        weights: int, params: int,
    ) -> None:  # fmt: skip
        """weights, params: addresses, 0 where there are none."""
        self.driver, self.function, self.what = driver, function, what
        self.grid_y, self.shared_bytes = (what.grid_y, what.shared_bytes) if isinstance(what, Step) else (1, 0)
        self.batch = ctypes.c_int32()
        pointers = [out.address, *(at.address for at in inputs), weights, params]
        distances = [out.image, *(at.image for at in inputs)]
        self.arguments = [*map(ctypes.c_uint64, pointers), self.batch, *map(ctypes.c_int32, distances)]
        self.table = (ctypes.c_void_p * len(self.arguments))(*map(ctypes.addressof, self.arguments))

    def put(self, stream: int, batch: int) -> None:
        """Into a stream, for so many images."""
        self.batch.value = batch
        what = self.what
        blocks = -(-batch * what.items // what.block_items)
        self.driver.call(
            "cuLaunchKernel", self.function, blocks, self.grid_y, 1, what.threads, 1, 1, self.shared_bytes, stream,
            self.table, None,
        )  # fmt: skip
