"""Images of another size: where every result lies in the input, and what in `qd` makes it.

    to the nearest pixel    -->  qd.repeat or qd.take, axis by axis
    between pixels          -->  qd.interpolate, two axes at a time
    any other weights       -->  qd.linear along each axis: what a result takes of each pixel is a matrix

What a network enlarges most, by 2 and by 4 with corners on corners or half pixels, has weights that are exact.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import transformers
from dyadic.passes.ingest.folded import dims_of, each, place, reshape, transpose
from dyadic.passes.ingest.translation import Folded, Result, Unsupported, as_tensor, literal
from dyadic.passes.unsupported import OR_FIXED

Reals = npt.NDArray[np.float64]
ROUNDED = 1e-3  # of a pixel: what float32 scales miss whole sizes by
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
    """The first and last pixels lie on each other. Runtimes differ where a scale makes no whole number of pixels."""
    if abs(axis.scale * axis.before - axis.after) > ROUNDED:
        raise Unsupported(
            f"its scale {axis.scale:g} does not make a whole size of {axis.before}, so that corners cannot lie on each "
            "other; sizes in place of scales would work"
        )
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
        raise Unsupported(f"it makes {list(sizes)} of {dims}; a size of 1 or more for each dimension would work")
    if sizes[0] != dims[0] and not isinstance(x, Folded):
        raise Unsupported(f"it resizes the batch; {OR_FIXED}")
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


def linear(x: Any, found: Mapping[int, Reals]) -> Result:
    """Between neighbours along some axes, given where each result lies: two axes are one rounding."""
    axes = sorted(found)
    while axes:
        pair, axes = axes[-2:], axes[:-2]
        x = _between(x, {axis: found[axis] for axis in pair})
    return x


def _between(x: Any, found: Mapping[int, Reals]) -> Result:
    """Along one axis or two, which become the rows and columns of an image."""
    dims = dims_of(x)
    axes = list(found)
    other = [d for d in range(len(dims)) if d not in axes]
    lead = [] if isinstance(x, Folded) else [0]  # the batch
    middle = [d for d in other if d not in lead]
    order = [*lead, *middle, *axes]
    image = reshape(
        transpose(x, order),
        [1, math.prod(dims[d] for d in middle), *([1] if len(axes) == 1 else []), *(dims[d] for d in axes)],
    )
    parts = [_split(dims[d], found[d]) for d in axes]
    if len(parts) == 1:
        parts.insert(0, ([0], np.zeros(1)))
    (rows, row_shares), (columns, column_shares) = parts
    made = building.interpolate(as_tensor(image), rows, row_shares, columns, column_shares)
    sizes = [len(found[d]) if d in found else dims[d] for d in order]
    return transpose(reshape(made, sizes), [order.index(d) for d in range(len(dims))])


def _split(size: int, found: Reals) -> tuple[list[int], Reals]:
    """The pixel in front of each place, and how far behind it that is."""
    inside = np.clip(found, 0, size - 1)
    first = np.minimum(np.floor(inside), max(size - 2, 0))
    return [int(n) for n in first], inside - first


def weighted(x: Any, matrices: Mapping[int, Reals]) -> Result:
    """`out = matrix @ x` along each axis: [results, pixels]."""
    rank = len(dims_of(x))
    for axis, matrix in matrices.items():
        order = [*(d for d in range(rank) if d != axis), axis]
        rows = transformers.matmul(transpose(x, order), literal(np.ascontiguousarray(matrix.T.astype(np.float32))))
        x = transpose(rows, [order.index(d) for d in range(rank)])
    return x


def cubic_matrix(axis: Axis, found: Reals, coefficient: float, exclude_outside: bool) -> Reals:
    """Keys' cubic convolution over four neighbours; those outside of the image are its edge, or left out."""
    matrix = np.zeros((axis.after, axis.before))
    first = np.floor(found).astype(int)
    for tap in range(-1, 3):
        distance = np.abs(found - first - tap)
        near = ((coefficient + 2) * distance - (coefficient + 3)) * distance**2 + 1
        far = ((coefficient * distance - 5 * coefficient) * distance + 8 * coefficient) * distance - 4 * coefficient
        weight = np.where(distance <= 1, near, far)
        place_ = first + tap
        if exclude_outside:
            weight = np.where((place_ >= 0) & (place_ < axis.before), weight, 0)
        np.add.at(matrix, (np.arange(axis.after), np.clip(place_, 0, axis.before - 1)), weight)
    return matrix / matrix.sum(1, keepdims=True)


# numpy's names of what torch and ONNX call so
MIRRORS: Mapping[str, Any] = {
    "reflect": "reflect", "edge": "edge", "replicate": "edge", "wrap": "wrap", "circular": "wrap",
}  # fmt: skip


def mirrored(x: Any, low: Sequence[int], high: Sequence[int], mode: str) -> Result:
    """A border of the tensor's own entries: reflected at its edge, the edge itself, or what is at the other end."""
    name = chosen(MIRRORS, mode, "mode")
    dims = dims_of(x)
    if (low[0] or high[0]) and not isinstance(x, Folded):
        raise Unsupported("it pads the batch")
    for axis, (before, size, behind) in enumerate(zip(low, dims, high, strict=True)):
        if before or behind:
            kept = np.arange(size)[max(0, -before) : size - max(0, -behind)]
            if not kept.size:
                raise Unsupported(f"nothing of {dims} is left")
            x = entries(x, axis, np.pad(kept, (max(0, before), max(0, behind)), mode=name).tolist())
    return x
