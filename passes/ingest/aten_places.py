"""Operators of `torch.aten` that only put numbers into other places: windows side by side, and parts written over."""

from typing import Any

import numpy as np

from dyadic.passes import building
from dyadic.passes.ingest import families, folded
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal

MOST_CELLS = 256  # of a window, each of which is a slice


@aten("im2col")
def unfold(node: Node) -> Result:
    """Windows of an image [N, C, H, W] as columns [N, C * cells, windows]."""
    x, kernel, dilation, padding, stride = node.arguments
    dims = dims_of(x)
    if len(dims) != 4:
        raise Unsupported(f"it unfolds {dims}; an image [N, C, H, W] would work")
    if kernel[0] * kernel[1] > MOST_CELLS:
        raise Unsupported(f"its window {kernel} has more than {MOST_CELLS} cells")
    if any(padding):
        x = families.pad(x, [0, 0, *padding], [0, 0, *padding], 0.0)
    size = dims_of(x)[2:]
    count = [building.window_count(size[d], kernel[d], stride[d], 0, 0, dilation[d]) for d in range(2)]
    if min(count) < 1:
        raise Unsupported(f"its window {kernel} does not fit into {dims}")
    cells = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            starts = [i * dilation[0], j * dilation[1]]
            ends = [starts[d] + (count[d] - 1) * stride[d] + 1 for d in range(2)]
            cell = families.slice_(x, [2, 3], starts, ends, stride)
            cells.append(folded.reshape(cell, [dims[0], dims[1], 1, count[0] * count[1]]))
    return folded.reshape(families.concat(cells, 2), [dims[0], dims[1] * len(cells), count[0] * count[1]])


@aten("copy")
def copy(node: Node) -> Result:
    """The second tensor in the shape of the first, which it is written over."""
    return folded.expand(node.argument(1), dims_of(node.argument(0)))


@aten("slice_scatter")
def slice_scatter(node: Node) -> Result:
    """A tensor with a slice of it written over."""
    x, part, axis, start, end, step = [*node.arguments, None, None, None, None][:6]
    dims, axis = dims_of(x), axis or 0
    first, last, stride = slice(start, end, 1 if step is None else step).indices(dims[axis])
    if stride != 1:
        raise Unsupported(f"it writes to every {stride}th entry of axis {axis}; neighbours would work")
    pieces: list[Any] = [families.slice_(x, [axis], [0], [first], [1])] if first else []
    pieces.append(part)
    pieces += [families.slice_(x, [axis], [last], [dims[axis]], [1])] if last < dims[axis] else []
    return families.concat(pieces, axis) if len(pieces) > 1 else part


@aten("fill")
def fill(node: Node) -> Result:
    """One number in the shape of a tensor, whatever that holds."""
    return literal(np.full(dims_of(node.argument(0)), node.array(1, "number"), np.float32))
