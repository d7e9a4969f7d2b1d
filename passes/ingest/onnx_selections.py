"""ONNX's operators that take, repeat and put entries at places which are known now."""

import math

import numpy as np

from dyadic.passes.ingest import families, selections
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.onnx_node import attribute, onnx, yes
from dyadic.passes.ingest.translation import Folded, Literal, Node, Result, Unsupported


@onnx("Tile")
def tile(node: Node) -> Result:
    times = node.integers(1, "repeats") or []
    if len(times) != len(dims_of(node.argument(0))):
        raise Unsupported(f"its repeats {times} do not fit {dims_of(node.argument(0))}")
    return selections.tile(node.argument(0), times)


@onnx("GatherElements")
def gather_elements(node: Node) -> Result:
    return selections.gather_elements(node.argument(0), attribute(node, "axis", 0), node.array(1, "indices"))


@onnx("GatherND")
def gather_nd(node: Node) -> Result:
    return selections.gather_nd(node.argument(0), node.array(1, "indices"), attribute(node, "batch_dims", 0))


@onnx("ScatterElements", "Scatter")
def scatter_elements(node: Node) -> Result:
    _check_reduction(node)
    x, axis, updates = node.argument(0), attribute(node, "axis", 0), node.argument(2)
    return selections.scatter_elements(x, axis, node.array(1, "indices"), updates)


@onnx("ScatterND")
def scatter_nd(node: Node) -> Result:
    _check_reduction(node)
    return selections.scatter_nd(node.argument(0), node.array(1, "indices"), node.argument(2))


def _check_reduction(node: Node) -> None:
    if attribute(node, "reduction", "none") != "none":
        raise Unsupported(f"it joins what it puts by {attribute(node, 'reduction')}; putting alone would work")


@onnx("CumSum")
def cumulative_sum(node: Node) -> Result:
    exclusive, reverse = (yes(node, name) for name in ("exclusive", "reverse"))
    axis = int(node.number(1, "axis"))
    return selections.running_sum(node.argument(0), axis, exclusive=exclusive, reverse=reverse)


@onnx("Trilu")
def trilu(node: Node) -> Result:
    diagonal = 0 if node.argument(1) is None else int(node.number(1, "diagonal"))
    return selections.triangle(node.argument(0), diagonal, upper=yes(node, "upper", True))


@onnx("ReverseSequence")
def reverse_sequence(node: Node) -> Result:
    """Each sequence turned around up to its own length."""
    x, lengths = node.argument(0), node.array(1, "lengths").reshape(-1)
    dims = dims_of(x)
    batch, time = (
        attribute(node, name, default) % len(dims) for name, default in (("batch_axis", 1), ("time_axis", 0))
    )
    if len(lengths) != dims[batch]:
        raise Unsupported(f"its {len(lengths)} lengths do not fit the axis {batch} of {dims}")
    if time == 0 and not isinstance(x, Folded):
        raise Unsupported("it turns the batch around")

    def function(array: np.ndarray) -> np.ndarray:
        every = np.moveaxis(array, (batch, time), (0, 1)).copy()
        for row, length in zip(every, lengths, strict=True):
            row[:length] = row[:length][::-1].copy()
        return np.moveaxis(every, (0, 1), (batch, time))

    return selections.rearranged(x, function)


@onnx("Compress")
def compress(node: Node) -> Result:
    """Entries of an axis, or of all of it flattened, where a constant says so."""
    x, keep, axis = node.argument(0), node.array(1, "condition").astype(bool), attribute(node, "axis")
    dims = dims_of(x)
    if keep.ndim != 1:
        raise Unsupported(f"its condition has the shape {list(keep.shape)}; one row would work")
    if len(keep) > (count := math.prod(dims) if axis is None else dims[axis]):
        raise Unsupported(f"its condition has {len(keep)} entries, for {count} to choose from")
    if axis in (None, 0, -len(dims)) and not isinstance(x, Literal):
        raise Unsupported("it takes images out of the batch")
    return selections.rearranged(x, lambda array: np.compress(keep, array, axis))


@onnx("CenterCropPad")
def center_crop_pad(node: Node) -> Result:
    """Cut or filled with zeros to a size, the middle in the middle."""
    x, target = node.argument(0), node.integers(1, "shape") or []
    rank = len(dims_of(x))
    for axis, size in zip(attribute(node, "axes", range(rank)), target, strict=True):
        x = _centered(x, axis % rank, size)
    return x


def _centered(x: Result, axis: int, size: int) -> Result:
    dims = dims_of(x)
    if size < dims[axis]:
        start = (dims[axis] - size) // 2
        return families.slice_(x, [axis], [start], [start + size], [1])
    low = (size - dims[axis]) // 2
    before, after = ([n if d == axis else 0 for d in range(len(dims))] for n in (low, size - dims[axis] - low))
    return families.pad(x, before, after, 0.0) if size > dims[axis] else x
