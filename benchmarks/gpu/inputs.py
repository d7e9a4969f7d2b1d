"""Inputs of networks by seed, the same with every version of numpy: only the raw numbers of a generator are used."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SPECIAL = np.array([np.nan, np.inf, -np.inf, 1e-40, -0.0, 1e30, -1e30], np.float32)
EVERY = 1009  # of a float input's numbers is a special one


def given(dims: Sequence[int], dtype: str, count: int, seed: int, words: int = 0) -> npt.NDArray[Any]:
    """[count, *dims]: floats from -2 to 2, with special ones among the last image's; bytes; or ids below `words`."""
    size = count * math.prod(dims)
    raw = np.random.PCG64(seed).random_raw(max(size, 1))[:size].reshape(count, *dims)
    if words:
        return (raw % np.uint64(words)).astype(np.int64)
    if dtype != "float32":
        return (raw >> np.uint64(40)).astype(dtype)
    values = ((raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-22)) - np.float32(2)
    last = values[-1].reshape(-1)
    places = np.arange(0, last.size, EVERY)
    last[places] = np.resize(SPECIAL, places.size)
    return values
