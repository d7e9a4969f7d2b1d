"""Convolutions, linear layers and per-channel scalings: integer weights, folded biases, proven accumulators.

conv2d(x, w, b) [clamp]            -->  qi.conv2d              weights [O,I,KH,KW]  -->  [O,KH,KW,I]
add(conv2d(x, w, b), y) [clamp]    -->  qi.conv_add            where choose-fused-additions marked it
linear(x, w, b) [clamp]            -->  qi.linear
add(linear(x, w, b), y) [clamp]    -->  qi.linear_add
scale_shift(x, s, t) [clamp]       -->  qi.conv2d, depthwise 1x1; one s and one t into a given scale: qi.table
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.fields import ACC_SHIFT, ints
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.windows import tap_coverage
from dyadic.passes.formulas import uniform
from dyadic.passes.integerize.choose_fused_additions import operands
from dyadic.passes.integerize.conversion import (
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    dense,
    i32s,
    i64,
    i64s,
    stored_array,
)
from dyadic.passes.integerize.products import Product, quantize_product, residual_multipliers
from dyadic.passes.integerize.tables import line
from dyadic.passes.integerize.weight_scheme import runs, scheme_of
from dyadic.passes.rewriting import defining, layer_name

DEAD, DEAD_ERROR = "qi.dead_channels", "qi.dead_error"


@converts(qd.Conv2dOp)
def conv2d(c: Conversion, op: qd.Conv2dOp, target: Target) -> ir.Value:
    """A convolution with its requantization and clamp."""
    x = c.get(op.x)
    product = _conv_product(op, x, target, short=True)
    new = qi.Conv2dOp(
        x=x,
        weight=c.weight(product),
        bias=c.bias(product),
        strides=op.strides,
        padding=op.padding,
        dilation=op.dilation,
        groups=op.groups,
        multiplier=i32s(product.multiplier),
        shift=i32s(product.shift),
        low=i64(target.low),
        high=i64(target.high),
        form=ir.StringAttr.get(product.form),
        acc=i64s(product.acc),
        out=target.activation.tensor(shape(op.out)),
    )
    record_sums(new, product)
    return new.out


def fused_addition(c: Conversion, op: Any, target: Target) -> ir.Value:
    """An addition that takes in the layer of one of its operands."""
    taken, other = operands(op)
    layer = defining(taken)
    x, residual = c.get(layer.x), c.get(other)
    convolution = isinstance(layer, qd.Conv2dOp)
    product = (
        _conv_product(layer, x, target, short=False)
        if convolution
        else _linear_product(c, layer, x, target, short=False)
    )
    x_scale, out_scale = activation_of(x).exact * (1 << product.acc_shift), target.activation.exact
    constant = [m == 0 for m in product.multiplier]
    ratios = [x_scale * s / out_scale * (not zero) for s, zero in zip(product.scales, constant, strict=True)]
    b = activation_of(residual)
    m, mb, residual_shift, shift = residual_multipliers(ratios, b.exact / out_scale, b.high)
    fields: dict[str, Any] = {
        "x": x,
        "weight": c.weight(product),
        "bias": c.bias(product),
        "residual": residual,
        "multiplier": i32s(m),
        "residual_multiplier": i32s(mb),
        "residual_shift": i64(residual_shift),
        "shift": i32s(shift),
        "low": i64(target.low),
        "high": i64(target.high),
        "acc": i64s(product.acc),
        "out": target.activation.tensor(shape(op.out)),
    }
    if convolution:
        windows = {name: getattr(layer, name) for name in ("strides", "padding", "dilation", "groups")}
        new = qi.ConvAddOp(**fields, **windows)
    else:
        new = qi.LinearAddOp(**fields)
    record_sums(new, product)
    return new.out


@converts(qd.LinearOp)
def linear(c: Conversion, op: qd.LinearOp, target: Target) -> ir.Value:
    """A linear layer over the last dimension with its requantization and clamp."""
    x = c.get(op.x)
    product = _linear_product(c, op, x, target, short=True)
    new = qi.LinearOp(
        x=x,
        weight=c.weight(product),
        bias=c.bias(product),
        multiplier=i32s(product.multiplier),
        shift=i32s(product.shift),
        low=i64(target.low),
        high=i64(target.high),
        form=ir.StringAttr.get(product.form),
        acc=i64s(product.acc),
        out=target.activation.tensor(shape(op.out)),
    )
    record_sums(new, product)
    return new.out


@converts(qd.ScaleShiftOp)
def scale_shift(c: Conversion, op: qd.ScaleShiftOp, target: Target) -> ir.Value:
    """A depthwise 1x1 convolution over [1, channels, 1, everything else], the scaled axis first.

    Of bytes that are all treated alike, into a quantization that the file gives: a table, without rounded numbers.
    """
    x, axis = c.get(op.x), op.axis.value
    numbers = uniform(op)
    if numbers is not None and activation_of(x).bits <= 8 and target.given:
        entries = line(*numbers, activation_of(x), target.activation, target.low, target.high)
        return qi.TableOp(x=x, table=dense(entries), out=target.activation.tensor(shape(op.out))).out
    order = [0, axis, *(d for d in range(1, len(shape(x))) if d != axis)]
    moved = c.permute(x, order)
    inner = shape(moved)
    channels = inner[1]
    image = inner if len(inner) == 4 else [1, channels, 1, int(np.prod(inner[2:]))]
    product = quantize_product(
        layer_name(op),
        constant_array(op, op.scale).reshape(channels, 1, 1, 1),
        constant_array(op, op.shift),
        input_mean(op, channels).reshape(channels, 1),
        activation_of(x),
        target.activation,
        short=True,
    )
    new = qi.Conv2dOp(
        x=c.reshape(moved, image),
        weight=c.weight(product),
        bias=c.bias(product),
        strides=i64s([1, 1]),
        padding=i64s([0, 0, 0, 0]),
        dilation=i64s([1, 1]),
        groups=i64(channels),
        multiplier=i32s(product.multiplier),
        shift=i32s(product.shift),
        low=i64(target.low),
        high=i64(target.high),
        form=ir.StringAttr.get(product.form),
        acc=i64s(product.acc),
        out=target.activation.tensor(image),
    )
    record_sums(new, product)
    back = [order.index(d) for d in range(len(order))]
    return c.permute(c.reshape(new.out, inner), back)


def _conv_product(op: Any, x: ir.Value, target: Target, *, short: bool) -> Product:
    weight = stored_array(op, op.weight).transpose(0, 2, 3, 1)
    outputs, kernel, groups = len(weight), list(weight.shape[1:3]), op.groups.value
    seen = tap_coverage(
        shape(op.x)[2:], kernel, ints(op.strides), ints(op.padding), ints(op.dilation), shape(op.out)[2:]
    )
    by_group = input_mean(op, shape(op.x)[1]).reshape(groups, 1, 1, -1) * seen[:, :, None]
    mean = np.repeat(by_group.reshape(groups, -1), outputs // groups, 0)
    return quantize_product(
        layer_name(op),
        weight,
        layer_bias(op),
        mean,
        activation_of(x),
        target.activation,
        short=short,
        scheme=scheme_of(op, runs(stored_array(op, op.weight))),
    )


def _linear_product(c: Conversion, op: Any, x: ir.Value, target: Target, *, short: bool) -> Product:
    """Behind a flattened image its columns follow the image's pixels."""
    image, mean = c.flattened.get(op.x), input_mean(op, shape(op.x)[-1])
    weight = runs(stored_array(op, op.weight), image)
    if image is not None:
        mean = mean.reshape(image).transpose(1, 2, 0).reshape(-1)
    product = quantize_product(
        layer_name(op),
        weight,
        layer_bias(op),
        mean,
        activation_of(x),
        target.activation,
        short=short,
        scheme=scheme_of(op, weight),
    )
    return replace(product, weight=product.weight.reshape(len(weight), -1))


def input_mean(op: Any, channels: int) -> npt.NDArray[np.float64]:
    """What calibration saw of each input channel on average (`qd.input_mean`); 0 where it did not look.

    And 0 where refine says by how much the bias shifts: what rounding adds on average is in that already.
    """
    attributes = op.operation.attributes
    if qd.INPUT_MEAN not in attributes or qd.BIAS_SHIFT in attributes:
        return np.zeros(channels)
    return np.array([float(v) for v in attributes[qd.INPUT_MEAN]])


def layer_bias(op: Any) -> npt.NDArray[np.float64]:
    """The bias of a convolution or linear layer, shifted as refine decided (`qd.bias_shift`)."""
    bias, attributes = constant_array(op, op.bias), op.operation.attributes
    return bias + np.array([float(v) for v in attributes[qd.BIAS_SHIFT]]) if qd.BIAS_SHIFT in attributes else bias


def record_sums(op: Any, product: Product) -> None:
    """Write onto the op by how much its accumulators are narrowed, where they are; and, for the report, which channels
    the scale floor made coarser and the worst error it causes."""
    if product.acc_shift:
        op.operation.attributes[ACC_SHIFT] = i64(product.acc_shift)
    if product.dead:
        op.operation.attributes[DEAD] = i64s(product.dead)
        op.operation.attributes[DEAD_ERROR] = ir.FloatAttr.get(ir.F64Type.get(), product.dead_error)
