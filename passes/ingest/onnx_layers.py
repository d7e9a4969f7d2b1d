"""ONNX's convolutions, matrix products, normalization and pooling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import einsums, families, transformers
from dyadic.passes.ingest.folded import dims_of, transposed
from dyadic.passes.ingest.onnx_node import attribute, integers, onnx
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported, literal


@onnx("Conv")
def conv(node: Node) -> Result:
    weight = node.argument(1)
    if isinstance(weight, Literal) and weight.array.ndim == 3:
        return _conv1d(node)
    kernel = weight.array.shape[2:] if isinstance(weight, Literal) else attribute(node, "kernel_shape", [1, 1])
    x = node.argument(0)
    strides, padding, dilation = window(node, x, kernel)
    return families.conv2d(x, weight, node.argument(2), strides, padding, dilation, attribute(node, "group", 1))


def _conv1d(node: Node) -> Result:
    if attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unsupported("only padding by numbers is supported for 1-D convolutions")
    low, high = attribute(node, "pads", [0, 0])
    stride, dilation = attribute(node, "strides", [1])[0], attribute(node, "dilations", [1])[0]
    groups = attribute(node, "group", 1)
    x, weight, bias = (node.argument(i) for i in range(3))
    return transformers.conv1d(x, weight, bias, stride, low, dilation, groups, high)


def window(node: Node, x: Any, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """(strides, padding [top, left, bottom, right], dilation) of a node with a 2-D window, `auto_pad` worked out."""
    if len(kernel) != 2 or len(dims_of(x)) != 4:
        raise Unsupported(f"only 2-D windows are supported, this one is {list(kernel)} over {dims_of(x)}")
    strides, dilation = attribute(node, "strides", [1, 1]), attribute(node, "dilations", [1, 1])
    padding = attribute(node, "pads", [0, 0, 0, 0])
    automatic = attribute(node, "auto_pad", "NOTSET")
    if automatic == "VALID":
        padding = [0, 0, 0, 0]
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        low, high = [0, 0], [0, 0]
        for d, size in enumerate(dims_of(x)[2:]):
            out = -(-size // strides[d])
            total = max(0, (out - 1) * strides[d] + dilation[d] * (kernel[d] - 1) + 1 - size)
            low[d] = total // 2 if automatic == "SAME_UPPER" else total - total // 2
            high[d] = total - low[d]
        padding = low + high
    return strides, padding, dilation


@onnx("Gemm")
def gemm(node: Node) -> Result:
    """`alpha * A @ B + beta * C`."""
    if attribute(node, "transA", 0):
        raise Unsupported("its input is transposed, which moves the batch; transA=0 would work")
    if not isinstance(node.argument(1), Literal):
        raise Unsupported("both factors are computed; a constant second factor would work")
    weight = node.argument(1)
    if not attribute(node, "transB", 0):
        weight = transposed(weight, [1, 0])
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    if alpha != 1:
        weight = literal(weight.array * np.float64(alpha))
    bias = node.argument(2)
    if bias is not None:
        outputs = weight.array.shape[0]
        values = node.array(2, "third input").astype(np.float64) * beta
        if values.size not in (1, outputs):
            raise Unsupported(f"its third input has the shape {list(values.shape)}; [{outputs}] would work")
        if beta != 1 or values.shape != (outputs,):
            bias = literal(np.broadcast_to(values.reshape(-1), [outputs]))
    return families.linear(node.argument(0), weight, bias)


@onnx("MatMul")
def matmul(node: Node) -> Result:
    return transformers.matmul(node.argument(0), node.argument(1))


@onnx("Einsum")
def einsum(node: Node) -> Result:
    return einsums.einsum(attribute(node, "equation", ""), node.arguments)


@onnx("BatchNormalization")
def batch_normalization(node: Node) -> Result:
    if attribute(node, "training_mode", 0):
        raise Unsupported("it is in training mode; export the model in evaluation mode")
    if not attribute(node, "spatial", 1):
        raise Unsupported("spatial=0 is not supported")
    gamma, beta, mean, variance = (node.array(i, "statistics") for i in range(1, 5))
    return families.batch_norm(node.argument(0), gamma, beta, mean, variance, attribute(node, "epsilon", 1e-5))


@onnx("MaxPool")
def max_pool(node: Node) -> Result:
    x, kernel = node.tensor(0), attribute(node, "kernel_shape")
    strides, padding, dilation = window(node, x, kernel)
    size = families.pool_size(x, kernel, strides, padding, dilation, bool(attribute(node, "ceil_mode", 0)))
    return building.max_pool(x, families.covering(x, kernel, padding, dilation), strides, padding, dilation, size)


@onnx("AveragePool")
def average_pool(node: Node) -> Result:
    x, kernel = node.tensor(0), attribute(node, "kernel_shape")
    strides, padding, dilation = window(node, x, kernel)
    if dilation != [1, 1]:
        raise Unsupported("average pooling with dilation is not supported")
    size = families.pool_size(x, kernel, strides, padding, dilation, bool(attribute(node, "ceil_mode", 0)))
    kernel, counted = families.covering(x, kernel, padding, dilation), bool(attribute(node, "count_include_pad", 0))
    return building.avg_pool(x, kernel, strides, padding, counted, size)


@onnx("GlobalAveragePool")
def global_average_pool(node: Node) -> Result:
    x = node.tensor(0)
    return families.mean(x, range(2, len(shape(x))), True)


@onnx("GlobalMaxPool")
def global_max_pool(node: Node) -> Result:
    x = node.tensor(0)
    kernel = shape(x)[2:]
    families.pool_size(x, kernel, [1, 1], [0] * 4, [1, 1], False)
    return building.max_pool(x, kernel, [1, 1], [0] * 4, [1, 1], [1, 1])


@onnx("ReduceMean")
def reduce_mean(node: Node) -> Result:
    axes = integers(node, "axes", 1)
    if not axes and attribute(node, "noop_with_empty_axes", 0):
        return node.argument(0)
    return families.mean(node.argument(0), axes or None, bool(attribute(node, "keepdims", 1)))
