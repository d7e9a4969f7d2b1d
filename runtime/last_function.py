"""What a model does last, where it is done in float behind the network's integers: Softmax, LogSoftmax or Sigmoid.

It is outside of the proven code, as quantization and dequantization are. Computed in float64 and rounded once to
float32.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


class LastFunction(NamedTuple):
    """`name` is one of `FUNCTIONS`, '' for none; `axis` the dimension of the user's array that it goes along. A session
    computes it unless it is `left_out`."""

    name: str = ""
    axis: int = 0
    left_out: bool = False


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


FUNCTIONS: dict[str, Callable[[Floats, int], Floats]] = {
    "log_softmax": log_softmax,
    "softmax": softmax,
    "sigmoid": sigmoid,
}


def compute(function: LastFunction, array: npt.NDArray[np.float32]) -> None:
    """Write what it makes of `array` into `array`."""
    if function.name:
        array[...] = FUNCTIONS[function.name](array.astype(np.float64), function.axis)
