"""GELU gets its name back, in each of the ways that exporters spell it out.

    x * (1 + erf(x / sqrt(2))) / 2                               gelu
    x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2      gelu_tanh
    x * sigmoid(1.702 * x)                                       silu(1.702 * x) / 1.702

wherever the factors stand. The numbers beside silu become part of the layers around it.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.formulas import affine, is_close, polynomial, uniform
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

ERF = np.array([0, 1 / math.sqrt(2)])  # what the function reads, as a polynomial of x
TANH = np.array([0, 1, 0, 0.044715]) * math.sqrt(2 / math.pi)


def scaled(x: ir.Value, scale: float) -> ir.Value:
    """`x * scale`, or x where the scale is 1 but for float32's rounding."""
    if is_close(scale, 1.0):
        return x
    size = shape(x)[-1]
    return building.scale_shift(x, np.full(size, scale), np.zeros(size), len(shape(x)) - 1)


def sources(value: ir.Value) -> Iterator[tuple[ir.Value, float]]:
    """Every (x, factor) with `value = factor * x`, the value itself first."""
    factor = 1.0
    while True:
        yield value, factor
        op = defining(value)
        numbers = uniform(op)
        if numbers is None or numbers[1]:
            return
        value, factor = op.x, factor * numbers[0]


def named(product: qd.MulOp) -> tuple[type[Any], ir.Value, float] | None:
    """(gelu or gelu_tanh, x, factor) with `product = factor * gelu(x)`."""
    for one, other in ((product.a, product.b), (product.b, product.a)):
        gate, slope, shift = affine(other)
        function = defining(gate)
        if not is_close(shift, slope):
            continue  # it is not slope * (1 + function)
        if isinstance(function, qd.ErfOp):
            kind, wanted = qd.GeluOp, ERF
        elif isinstance(function, qd.TanhOp):
            kind, wanted = qd.GeluTanhOp, TANH
        else:
            continue
        for x, factor in sources(one):
            found = polynomial(function.x, x)
            if found is not None and len(found) == len(wanted) and np.allclose(found, wanted, rtol=1e-4, atol=1e-7):
                return kind, x, 2 * slope * factor
    return None


def name_halved(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """x * (1 + erf(x / sqrt(2))) / 2, the factor behind."""
    numbers, product = uniform(op), defining(op.x)
    if numbers is None or numbers[1] or not isinstance(product, qd.MulOp) or not used_once(op.x):
        return NO_MATCH
    found = named(product)
    if found is None:
        return NO_MATCH
    kind, x, factor = found
    with rewriter.ip, op.location:
        replacement = scaled(building.unary(kind, x), factor * numbers[0])
    rewriter.replace_op(op, [replacement])
    return None


def name_product(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """(x / 2) * (1 + erf(x / sqrt(2))), the factor in front."""
    users = [uniform(use.owner.opview) for use in op.out.uses]
    found = named(op)
    if found is None or (len(users) == 1 and users[0] is not None and not users[0][1]):
        return NO_MATCH  # or its factor is still to come: see name_halved
    kind, x, factor = found
    with rewriter.ip, op.location:
        replacement = scaled(building.unary(kind, x), factor)
    rewriter.replace_op(op, [replacement])
    return None


def name_sigmoid_form(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    """x * sigmoid(c * x) --> silu(c * x) / c"""
    for x, gate in ((op.a, op.b), (op.b, op.a)):
        function = defining(gate)
        if not isinstance(function, qd.SigmoidOp):
            continue
        base, scale, shift = affine(function.x)
        if shift or scale <= 0 or base != x or is_close(scale, 1.0):
            continue
        with rewriter.ip, op.location:
            replacement = scaled(building.unary(qd.SiluOp, function.x), 1 / scale)
        rewriter.replace_op(op, [replacement])
        return None
    return NO_MATCH


@module_pass
def recognize_gelu(module: ir.Operation) -> None:
    """Name GELU spelled out in arithmetic: x * (1 + erf(x / sqrt(2))) / 2 --> gelu(x), and its approximations

    Exact in real numbers; the order of float32 roundings changes.
    """
    rewrite(
        module,
        (qd.ScaleShiftOp, name_halved),
        (qd.MulOp, name_product),
        (qd.MulOp, name_sigmoid_form),
    )
