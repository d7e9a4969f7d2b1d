"""ONNX's operators that are formulas of others."""

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest import choices, families, transformers
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.functions import function
from dyadic.passes.ingest.onnx_node import attribute, onnx
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal
from dyadic.passes.ingest.types import WHOLE, element_of

WITHOUT_SPREAD = 1e-9  # what MeanVarianceNormalization adds to what it divides by


@onnx("IsInf")
def is_infinite(node: Node) -> Result:
    return transformers.never(node.argument(0))


@onnx("Mod")
def modulo(node: Node) -> Result:
    """What is left of x beside a multiple of y: of the sign of y, with fmod of that of x."""
    x, y = node.argument(0), choices.real(node.argument(1))
    if element_of(node.types[0]) == WHOLE:
        raise Unsupported("it divides whole numbers; float ones would work")
    if attribute(node, "fmod", 0):
        return families.sub(x, families.mul(choices.truncated(families.div(x, y)), y))
    whole = function(qd.FloorOp, families.div(x, y))
    return families.sub(x, families.mul(whole, y))


@onnx("MeanVarianceNormalization")
def mean_variance_normalization(node: Node) -> Result:
    x, axes = node.argument(0), attribute(node, "axes", [0, 2, 3])
    centered = families.sub(x, families.mean(x, axes, True))
    variance = families.mean(families.mul(centered, centered), axes, True)
    spread = families.add(variance, literal(np.asarray(WITHOUT_SPREAD**2)))
    root = each(spread, lambda value: building.unary(qd.SqrtOp, value))
    return families.div(centered, root)


@onnx("LpNormalization")
def lp_normalization(node: Node) -> Result:
    """Rows over the sum of their sizes, or of squares its root."""
    x, axis, order = node.argument(0), attribute(node, "axis", -1), attribute(node, "p", 2)
    if axis % len(dims_of(x)) == 0:
        raise Unsupported("it divides by a sum over the batch")
    if order == 2:
        return families.div(x, transformers.length(x, [axis], True))
    return families.div(x, transformers.total(function(qd.AbsOp, x), [axis], True))


@onnx("EyeLike")
def eye_like(node: Node) -> Result:
    rows, columns = dims_of(node.argument(0))
    return literal(np.eye(rows, columns, attribute(node, "k", 0), dtype=np.float32))
