"""PyTorch's operators that change the size of images."""

import numpy as np

from dyadic.passes.ingest import resizing
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.resizing import FLOAT
from dyadic.passes.ingest.translation import Node, Result, tensor_dims


@aten("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d")
def upsample_nearest(node: Node) -> Result:
    """`floor(i * before / after)`, or over the scale that is given."""
    x, axes = node.argument(0), _scales(node, node.arguments[2:])
    dims, sizes = dims_of(x), resizing.check_sizes(node.argument(0), tensor_dims(node.types[0]))
    places = {}
    for axis, scale in axes.items():
        step = FLOAT(1 / scale) if scale else FLOAT(dims[axis]) / FLOAT(sizes[axis])
        found = np.floor(np.arange(sizes[axis], dtype=FLOAT) * step)
        places[axis] = [int(n) for n in np.minimum(found, dims[axis] - 1)]
    return resizing.nearest(x, places)


def _scales(node: Node, given: list[object] | tuple[object, ...]) -> dict[int, float | None]:
    """The scale that each axis behind the channels was given, None where only sizes are: a list, or one by one."""
    axes = range(2, len(dims_of(node.argument(0))))
    flat = given[0] if given and isinstance(given[0], list) else list(given)
    scales = flat if isinstance(flat, list) and len(flat) == len(axes) else [None] * len(axes)
    return {axis: float(s) if isinstance(s, int | float) else None for axis, s in zip(axes, scales, strict=True)}
