"""Activations that exporters spell out in arithmetic get their names back, since one table does all of it."""

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.building import constant_array
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

SIXTH = 1 / 6


def _is(value: ir.Value | None, x: ir.Value) -> bool:
    """Whether both are there and the same; the bindings cannot compare a value with None."""
    return value is not None and value == x


def _affine_of(value: ir.Value, scale: float, shift: float) -> ir.Value | None:
    """x where `value` is `x * scale + shift` with one scale and one shift for all channels."""
    op = defining(value)
    if not isinstance(op, qd.ScaleShiftOp):
        return None
    scales, shifts = constant_array(op.scale), constant_array(op.shift)
    if scales is None or shifts is None:
        return None
    fits = np.allclose(scales, scale, rtol=1e-6, atol=0) and np.allclose(shifts, shift, rtol=1e-6, atol=0)
    return op.x if fits else None


def _clamped(value: ir.Value, low: float, high: float) -> ir.Value | None:
    """x where `value` is `min(max(x, low), high)`."""
    op = defining(value)
    fits = isinstance(op, qd.ClampOp) and (op.low.value, op.high.value) == (low, high)
    return op.x if fits else None


def _relu6_of_three_more(value: ir.Value) -> ir.Value | None:
    """x where `value` is `min(max(x + 3, 0), 6)`."""
    inner = _clamped(value, 0, 6)
    return None if inner is None else _affine_of(inner, 1, 3)


def _hard_sigmoid_of(value: ir.Value) -> ir.Value | None:
    """x where `value` is `hard_sigmoid(x)` with torch's slope, as an op or as `min(max(x/6 + 1/2, 0), 1)`."""
    op = defining(value)
    if isinstance(op, qd.HardSigmoidOp):
        return op.x if abs(op.alpha.value - SIXTH) < 1e-6 and op.beta.value == 0.5 else None
    inner = _clamped(value, 0, 1)
    return None if inner is None else _affine_of(inner, SIXTH, 0.5)


def name_product(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """x * sigmoid(x) --> silu(x), x * hard_sigmoid(x) --> hard_swish(x)"""
    for x, gate in ((op.a, op.b), (op.b, op.a)):
        producer = defining(gate)
        kind = None
        if isinstance(producer, qd.SigmoidOp) and producer.x == x:
            kind = qd.SiluOp
        elif _is(_hard_sigmoid_of(gate), x):
            kind = qd.HardSwishOp
        if kind is not None:
            with rewriter.ip, op.location:
                named = building.unary(kind, x)
            rewriter.replace_op(op, [named])
            return None
    return NO_MATCH


def name_sixth(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """relu6(x + 3) / 6 --> hard_sigmoid(x), x * relu6(x + 3) / 6 --> hard_swish(x)"""
    inner = _affine_of(op.out, SIXTH, 0)
    if inner is None:
        return NO_MATCH
    x = _relu6_of_three_more(inner)
    product = defining(inner)
    if x is not None:
        with rewriter.ip, op.location:
            named = building.hard_sigmoid(x, SIXTH, 0.5)
    elif isinstance(product, qd.MulOp) and _is(_relu6_of_three_more(product.b), product.a):
        with rewriter.ip, op.location:
            named = building.unary(qd.HardSwishOp, product.a)
    elif isinstance(product, qd.MulOp) and _is(_relu6_of_three_more(product.a), product.b):
        with rewriter.ip, op.location:
            named = building.unary(qd.HardSwishOp, product.b)
    else:
        return NO_MATCH
    rewriter.replace_op(op, [named])
    return None


@module_pass
def recognize_activations(module: ir.Operation) -> None:
    """Name activations spelled out in arithmetic: x * sigmoid(x) --> silu(x), x * relu6(x + 3) / 6 --> hard_swish(x)

    Exact in real numbers; the order of float32 roundings changes.
    """
    rewrite(module, (qd.MulOp, name_product), (qd.ScaleShiftOp, name_sixth))
