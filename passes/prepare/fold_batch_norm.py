"""A scale and shift beside a layer becomes part of its weights and bias; behind a norm, too."""

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.passes import building
from dyadic.passes.building import Array, constant, constant_array, used_once
from dyadic.passes.channel_statistics import note_statistics, statistics_behind
from dyadic.passes.prepare.merge_scale_shifts import scale_and_shift
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def _weights(layer: qd.Layer) -> tuple[Array, Array] | None:
    """Weight and bias in float64."""
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    return None if weight is None or bias is None else (weight.astype(np.float64), bias.astype(np.float64))


def _rebuild(layer: qd.Layer, x: ir.Value, weight: Array, bias: Array, factors: Array | None = None) -> ir.Value:
    """The same layer over `x` with other numbers; they are rounded to float32 here, once.

    factors: what the weights of each output are multiplied with, where that is all: the codes that a model gives stay.
    """
    with layer.weight.owner.location:
        weights = constant(weight)
        if factors is not None:
            _keep_codes(layer.weight, weights, factors)
    with layer.bias.owner.location:
        biases = constant(bias)
    return building.layer_like(layer, x, weights, biases)


def _keep_codes(old: ir.Value, new: ir.Value, factors: Array) -> None:
    """The codes of weights whose scales are multiplied, where the model gives some."""
    had, has = defining(old).operation.attributes, defining(new).operation.attributes
    if qd.WEIGHT_STEPS not in had:
        return
    codes = np.array(had[qd.WEIGHT_STEPS])
    signed = codes.astype(np.int64) * np.sign(factors).astype(np.int64).reshape(-1, *(1,) * (codes.ndim - 1))
    if signed.max() > np.iinfo(codes.dtype).max:
        return
    scales = np.array([float(v) for v in had[qd.WEIGHT_SCALE]]) * np.abs(factors)
    has[qd.WEIGHT_STEPS] = ir.DenseElementsAttr.get(np.ascontiguousarray(signed, codes.dtype))
    has[qd.WEIGHT_SCALE] = ir.DenseF64ArrayAttr.get(scales.tolist())
    has[qd.WEIGHT_BITS] = had[qd.WEIGHT_BITS]


def into_layer_before(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """scale_shift(layer(x)) --> layer(x): each output channel has its own scale and shift."""
    layer = defining(op.x)
    if not isinstance(layer, qd.Layer) or not used_once(op.x):
        return NO_MATCH
    numbers = _weights(layer)
    factors = scale_and_shift(op, layer.channel_axis)
    if numbers is None or factors is None:
        return NO_MATCH
    (weight, bias), (scale, shift) = numbers, factors
    with rewriter.ip, layer.location:
        per_output = scale.reshape([-1] + [1] * (weight.ndim - 1))
        folded = _rebuild(layer, layer.x, weight * per_output, bias * scale + shift, scale)
    known = statistics_behind(op, layer, scale, shift)
    if known is not None:
        note_statistics(folded, *known)
    rewriter.replace_op(op, [folded])
    return None


def into_layer_after(layer: qd.Layer, rewriter: PatternRewriter) -> bool | None:
    """layer(scale_shift(x)) --> layer(x), unless padding, which is 0 and not the shift, would notice."""
    op = defining(layer.x)
    if not isinstance(op, qd.ScaleShiftOp) or not used_once(layer.x):
        return NO_MATCH
    numbers = _weights(layer)
    factors = scale_and_shift(op, layer.channel_axis)
    if numbers is None or factors is None:
        return NO_MATCH
    (weight, bias), (scale, shift) = numbers, factors
    if shift.any() and isinstance(layer, qd.Conv2dOp) and any(ints(layer.padding)):
        return NO_MATCH
    outputs, inputs = weight.shape[:2]
    # output o reads the channels of its own group only
    channels = (np.arange(outputs) // (outputs // layer.group_count))[:, None] * inputs + np.arange(inputs)
    taps = [1] * (weight.ndim - 2)
    sums = (weight * shift[channels].reshape([outputs, inputs, *taps])).reshape(outputs, -1).sum(1)
    with rewriter.ip, layer.location:
        folded = _rebuild(layer, op.x, weight * scale[channels].reshape([outputs, inputs, *taps]), bias + sums)
    rewriter.replace_op(layer, [folded])
    return None


def into_norm_before(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """scale_shift(norm(x)) --> norm(x) with weight w * scale and bias b * scale + shift"""
    norm = defining(op.x)
    if not isinstance(norm, qd.Norm) or not used_once(op.x):
        return NO_MATCH
    weight, bias = constant_array(norm.weight), constant_array(norm.bias)
    factors = scale_and_shift(op, norm.channel_axis)
    if weight is None or bias is None or factors is None:
        return NO_MATCH
    scale, shift = factors
    with rewriter.ip, norm.location:
        merged = building.norm(type(norm), norm.x, weight * scale, bias * scale + shift, norm.epsilon.value)
    rewriter.replace_op(op, [merged])
    return None


@module_pass
def fold_batch_norm(module: ir.Operation) -> None:
    """Fold a scale and shift into the layer beside it: layer(x) * s + t --> layer with weights w*s and bias b*s + t

    Exact up to one float32 rounding of each weight, computed in float64.
    """
    rewrite(
        module,
        (qd.ScaleShiftOp, into_layer_before),
        (qd.ScaleShiftOp, into_norm_before),
        (qd.Conv2dOp, into_layer_after),
        (qd.LinearOp, into_layer_after),
    )
