"""Attention gets its name back: two products of computed tensors with a softmax between them.

    softmax((q * a) @ (k * b)^T * c + bias) @ v  -->  attention(q, k, v, bias) {scale = a * b * c}

    softmax(masked(scores)) @ v                     -->  attention(scores, 1, v) where scores are no product alone

Whatever is multiplied with all scores alike, before or behind the product, is `scale`; what is added to them is `bias`,
what is masked is `valid`. Reshapes between the products that keep their last two dimensions are taken along.
"""

from dataclasses import dataclass

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array, constant_array
from dyadic.passes.formulas import uniform
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


@dataclass
class Scores:
    """What a softmax reads, taken apart: `product * scale + bias`, where `valid`."""

    product: qd.MatmulOp
    scale: float
    bias: Array
    valid: Array | ir.Value


def scores_of(value: ir.Value) -> Scores | None:
    """The product behind what a softmax reads; None where something else was done to it."""
    scale, bias = 1.0, np.zeros(1)
    valid: Array | ir.Value | None = None
    while True:
        op = defining(value)
        if isinstance(op, qd.MatmulOp):
            return Scores(op, scale, bias, np.ones(1) if valid is None else valid)
        addend: Array | None
        if (numbers := uniform(op)) is not None:
            scale *= numbers[0]  # a shift of all scores alike changes no softmax
            value = op.x
        elif isinstance(op, qd.ScaleShiftOp):
            factors, addend = constant_array(op.scale), constant_array(op.shift)
            if factors is None or addend is None or (factors != factors[0]).any():
                return None
            places = [1] * len(shape(op.x))
            places[op.axis.value] = -1
            bias = bias + scale * addend.astype(np.float64).reshape(places)
            scale, value = scale * float(factors[0]), op.x
        elif isinstance(op, qd.Binary) and not isinstance(op, qd.MulOp):
            (addend, other), sign = (constant_array(op.b), op.a), (1 if isinstance(op, qd.AddOp) else -1)
            if addend is None and sign == 1:
                addend, other = constant_array(op.a), op.b
            if addend is None or shape(other) != shape(op.out):
                return None
            bias = bias + scale * sign * addend.astype(np.float64)
            value = other
        elif isinstance(op, qd.MaskedOp) and valid is None:
            mask = constant_array(op.valid)
            valid, value = (op.valid if mask is None else mask), op.x
        else:
            return None


def without_scale(value: ir.Value) -> tuple[ir.Value, float]:
    """(the same without what is multiplied with all of it, the factor); moves are made anew over what is left.

    Call it where an insertion point is set.
    """
    op = defining(value)
    numbers = uniform(op)
    if numbers is not None and not numbers[1]:
        inner, factor = without_scale(op.x)
        return inner, factor * numbers[0]
    if isinstance(op, qd.ReshapeOp):
        inner, factor = without_scale(op.x)
        return (value if factor == 1 else building.reshape(inner, shape(op.out))), factor
    if isinstance(op, qd.TransposeOp):
        inner, factor = without_scale(op.x)
        return (value if factor == 1 else building.transpose(inner, ints(op.permutation))), factor
    return value, 1.0


def last_two_swapped(value: ir.Value) -> ir.Value:
    """`value^T`; one transpose where it is one already, and none where that did the same."""
    *leading, rows, columns = range(len(shape(value)))
    order = [*leading, columns, rows]
    op = defining(value)
    if isinstance(op, qd.TransposeOp):
        order, value = [ints(op.permutation)[d] for d in order], op.x
    return value if order == sorted(order) else building.transpose(value, order)


def without_zeros(value: ir.Value) -> tuple[ir.Value, Array]:
    """(softmax, zeros and ones) where `value` is their product: what exporters put behind a mask; else (value, 1)."""
    op = defining(value)
    if isinstance(op, qd.MulOp):
        for x, factor in ((op.a, constant_array(op.b)), (op.b, constant_array(op.a))):
            if factor is not None and ((factor == 0) | (factor == 1)).all() and shape(x) == shape(value):
                return x, factor
    return value, np.ones(1)


def name_attention(op: qd.MatmulOp, rewriter: PatternRewriter) -> bool | None:
    softmax, kept = without_zeros(op.a)
    weights = defining(softmax)
    if not isinstance(weights, qd.SoftmaxOp) or weights.axis.value != len(shape(weights.x)) - 1:
        return NO_MATCH
    scores = scores_of(weights.x)
    masked = defining(weights.x)
    if scores is None and isinstance(masked, qd.MaskedOp) and kept.all():
        count = shape(masked.x)[-1]
        with rewriter.ip, op.location:
            rows = building.constant(np.broadcast_to(np.eye(count), [*shape(masked.x)[:-2], count, count]))
            named = building.attention(masked.x, rows, op.b, 1.0, valid=masked.valid)
        rewriter.replace_op(op, [named])
        return None
    if scores is None or shape(scores.product.out) != shape(weights.x):
        return NO_MATCH
    if not kept.all() and (isinstance(scores.valid, ir.Value) or (scores.valid * (kept == 0)).any()):
        return NO_MATCH  # something with a weight is left out behind the softmax
    with rewriter.ip, op.location:
        q, of_q = without_scale(scores.product.a)
        k, of_k = without_scale(scores.product.b)
        scale = of_q * of_k * scores.scale
        if scale < 0:
            return NO_MATCH
        k = last_two_swapped(k)
        named = building.attention(q, k, op.b, scale, scores.bias, scores.valid)
    rewriter.replace_op(op, [named])
    return None


@module_pass
def recognize_attention(module: ir.Operation) -> None:
    """Name attention spelled out: softmax(q @ k^T * scale + bias) @ v --> attention(q, k, v, bias)

    Exact in real numbers; the order of float32 roundings changes.
    """
    rewrite(module, (qd.MatmulOp, name_attention))
