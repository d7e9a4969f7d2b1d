"""PyTorch's pooling, largest entries and convolutions over volumes."""

from typing import Any

from dyadic.passes.ingest import pooling, volumes
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.translation import Node, Result, Unsupported


def for_each(values: Any, rank: int, default: Any) -> list[int]:
    """A number for each dimension of an argument that may be one, several, or left out."""
    given = [values] if isinstance(values, int) else list(values or [])
    given = given or ([default] * rank if isinstance(default, int) else list(default))
    return given * rank if len(given) == 1 else given


@aten("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool(node: Node) -> Result:
    x, kernel, strides, padding, dilation, ceil = node.arguments
    rank = len(dims_of(x)) - 2
    kernel = for_each(kernel, rank, 1)
    steps, pads, holes = (for_each(v, rank, d) for v, d in ((strides, kernel), (padding, 0), (dilation, 1)))
    return pooling.pool(x, kernel, steps, pads * 2, holes, bool(ceil), None)


@aten("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(node: Node) -> Result:
    x, kernel, strides, padding, ceil, counted, *divisor = node.arguments
    if divisor and divisor[0] is not None:
        raise Unsupported("divisor_override is not supported")
    rank = len(dims_of(x)) - 2
    kernel = for_each(kernel, rank, 1)
    steps, pads = for_each(strides, rank, kernel), for_each(padding, rank, 0)
    return pooling.pool(x, kernel, steps, pads * 2, [1] * rank, bool(ceil), bool(counted))


@aten("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool3d")
def adaptive_avg_pool(node: Node) -> Result:
    x = node.argument(0)
    return pooling.adaptive(x, for_each(node.argument(1), len(dims_of(x)) - 2, 1), largest_of=False)


@aten("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(node: Node) -> Result:
    x = node.argument(0)
    return pooling.adaptive(x, for_each(node.argument(1), len(dims_of(x)) - 2, 1), largest_of=True)


@aten("amax", "amin", "max.dim", "min.dim")
def amax(node: Node) -> Result:
    axes = node.argument(1)
    reduced = pooling.largest if "max" in node.operator else pooling.smallest
    return reduced(node.argument(0), axes if isinstance(axes, list) else [axes], bool(node.argument(2)))


@aten("conv3d")
def conv3d(node: Node) -> Result:
    x, weight, bias, strides, padding, dilation, groups = node.arguments
    steps, pads, holes = (for_each(v, 3, d) for v, d in ((strides, 1), (padding, 0), (dilation, 1)))
    return volumes.conv3d(x, weight, bias, steps, pads * 2, holes, groups)
