"""What a model does last, where it is done behind the network's integers: Softmax, LogSoftmax, Sigmoid; ArgMax, TopK.

It is outside of the proven code, as quantization and dequantization are. Functions of numbers are computed in float64
and rounded once to float32. What ranks entries compares the numbers that the integers stand for; of equal ones the
first comes first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


class LastFunction(NamedTuple):
    """`name` is one of `FUNCTIONS` or `RANKINGS`, '' for none; `axis` the dimension of the user's array that it goes
    along. A session computes it unless it is `left_out`. A ranking gives so many `entries` of that axis, and then the
    `shape` without the batch, which a model may have made another one than the ranking's."""

    name: str = ""
    axis: int = 0
    left_out: bool = False
    entries: int = 0
    shape: tuple[int, ...] = ()

    @property
    def ranks(self) -> bool:
        """Whether what it gives has another shape than what it reads."""
        return self.name in RANKINGS


NOTHING = LastFunction()


def log_softmax(x: Floats, axis: int) -> Floats:
    """`x - log(sum(exp(x)))` along `axis`."""
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def softmax(x: Floats, axis: int) -> Floats:
    """`exp(x) / sum(exp(x))` along `axis`."""
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x: Floats, axis: int) -> Floats:
    """`1 / (1 + exp(-x))`, of each number alone."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def hardmax(x: Floats, axis: int) -> Floats:
    """1 at the first of the largest entries, 0 elsewhere."""
    made = np.zeros_like(x)
    np.put_along_axis(made, x.argmax(axis, keepdims=True), 1, axis)
    return made


FUNCTIONS: dict[str, Callable[[Floats, int], Floats]] = {
    "log_softmax": log_softmax,
    "softmax": softmax,
    "sigmoid": sigmoid,
    "hardmax": hardmax,
}


def largest_places(x: Floats, axis: int, count: int) -> npt.NDArray[np.intp]:
    """Where the largest are, in order; of equal ones the first first."""
    if count == 1:
        return x.argmax(axis, keepdims=True)
    return np.take(np.argsort(-x, axis, kind="stable"), np.arange(count), axis)


def last_place(x: Floats, axis: int, count: int) -> npt.NDArray[np.intp]:
    """Where the last of the largest is."""
    return x.shape[axis] - 1 - np.flip(x, axis).argmax(axis, keepdims=True)


def largest(x: Floats, axis: int, count: int) -> Floats:
    """The largest in order."""
    return np.take_along_axis(x, largest_places(x, axis, count), axis)


RANKINGS: dict[str, Callable[[Floats, int, int], npt.NDArray[Any]]] = {
    "largest": largest,
    "smallest": lambda x, axis, count: -largest(-x, axis, count),
    "largest_places": largest_places,
    "smallest_places": lambda x, axis, count: largest_places(-x, axis, count),
    "last_largest_place": last_place,
    "last_smallest_place": lambda x, axis, count: last_place(-x, axis, count),
}


def computed(function: LastFunction, array: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """What it makes of an array whose first dimension is the batch."""
    if function.ranks:
        made = RANKINGS[function.name](array, function.axis, function.entries)
        return made.reshape(len(array), *function.shape)
    if not function.name:
        return array
    return FUNCTIONS[function.name](array.astype(np.float64), function.axis).astype(np.float32)
