"""Images of another size: where every result lies in the input, and what in `qd` makes it.

to the nearest pixel    -->  qd.repeat, qd.slice or qd.take, axis by axis
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest.folded import dims_of, each, place
from dyadic.passes.ingest.translation import Folded, Result, Unsupported

Reals = npt.NDArray[np.float64]
FLOAT = np.float32  # what other runtimes compute places in: ties fall as they do there


@dataclass(frozen=True)
class Axis:
    """One axis that gets another size. `scale` is the result's size over the input's, as the model gives it."""

    before: int
    after: int
    scale: float

    @property
    def numbers(self) -> npt.NDArray[np.float32]:
        """The results, counted."""
        return np.arange(self.after, dtype=FLOAT)


def half_pixel(axis: Axis) -> Reals:
    """Pixels are squares, and corners of images lie on each other."""
    return ((axis.numbers + FLOAT(0.5)) / FLOAT(axis.scale) - FLOAT(0.5)).astype(np.float64)


def pytorch_half_pixel(axis: Axis) -> Reals:
    """The same; a single result is the first pixel."""
    return half_pixel(axis) if axis.after > 1 else np.zeros(1)


def half_pixel_symmetric(axis: Axis) -> Reals:
    """The same around the middle, where the size was rounded."""
    whole = FLOAT(axis.scale) * FLOAT(axis.before)
    return half_pixel(axis) + axis.before / 2 * (1 - axis.after / float(whole))


def align_corners(axis: Axis) -> Reals:
    """The first and last pixels lie on each other."""
    if axis.after == 1:
        return np.zeros(1)
    return (axis.numbers * FLOAT(axis.before - 1) / FLOAT(axis.after - 1)).astype(np.float64)


def asymmetric(axis: Axis) -> Reals:
    """The first pixels lie on each other."""
    return (axis.numbers / FLOAT(axis.scale)).astype(np.float64)


def half_pixel_for_nearest(axis: Axis) -> Reals:
    """TensorFlow's, to the nearest pixel."""
    return ((axis.numbers + FLOAT(0.5)) / FLOAT(axis.scale)).astype(np.float64)


COORDINATES: Mapping[str, Callable[[Axis], Reals]] = {
    "half_pixel": half_pixel,
    "half_pixel_symmetric": half_pixel_symmetric,
    "pytorch_half_pixel": pytorch_half_pixel,
    "align_corners": align_corners,
    "asymmetric": asymmetric,
    "tf_half_pixel_for_nn": half_pixel_for_nearest,
}
ROUNDINGS: Mapping[str, Callable[[Reals], Reals]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def chosen(table: Mapping[str, Any], name: str, what: str) -> Any:
    """What goes by this name."""
    if name not in table:
        raise Unsupported(f"its {what} is {name}; {', '.join(table)} are supported")
    return table[name]


def simple(axis: Axis) -> list[int]:
    """What Upsample and the first Resize leave open, as ONNX Runtime has it: up when getting smaller, else down."""
    return nearest_places(axis, "asymmetric", "ceil" if axis.scale < 1 else "floor")


def check_sizes(x: Any, sizes: Sequence[int]) -> list[int]:
    """The sizes of the result, the batch's among them."""
    dims = dims_of(x)
    if len(sizes) != len(dims) or min(sizes) < 1:
        raise Unsupported(f"it makes {list(sizes)} of {dims}")
    if sizes[0] != dims[0] and not isinstance(x, Folded):
        raise Unsupported("it resizes the batch; other axes can be")
    return list(sizes)


def entries(x: Any, axis: int, places: Sequence[int]) -> Result:
    """`x[:, places]` along an axis, as the cheapest move that does it."""
    size, count = dims_of(x)[axis], len(places)
    where, places = place(x, axis), [int(n) for n in places]
    if places == list(range(size)):
        return x
    times = -(-count // size)
    if places == [i // times for i in range(count)] and count == times * size:
        return each(x, lambda v: building.repeat(v, [times if d == where else 1 for d in range(len(shape(v)))]))
    return each(x, lambda v: building.take(v, where, places))


def nearest(x: Any, places: Mapping[int, Sequence[int]]) -> Result:
    """Entries of several axes; those that are repeated together are one `qd.repeat`."""
    dims = dims_of(x)
    factors = {}
    for axis, wanted in places.items():
        times = len(wanted) // dims[axis]
        if list(wanted) == [i // max(times, 1) for i in range(times * dims[axis])] and times > 1:
            factors[axis] = times
        else:
            x = entries(x, axis, wanted)
    if not factors:
        return x
    every = {place(x, axis): times for axis, times in factors.items()}
    return each(x, lambda v: building.repeat(v, [every.get(d, 1) for d in range(len(shape(v)))]))


def nearest_places(axis: Axis, coordinates: str, rounding: str) -> list[int]:
    """The pixel of the input that each result is."""
    found = chosen(ROUNDINGS, rounding, "nearest_mode")(chosen(COORDINATES, coordinates, "coordinate mode")(axis))
    return [int(n) for n in np.clip(found, 0, axis.before - 1)]


def scaled_size(size: int, scale: float) -> int:
    """A size by a scale that may not be exact: floor of the product, in float32 as the model's own shapes are."""
    return math.floor(FLOAT(size) * FLOAT(scale))
