"""Root mean squares that divide nothing, as ConvNeXt v2 compares its channels by, come of a norm.

    sqrt(mean(x^2))  -->  mean(x * rms_norm(x))

A square root of a sum of squares would need the squares' range: a norm has one of its own for every row.
"""

import math

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.formulas import affine
from dyadic.passes.prepare.recognize_norms import over
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

NOTHING = 1e-12  # of squares: a row of zeros is not divided by zero


def by_norm(op: qd.SqrtOp, rewriter: PatternRewriter) -> bool | None:
    inner, times, added = affine(op.x)
    mean = defining(inner)
    if not isinstance(mean, qd.ReduceMeanOp) or not mean.keep.value or times <= 0 or added:
        return NO_MATCH
    square = defining(mean.x)
    if not isinstance(square, qd.MulOp) or square.a != square.b:
        return NO_MATCH
    with rewriter.ip, op.location:
        axes = ints(mean.axes)
        product = building.elementwise(qd.MulOp, square.a, over(axes, square.a, qd.RmsNormOp, 1.0, NOTHING))
        length = building.reduce_mean(product, axes, True)
        last = shape(length)[-1]
        sized = building.scale_shift(length, np.full(last, math.sqrt(times)), np.zeros(last), len(shape(length)) - 1)
    rewriter.replace_op(op, [sized])
    return None


@module_pass
def measure_lengths(module: ir.Operation) -> None:
    """Take root mean squares by norms: sqrt(mean(x^2)) --> mean(x * rms_norm(x))

    Exact in real numbers, but for rows whose squares are all but 0.
    """
    rewrite(module, (qd.SqrtOp, by_norm))
