"""A projection of which parts are read one by one is as many projections, each with a range of its own.

    slice(linear(x))  -->  linear(x) with those rows of the weights

Parts are found behind the reshapes and transposes that exporters put between: q, k and v of one product are slices of
[1, L, 3, H, D] or of [3, 1, H, L, D].
"""

import math

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array, constant_array
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def projection(value: ir.Value) -> qd.LinearOp | None:
    """The linear layer whose numbers `value` holds, in whatever order."""
    op = defining(value)
    while isinstance(op, qd.TransposeOp) or isinstance(op, qd.ReshapeOp):
        op = defining(op.x)
    return op if isinstance(op, qd.LinearOp) else None


def sliced_axes(op: qd.SliceOp) -> list[int]:
    return [d for d, (n, m) in enumerate(zip(shape(op.x), shape(op.out), strict=True)) if n != m]


def raise_through_transpose(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """slice(transpose(x)) --> transpose(slice(x))"""
    move = defining(op.x)
    if not isinstance(move, qd.TransposeOp) or projection(op.x) is None:
        return NO_MATCH
    order = ints(move.permutation)
    back = [order.index(d) for d in range(len(order))]
    starts, steps, dims = ([values[d] for d in back] for values in (ints(op.starts), ints(op.steps), shape(op.out)))
    with rewriter.ip, op.location:
        replacement = building.transpose(building.slice_(move.x, starts, steps, dims), order)
    rewriter.replace_op(op, [replacement])
    return None


def raise_through_reshape(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """slice(reshape(x)) --> reshape(slice(x)), where one dimension of x is the one that is sliced."""
    move, axes = defining(op.x), sliced_axes(op)
    if not isinstance(move, qd.ReshapeOp) or projection(op.x) is None or len(axes) != 1:
        return NO_MATCH
    (axis,), before, after = axes, shape(move.x), shape(move.out)
    for place, size in enumerate(before):
        if size == after[axis] and math.prod(before[:place]) == math.prod(after[:axis]):
            break
    else:
        return NO_MATCH
    starts, steps, dims = [0] * len(before), [1] * len(before), list(before)
    starts[place], steps[place], dims[place] = ints(op.starts)[axis], ints(op.steps)[axis], shape(op.out)[axis]
    with rewriter.ip, op.location:
        replacement = building.reshape(building.slice_(move.x, starts, steps, dims), shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


def split(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """slice(linear(x)), with a reshape of the outputs between or without --> linear(x)"""
    source, axes = op.x, sliced_axes(op)
    if isinstance(defining(source), qd.ReshapeOp):
        source = defining(source).x
    layer = defining(source)
    if not isinstance(layer, qd.LinearOp) or not axes:
        return NO_MATCH
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    rows, dims = math.prod(shape(layer.out)[:-1]), shape(op.x)
    first = next((d for d in range(len(dims)) if math.prod(dims[:d]) == rows and math.prod(dims[d:]) > 1), None)
    if weight is None or bias is None or first is None or axes[0] < first:
        return NO_MATCH
    bounds = list(zip(ints(op.starts), ints(op.steps), shape(op.out), strict=True))[first:]
    ranges = tuple(slice(start, start + (n - 1) * step + 1, step) for start, step, n in bounds)
    outputs: Array = np.arange(len(bias)).reshape(dims[first:])[ranges].reshape(-1)
    with rewriter.ip, layer.location:
        part = building.linear(layer.x, building.constant(weight[outputs]), building.constant(bias[outputs]))
        same = shape(part) == shape(op.out)
        replacement = part if same else building.reshape(part, shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


@module_pass
def split_projections(module: ir.Operation) -> None:
    """Make projections of which parts are read as many layers: slice(linear(x)) --> linear(x) with rows of the weights

    Exact.
    """
    rewrite(
        module,
        (qd.SliceOp, raise_through_transpose),
        (qd.SliceOp, raise_through_reshape),
        (qd.SliceOp, split),
    )
