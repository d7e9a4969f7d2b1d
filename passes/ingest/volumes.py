"""Convolutions over three dimensions as one over two.

The depths that a result reads become channels, and its own depths lie below each other in one image, with rows of
padding between them. Rows of windows that reach from one to the next are cut off. Exact.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.passes.ingest import families
from dyadic.passes.ingest.folded import dims_of, reshape
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, literal


def conv3d(
    x: Any,
    weight: Any,
    bias: Any,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Result:
    """x [1,C,D,H,W], weight [O,C/groups,KD,KH,KW]; padding: before each dimension, then behind."""
    if not isinstance(weight, Literal):
        raise Unsupported("its weight is computed from the input; a constant weight would work")
    dims, kernel = dims_of(x), weight.array
    if len(dims) != 5 or kernel.ndim != 5:
        raise Unsupported(f"its weight {list(kernel.shape)} does not fit {dims}")
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
    padded = [n + padding[d] + padding[3 + d] for d, n in enumerate(dims[2:])]
    if min(padding) < 0 or any(r > n for r, n in zip(reach, padded, strict=True)):
        raise Unsupported(f"its window {reach} does not fit into {dims} padded by {list(padding)}")
    depths, rows = ((padded[d] - reach[d]) // strides[d] + 1 for d in range(2))
    more = -padded[1] % strides[1]  # rows, so that each depth begins with a window
    low, high = [0, 0, *padding[:2], 0], [0, 0, padding[3], padding[4] + more, 0]
    x = families.pad(x, low, high, 0.0) if any([*low, *high]) else x
    height = padded[1] + more
    taps = []
    for k in range(kernel.shape[2]):
        start = k * dilation[0]
        part = families.slice_(x, [2], [start], [start + (depths - 1) * strides[0] + 1], [strides[0]])
        taps.append(reshape(part, [dims[0], dims[1], 1, depths, height, dims[4]]))
    image = reshape(families.concat(taps, 2), [dims[0], dims[1] * len(taps), depths * height, dims[4]])
    flat = literal(np.ascontiguousarray(kernel.reshape(len(kernel), -1, *kernel.shape[3:])))
    around = [0, padding[2], max(0, reach[1] - strides[1]), padding[5]]
    made = families.conv2d(image, flat, bias, strides[1:], around, dilation[1:], groups)
    columns, each = dims_of(made)[3], height // strides[1]
    apart = reshape(made, [dims[0], len(kernel), depths, each, columns])
    return apart if each == rows else families.slice_(apart, [3], [0], [rows], [1])
