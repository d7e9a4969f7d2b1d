"""Layers that stay float: weights and bias as they are, between tensors of integers.

conv2d(x, w, b) {qd.weight_bits = 32} [clamp]  -->  qi.float_conv2d     weights [O,I,KH,KW]  -->  [O,KH,KW,I]
linear(x, w, b) {qd.weight_bits = 32} [clamp]  -->  qi.float_linear

Nothing is rounded but the result. What refine and calibration say of weights and biases is not asked for: both are
exact.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import Conversion, Target, constant_array, converts_island, dense, i64
from dyadic.passes.integerize.weight_scheme import runs
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError


@converts_island(qd.Conv2dOp)
def conv2d(c: Conversion, op: qd.Conv2dOp, target: Target) -> ir.Value:
    """A convolution with its clamp."""
    new = qi.FloatConv2dOp(
        x=c.get(op.x),
        weight=constant(op, constant_array(op, op.weight).transpose(0, 2, 3, 1)),
        bias=constant(op, constant_array(op, op.bias)),
        strides=op.strides,
        padding=op.padding,
        dilation=op.dilation,
        groups=op.groups,
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(shape(op.out)),
    )
    return new.out


@converts_island(qd.LinearOp)
def linear(c: Conversion, op: qd.LinearOp, target: Target) -> ir.Value:
    """A linear layer over the last dimension; behind a flattened image its columns follow the image's pixels."""
    weight = runs(constant_array(op, op.weight), c.flattened.get(op.x))
    new = qi.FloatLinearOp(
        x=c.get(op.x),
        weight=constant(op, weight.reshape(len(weight), -1)),
        bias=constant(op, constant_array(op, op.bias)),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(shape(op.out)),
    )
    return new.out


def constant(reader: Any, values: npt.NDArray[np.float64]) -> ir.Value:
    """A `qi.constant` of float32, which the model's numbers are.

    Raises:
        ModelError: one is not finite.
    """
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ModelError(
            f"{layer_name(reader)}: weights contain {bad} NaN or infinite values; float islands need finite ones, too."
        )
    value = dense(values.astype(np.float32))
    return qi.ConstantOp(value=value, out=value.type).out
