"""PyTorch's operators that change the size of images: resizing, blocks, transposed convolutions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.passes.ingest import blocks, resizing
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.imported_types import tensor_dims
from dyadic.passes.ingest.resizing import FLOAT, Axis
from dyadic.passes.ingest.translation import Node, Result


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


@aten("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def upsample_linear(node: Node) -> Result:
    x, found = _placed(node)
    return resizing.linear(x, {d: np.clip(places, 0, axis.before - 1) for d, (axis, places) in found.items()})


@aten("upsample_bicubic2d")
def upsample_cubic(node: Node) -> Result:
    x, found = _placed(node)
    return resizing.weighted(
        x, {d: resizing.cubic_matrix(axis, places, -0.75, False) for d, (axis, places) in found.items()}
    )


def _placed(node: Node) -> tuple[Result, dict[int, tuple[Axis, resizing.Reals]]]:
    """Where each result lies along each axis that changes: corners on corners, or half pixels."""
    x, align = node.argument(0), bool(node.argument(2))
    dims, sizes = dims_of(x), resizing.check_sizes(x, tensor_dims(node.types[0]))
    found = {}
    for d, scale in _scales(node, node.arguments[3:]).items():
        axis = Axis(dims[d], sizes[d], sizes[d] / dims[d] if align or not scale else scale)
        if axis.before != axis.after or axis.scale != 1:
            found[d] = axis, resizing.align_corners(axis) if align else resizing.half_pixel(axis)
    return x, found


def _scales(node: Node, given: Sequence[object]) -> dict[int, float | None]:
    """The scale that each axis behind the channels was given, None where only sizes are: a list, or one by one."""
    axes = range(2, len(dims_of(node.argument(0))))
    flat = given[0] if given and isinstance(given[0], list) else list(given)
    scales = flat if isinstance(flat, list) and len(flat) == len(axes) else [None] * len(axes)
    return {axis: float(s) if isinstance(s, int | float) else None for axis, s in zip(axes, scales, strict=True)}


@aten("pixel_shuffle")
def pixel_shuffle(node: Node) -> Result:
    size = node.argument(1)
    return blocks.depth_to_space(node.argument(0), [size, size], columns_first=True)


@aten("pixel_unshuffle")
def pixel_unshuffle(node: Node) -> Result:
    size = node.argument(1)
    return blocks.space_to_depth(node.argument(0), [size, size], columns_first=True)


@aten("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(node: Node) -> Result:
    x, weight, bias, strides, padding, extra, groups, dilation = node.arguments
    return transposed(x, weight, bias, strides, padding, dilation, groups, extra)


def transposed(
    x: Any, weight: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int, extra: Any
) -> Result:
    """Lists of torch, which may hold one number for all dimensions."""
    rank = len(dims_of(x)) - 2
    steps, pads, holes, more = (
        list(values or [default]) * (rank if len(values or [default]) == 1 else 1)
        for values, default in ((strides, 1), (padding, 0), (dilation, 1), (extra, 0))
    )
    return blocks.conv_transpose(x, weight, bias, steps, pads * 2, holes, groups, more)
