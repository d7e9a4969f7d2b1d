"""Functions of one number: those that both importers write in the same way, and those that each writes its own way."""

import math
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest import families
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.onnx_node import attribute, onnx
from dyadic.passes.ingest.translation import Node, Result, literal

LN_2, LN_10 = math.log(2), math.log(10)


def function(kind: type[qd.Function], x: Any, **numbers: float) -> Result:
    """`kind` of every element, its attributes rounded to float32."""
    given = {name: building.f32(value) for name, value in numbers.items()}
    return each(x, lambda value: kind(x=value, **given, out=value.type).result)


def same(in_onnx: str, in_aten: str, kind: type[qd.Function]) -> None:
    """Both importers have it, with one operand and nothing else to say."""

    def one(node: Node) -> Result:
        return function(kind, node.argument(0))

    onnx(in_onnx)(one)
    aten(in_aten)(one)


same("Sigmoid", "sigmoid", qd.SigmoidOp)
same("Tanh", "tanh", qd.TanhOp)
same("HardSwish", "hardswish", qd.HardSwishOp)
same("Erf", "erf", qd.ErfOp)
same("Exp", "exp", qd.ExpOp)
same("Log", "log", qd.LogOp)
same("Sqrt", "sqrt", qd.SqrtOp)
same("Reciprocal", "reciprocal", qd.ReciprocalOp)
same("Abs", "abs", qd.AbsOp)
same("Sign", "sign", qd.SignOp)
same("Floor", "floor", qd.FloorOp)
same("Ceil", "ceil", qd.CeilOp)
same("Round", "round", qd.RoundOp)
same("Sin", "sin", qd.SinOp)
same("Cos", "cos", qd.CosOp)
same("Tan", "tan", qd.TanOp)
same("Asin", "asin", qd.AsinOp)
same("Acos", "acos", qd.AcosOp)
same("Atan", "atan", qd.AtanOp)
same("Cosh", "cosh", qd.CoshOp)
same("Asinh", "asinh", qd.AsinhOp)
same("Acosh", "acosh", qd.AcoshOp)
same("Atanh", "atanh", qd.AtanhOp)
same("Mish", "mish", qd.MishOp)


def scaled(x: Any, factor: float, shift: float = 0.0) -> Result:
    """`x * factor + shift`."""
    result = x if factor == 1 else families.mul(x, literal(np.asarray(factor, np.float64)))
    return families.add(result, literal(np.asarray(shift, np.float64))) if shift else result


@onnx("Elu")
def elu(node: Node) -> Result:
    return function(qd.EluOp, node.argument(0), alpha=attribute(node, "alpha", 1.0), gamma=1.0, width=1.0)


@onnx("Selu")
def selu(node: Node) -> Result:
    alpha, gamma = attribute(node, "alpha", 1.67326319217681884765625), attribute(node, "gamma", 1.05070102214813232)
    return function(qd.EluOp, node.argument(0), alpha=alpha, gamma=gamma, width=1.0)


@onnx("Celu")
def celu(node: Node) -> Result:
    alpha = attribute(node, "alpha", 1.0)
    return function(qd.EluOp, node.argument(0), alpha=alpha, gamma=1.0, width=alpha)


@aten("elu")
def aten_elu(node: Node) -> Result:
    x, alpha, scale, input_scale = node.arguments
    return function(qd.EluOp, x, alpha=alpha, gamma=scale, width=1 / input_scale)


@aten("selu")
def aten_selu(node: Node) -> Result:
    return function(qd.EluOp, node.argument(0), alpha=1.6732632423543772, gamma=1.0507009873554805, width=1.0)


@aten("celu")
def aten_celu(node: Node) -> Result:
    alpha = node.argument(1)
    return function(qd.EluOp, node.argument(0), alpha=alpha, gamma=1.0, width=alpha)


@onnx("Softplus")
def softplus(node: Node) -> Result:
    return function(qd.SoftplusOp, node.argument(0), beta=1.0)


@aten("softplus")
def aten_softplus(node: Node) -> Result:
    """Above its threshold torch takes x itself, which differs by less than float32 shows at the usual 20."""
    return function(qd.SoftplusOp, node.argument(0), beta=node.argument(1))


@aten("log_sigmoid")
def log_sigmoid(node: Node) -> Result:
    return function(qd.LogSigmoidOp, node.argument(0))


@onnx("Softsign")
def softsign(node: Node) -> Result:
    return function(qd.SoftsignOp, node.argument(0))


@onnx("ThresholdedRelu")
def thresholded_relu(node: Node) -> Result:
    threshold = attribute(node, "alpha", 1.0)
    return function(qd.ThresholdedReluOp, node.argument(0), threshold=threshold, value=0.0)


@aten("threshold")
def threshold(node: Node) -> Result:
    return function(qd.ThresholdedReluOp, node.argument(0), threshold=node.argument(1), value=node.argument(2))


@onnx("Shrink")
def shrink(node: Node) -> Result:
    threshold, bias = attribute(node, "lambd", 0.5), attribute(node, "bias", 0.0)
    return function(qd.ShrinkOp, node.argument(0), threshold=threshold, bias=bias)


@aten("sgn")
def sgn(node: Node) -> Result:
    return function(qd.SignOp, node.argument(0))


@aten("exp2")
def exp2(node: Node) -> Result:
    return function(qd.ExpOp, scaled(node.argument(0), LN_2))


@aten("expm1")
def expm1(node: Node) -> Result:
    return scaled(function(qd.ExpOp, node.argument(0)), 1.0, -1.0)


@aten("log2")
def log2(node: Node) -> Result:
    return scaled(function(qd.LogOp, node.argument(0)), 1 / LN_2)


@aten("log10")
def log10(node: Node) -> Result:
    return scaled(function(qd.LogOp, node.argument(0)), 1 / LN_10)


@aten("log1p")
def log1p(node: Node) -> Result:
    return function(qd.LogOp, scaled(node.argument(0), 1.0, 1.0))


@onnx("Swish")
def swish(node: Node) -> Result:
    """`x * sigmoid(alpha * x)` is `silu(alpha * x) / alpha`."""
    alpha, x = attribute(node, "alpha", 1.0), node.argument(0)
    if alpha == 0:
        return scaled(x, 0.5)
    return scaled(function(qd.SiluOp, scaled(x, alpha)), 1 / alpha)


@onnx("HardSigmoid")
def hard_sigmoid(node: Node) -> Result:
    alpha, beta = attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5)
    return each(node.argument(0), lambda x: building.hard_sigmoid(x, alpha, beta))


@onnx("LeakyRelu")
def leaky_relu(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.leaky_relu(x, attribute(node, "alpha", 0.01)))


@onnx("PRelu")
def prelu(node: Node) -> Result:
    return leaky(node.argument(0), node.array(1, "slope"))


@aten("prelu")
def aten_prelu(node: Node) -> Result:
    """Its slopes are those of the channels, dimension 1."""
    slope, dims = node.array(1, "slope"), dims_of(node.argument(0))
    if slope.size > 1:
        slope = slope.reshape([-1] + [1] * (len(dims) - 2))
    return leaky(node.argument(0), slope)


def leaky(x: Any, slope: building.Array) -> Result:
    """`x` where positive, `slope * x` elsewhere. Slopes that differ: `x + (slope - 1) * min(x, 0)`."""
    families.check_finite(slope, "slope")
    if (slope == slope.flat[0]).all():
        return each(x, lambda value: building.leaky_relu(value, float(slope.flat[0])))
    negative = families.mul(families.clamp(x, -math.inf, 0.0), literal(slope.astype(np.float64) - 1))
    return families.add(x, negative)
