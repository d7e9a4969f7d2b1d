"""ONNX's convolutions, matrix products, normalization and pooling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.dialects.tensor_types import shape
from dyadic.passes.ingest import einsums, families, pooling, transformers, volumes
from dyadic.passes.ingest.folded import dims_of, transposed
from dyadic.passes.ingest.onnx_node import attribute, onnx, yes
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported, literal


@onnx("Conv")
def conv(node: Node) -> Result:
    weight = node.argument(1)
    kernel = weight.array.shape[2:] if isinstance(weight, Literal) else attribute(node, "kernel_shape", [1, 1])
    x, bias, groups = node.argument(0), node.argument(2), attribute(node, "group", 1)
    strides, padding, dilation = window(node, x, kernel)
    if len(kernel) == 1:
        return transformers.conv1d(x, weight, bias, strides[0], padding[0], dilation[0], groups, padding[1])
    if len(kernel) == 3:
        return volumes.conv3d(x, weight, bias, strides, padding, dilation, groups)
    return families.conv2d(x, weight, bias, strides, padding, dilation, groups)


def window(node: Node, x: Any, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """(strides, padding [before each dimension, then behind], dilation) of a node with a window, `auto_pad` worked
    out."""
    rank = len(kernel)
    if rank not in (1, 2, 3) or len(dims_of(x)) != rank + 2:
        raise Unsupported(f"only windows of one to three dimensions are supported, {list(kernel)} reads {dims_of(x)}")
    strides, dilation = attribute(node, "strides", [1] * rank), attribute(node, "dilations", [1] * rank)
    padding = attribute(node, "pads", [0] * 2 * rank)
    automatic = attribute(node, "auto_pad", "NOTSET")
    if automatic == "VALID":
        padding = [0] * 2 * rank
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        low, high = [0] * rank, [0] * rank
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
    return pooling.pool(x, kernel, *window(node, x, kernel), yes(node, "ceil_mode"), None)


@onnx("AveragePool")
def average_pool(node: Node) -> Result:
    x, kernel = node.tensor(0), attribute(node, "kernel_shape")
    ceil, counted = yes(node, "ceil_mode"), yes(node, "count_include_pad")
    return pooling.pool(x, kernel, *window(node, x, kernel), ceil, counted)


@onnx("GlobalAveragePool")
def global_average_pool(node: Node) -> Result:
    x = node.tensor(0)
    return families.mean(x, range(2, len(shape(x))), True)


@onnx("GlobalMaxPool")
def global_max_pool(node: Node) -> Result:
    x = node.tensor(0)
    kernel = shape(x)[2:]
    if len(kernel) == 2:
        return pooling.pool(x, kernel, [1, 1], [0] * 4, [1, 1], False, None)
    return pooling.largest(x, range(2, len(shape(x))), True)


@onnx("LRN")
def lrn(node: Node) -> Result:
    """`x / (bias + alpha / size * sum of squares of neighbouring channels) ** beta`."""
    numbers = [attribute(node, name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))]
    squares, exponent = pooling.local_response(node.argument(0), attribute(node, "size"), *numbers)
    return families.mul(node.argument(0), transformers.power(squares, literal(np.asarray(exponent))))
