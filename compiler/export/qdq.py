"""An artifact's integer graph as an ONNX file: float operators between QuantizeLinear and DequantizeLinear.

Every tensor of integers is one of the file's, with the same scale and zero point; weights are int8 with a scale for
each output channel, biases int32. ONNX Runtime computes what lies between in float32 and rounds halves to even, so that
a result is within one step of the artifact's, of the same integers. Tables and moves are exact: they stay operators of
integers.

Everything but recurrent layers and layers that stay float is taken (`rows.py` has what works along rows); those are
refused by name.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper
from torch_mlir import ir

from dyadic.compiler.export import rows  # noqa: F401 - it registers how its ops are written
from dyadic.compiler.export.writer import Writer, exports
from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import RESULTS, argument_attributes, said_of
from dyadic.dialects.fields import acc_shift, ints, numbers
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.dialects.tensor_types import (
    activation,
    is_integer,
    is_wide,
    known_activation,
    shape,
    storage,
)
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import UsageError
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

OPSET, IR_VERSION = 21, 10  # the first with quantizations of 16 bits
Array = npt.NDArray[Any]


def to_onnx(network: ir.Operation) -> onnx.ModelProto:
    """The file of a `qi` module.

    Raises:
        UsageError: a layer has no such form.
    """
    function = main_function(network)
    block = function.operation.regions[0].blocks[0]
    inputs, outputs = boundary_names(function)
    writer = Writer()
    writer.taken.update([*inputs, *outputs])
    for name, argument in zip(inputs, block.arguments, strict=True):
        writer.names[argument] = name
        if not is_integer(argument) and codes_of(argument) not in ("", "uint8"):
            raise UsageError(
                f'the input "{name}" is given as {codes_of(argument)} integers; in front of quantizations a file takes '
                "float32 or uint8"
            )
    *body, terminator = (each.opview for each in block.operations)
    for op in body:
        export = exports.of(type(op))
        if export is None:
            kind = op.operation.name.removeprefix("qi.").replace("_", " ")
            raise UsageError(
                f'"{layer_name(op)}" is a {kind}, which has no form between quantizations; recurrent layers and layers '
                "that stay float have none"
            )
        writer.names[op.operation.results[0]] = export(writer, op)
    for index, (name, value) in enumerate(zip(outputs, terminator.operation.operands, strict=True)):
        operator, said = last_function(name, argument_attributes(function, index, RESULTS))
        writer.nodes.append(
            helper.make_node(operator, [writer.names[value]], [name], writer.new(f"{name}_result"), **said)
        )
    graph = helper.make_graph(
        writer.nodes,
        "dyadic",
        [
            tensor(name, argument, argument_attributes(function, i))
            for i, (name, argument) in enumerate(zip(inputs, block.arguments, strict=True))
        ],
        [tensor(name, value, {}) for name, value in zip(outputs, terminator.operation.operands, strict=True)],
        list(writer.constants.values()),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="dyadic")


def codes_of(argument: ir.Value) -> str:
    """The type of an input that holds an activation's integers, as pixels do; "" of one that holds numbers."""
    said = said_of(argument)
    return ir.StringAttr(said[qd.DTYPE]).value if qd.DTYPE in said else ""


def last_function(output: str, said: dict[str, ir.Attribute]) -> tuple[str, dict[str, Any]]:
    """The operator, with its attributes, that a result goes through behind the integers; Identity for none."""
    if qd.DTYPE in said:
        raise UsageError(f'the output "{output}" is of whole numbers, which has no form between quantizations')
    last: Any = said.get(qd.LAST)
    if last is None or last["left_out"].value:
        return "Identity", {}
    operators = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "sigmoid": "Sigmoid", "hardmax": "Hardmax"}
    if last["name"].value not in operators:
        raise UsageError(f'the output "{output}" ranks what is computed, which has no form between quantizations')
    name = operators[last["name"].value]
    return name, {} if name == "Sigmoid" else {"axis": last["axis"].value}


def tensor(name: str, value: ir.Value, said: dict[str, ir.Attribute]) -> onnx.ValueInfoProto:
    """A tensor of the boundary, its batch open: float, or whole numbers in the user's type."""
    word = ir.StringAttr(said[qd.DTYPE]).value if qd.DTYPE in said else "float32"
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(word)), ["N", *shape(value)[1:]]
    )


@exports(qi.QuantizeOp)
def quantize(w: Writer, op: qi.QuantizeOp) -> str:
    if is_integer(op.x):  # what says which tokens are valid
        return w.node("Cast", [w.names[op.x]], f"{w.names[op.x]}_valid", to=TensorProto.UINT8)
    if codes_of(op.x):
        return w.names[op.x]
    return w.rounded(op, w.names[op.x], op.out)


@exports(qi.DequantizeOp)
def dequantize(w: Writer, op: qi.DequantizeOp) -> str:
    return w.real(op.x)


@exports(qi.JoinOp, qi.ConcatOp)
def concat(w: Writer, op: qi.JoinOp | qi.ConcatOp) -> str:
    parts = [w.names[op.a], w.names[op.b]]
    for place, (part, other) in enumerate([(op.a, op.b), (op.b, op.a)]):
        if isinstance(defining(part), qi.ConstantOp) and not isinstance(defining(other), qi.ConstantOp):
            parts[place] = in_each_image(w, part, other, layer_name(op))
    return w.node("Concat", parts, layer_name(op), axis=op.axis.value)


def in_each_image(w: Writer, constant: ir.Value, like: ir.Value, name: str) -> str:
    """What never changes, as often as there are images of another tensor."""
    batch = w.node("Shape", [w.names[like]], f"{name}_batch", start=0, end=1)
    others = w.constant(f"{name}_others", np.array(shape(constant)[1:], np.int64))
    sizes = w.node("Concat", [batch, others], f"{name}_sizes", axis=0)
    return w.node("Expand", [w.names[constant], sizes], f"{name}_each")


@exports(qi.ConstantOp)
def constant(w: Writer, op: qi.ConstantOp) -> str:
    """An activation that never changes; weights and biases are the layers' own."""
    if activation(op.out) is None:
        return ""
    return w.constant("constant", np.array(op.value).view(storage(op.out)))


def channel_scales(op: Any, result: ir.Value) -> tuple[Array, Array]:
    """(the scale of each channel's weights as its requantization has it, the biases without the zero point)."""
    weight = np.array(defining(op.weight).value).astype(np.int64)
    x, out = known_activation(op.x), known_activation(result)
    ratios = [Fraction(m, 1 << s) for m, s in zip(numbers(op.multiplier), numbers(op.shift), strict=True)]
    unit = Fraction(out.scale) / Fraction(x.scale) / (1 << acc_shift(op))
    exact = [float(r * unit) for r in ratios]
    scales = np.array([s if s > 0 else 1.0 for s in exact], np.float32)
    folded = np.array(defining(op.bias).value).astype(np.int64)
    return scales, folded + x.zero_point * weight.reshape(len(weight), -1).sum(1)


def layer_inputs(w: Writer, op: Any, weight: Array, axis: int) -> tuple[list[str], str]:
    """([x, weights], biases) of a layer as numbers."""
    name, (scales, bias) = layer_name(op), channel_scales(op, op.out)
    acc_scale = scales.astype(np.float64) * known_activation(op.x).scale
    dead = np.array([m == 0 for m in numbers(op.multiplier)])
    codes = np.where(dead.reshape(-1, *(1,) * (weight.ndim - 1)) if axis == 0 else dead, 0, weight)
    held = [w.constant(f"{name}_weight", codes.astype(np.int8)), w.constant(f"{name}_weight_scale", scales)]
    if is_wide(op.x) and axis == 1:  # ONNX Runtime would round what a MatMul of such weights reads to 8 bits
        real = w.constant(f"{name}_weights", (codes * scales).astype(np.float32))
    else:
        real = w.node("DequantizeLinear", held, f"{name}_weights", axis=axis)
    if np.abs(bias).max(initial=0) > np.iinfo(np.int32).max:  # beside the zero point it fits, without it not
        return [w.real(op.x), real], w.constant(f"{name}_bias", np.where(dead, 0, bias * acc_scale).astype(np.float32))
    held = [w.constant(f"{name}_bias", np.where(dead, 0, bias).astype(np.int32))]
    held.append(w.constant(f"{name}_bias_scale", acc_scale.astype(np.float32)))
    return [w.real(op.x), real], w.node("DequantizeLinear", held, f"{name}_biases", axis=0)


@exports(qi.Conv2dOp, qi.ConvAddOp)
def convolution(w: Writer, op: qi.Conv2dOp | qi.ConvAddOp) -> str:
    weight = np.array(defining(op.weight).value).transpose(0, 3, 1, 2)
    inputs, bias = layer_inputs(w, op, weight, 0)
    number = w.node(
        "Conv", [*inputs, bias], layer_name(op), kernel_shape=list(weight.shape[2:]), strides=ints(op.strides),
        pads=ints(op.padding), dilations=ints(op.dilation), group=op.groups.value,
    )  # fmt: skip
    return finished(w, op, number)


@exports(qi.LinearOp, qi.LinearAddOp)
def linear(w: Writer, op: qi.LinearOp | qi.LinearAddOp) -> str:
    weight, name = np.array(defining(op.weight).value), layer_name(op)
    if len(shape(op.x)) == 2:
        inputs, bias = layer_inputs(w, op, weight, 0)
        return finished(w, op, w.node("Gemm", [*inputs, bias], name, transB=1))
    inputs, bias = layer_inputs(w, op, weight.T, 1)
    number = w.node("MatMul", inputs, name)
    return finished(w, op, w.node("Add", [number, bias], f"{name}_sum"))


def finished(w: Writer, op: Any, number: str) -> str:
    """With the residual of a fused addition, rounded."""
    if qi.has_residual(op):
        number = w.node("Add", [number, w.real(op.residual)], f"{layer_name(op)}_residual")
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


@exports(qi.AddOp)
def add(w: Writer, op: qi.AddOp) -> str:
    a, b = w.real(op.a), w.real(op.b)
    if op.multiplier_a.value < 0:
        number = w.node("Sub", [b, a], layer_name(op))
    else:
        number = w.node("Sub" if op.multiplier_b.value < 0 else "Add", [a, b], layer_name(op))
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


@exports(qi.MulOp)
def mul(w: Writer, op: qi.MulOp) -> str:
    number = w.node("Mul", [w.real(op.a), w.real(op.b)], layer_name(op))
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


@exports(qi.DivOp)
def div(w: Writer, op: qi.DivOp) -> str:
    name = layer_name(op)
    b = known_activation(op.b)
    steps = np.arange(S16_MIN, S16_MAX + 1)
    inverse = (1 / (b.scale * np.where(steps == 0, 1, steps))).astype(np.float32)
    wide = w.node("Cast", [w.names[op.b]], f"{name}_wide", to=TensorProto.INT32)
    places = w.node("Sub", [wide, w.constant(f"{name}_first", np.int32(S16_MIN))], f"{name}_places")
    by = w.node("Gather", [w.constant(f"{name}_inverse", inverse), places], f"{name}_by", axis=0)
    number = w.node("Mul", [w.real(op.a), by], name)
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


@exports(qi.MatmulOp)
def matmul(w: Writer, op: qi.MatmulOp) -> str:
    number = w.node("MatMul", [w.real(op.a), w.real(op.b)], layer_name(op))
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


@exports(qi.MaxOp, qi.MinOp)
def extreme(w: Writer, op: qi.MaxOp | qi.MinOp) -> str:
    """Of numbers of one scale, which ONNX Runtime has it of."""
    kind = "Max" if isinstance(op, qi.MaxOp) else "Min"
    return w.rounded(op, w.node(kind, [w.real(op.a), w.real(op.b)], layer_name(op)), op.out)


@exports(qi.RequantOp)
def requant(w: Writer, op: qi.RequantOp) -> str:
    return w.rounded(op, w.real(op.x), op.out, op.low.value, op.high.value)


@exports(qi.TableOp)
def table(w: Writer, op: qi.TableOp) -> str:
    name = layer_name(op)
    entries = w.constant(f"{name}_table", np.array(op.table).view(storage(op.out)))
    places = w.node("Cast", [w.names[op.x]], f"{name}_places", to=TensorProto.INT32)
    return w.node("Gather", [entries, places], name, axis=0)


@exports(qi.PiecewiseLinearOp)
def piecewise_linear(w: Writer, op: qi.PiecewiseLinearOp) -> str:
    name, steps = layer_name(op), np.arange(S16_MIN, S16_MAX + 1)
    entries = w.constant(f"{name}_table", op.evaluate(steps))
    wide = w.node("Cast", [w.names[op.x]], f"{name}_wide", to=TensorProto.INT32)
    places = w.node("Sub", [wide, w.constant(f"{name}_first", np.int32(S16_MIN))], f"{name}_places")
    return w.node("Gather", [entries, places], name, axis=0)


@exports(qi.MaxPoolOp)
def max_pool(w: Writer, op: qi.MaxPoolOp) -> str:
    number = w.node("MaxPool", [w.real(op.x)], layer_name(op), **window(op, ints(op.dilation)))
    return w.rounded(op, number, op.out)


@exports(qi.AvgPoolOp)
def avg_pool(w: Writer, op: qi.AvgPoolOp) -> str:
    said = window(op, [1, 1]) | {"count_include_pad": int(op.count_include_pad.value)}
    del said["dilations"]
    number = w.node("AveragePool", [w.real(op.x)], layer_name(op), **said)
    return w.rounded(op, number, op.out, op.low.value, op.high.value)


def window(op: Any, dilation: list[int]) -> dict[str, Any]:
    """The attributes of a pool; where the last window reaches out further than the padding, by ONNX's ceil mode."""
    kernel, strides, padding = ints(op.kernel), ints(op.strides), ints(op.padding)
    floor = [
        (shape(op.x)[2 + d] + padding[d] + padding[2 + d] - dilation[d] * (kernel[d] - 1) - 1) // strides[d] + 1
        for d in range(2)
    ]
    said = {"kernel_shape": kernel, "strides": strides, "pads": padding, "dilations": dilation}
    return said | {"ceil_mode": int(floor != shape(op.out)[2:])}


@exports(qi.ReshapeOp)
def reshape(w: Writer, op: qi.ReshapeOp) -> str:
    sizes = w.constant(f"{layer_name(op)}_shape", np.array([0, *shape(op.out)[1:]], np.int64))
    return w.node("Reshape", [w.names[op.x], sizes], layer_name(op))


@exports(qi.TransposeOp)
def transpose(w: Writer, op: qi.TransposeOp) -> str:
    return w.node("Transpose", [w.names[op.x]], layer_name(op), perm=ints(op.permutation))


@exports(qi.SliceOp)
def slice_(w: Writer, op: qi.SliceOp) -> str:
    name, dims = layer_name(op), shape(op.out)
    axes = [d for d in range(1, len(dims)) if dims[d] != shape(op.x)[d]]
    starts, steps = [ints(op.starts)[d] for d in axes], [ints(op.steps)[d] for d in axes]
    ends = [start + (dims[d] - 1) * step + 1 for d, start, step in zip(axes, starts, steps, strict=True)]
    every = [w.constant(f"{name}_{what}", np.array(values, np.int64))
             for what, values in (("starts", starts), ("ends", ends), ("axes", axes), ("steps", steps))]  # fmt: skip
    return w.node("Slice", [w.names[op.x], *every], name)


@exports(qi.PadOp)
def pad(w: Writer, op: qi.PadOp) -> str:
    name = layer_name(op)
    sides = w.constant(f"{name}_sides", np.array([*ints(op.low), *ints(op.high)], np.int64))
    value = w.constant(f"{name}_value", storage(op.out)(op.value.value))
    return w.node("Pad", [w.names[op.x], sides, value], name)


@exports(qi.RepeatOp)
def repeat(w: Writer, op: qi.RepeatOp) -> str:
    """A Gather for each dimension that grows: it takes integers of any type."""
    made = w.names[op.x]
    for axis, (size, times) in enumerate(zip(shape(op.x), ints(op.times), strict=True)):
        if times > 1:
            made = gathered(w, layer_name(op), made, axis, np.repeat(np.arange(size), times))
    return made


@exports(qi.TakeOp)
def take(w: Writer, op: qi.TakeOp) -> str:
    return gathered(w, layer_name(op), w.names[op.x], op.axis.value, np.array(ints(op.places)))


def gathered(w: Writer, name: str, x: str, axis: int, places: Array) -> str:
    return w.node("Gather", [x, w.constant(f"{name}_places", places.astype(np.int64))], name, axis=axis)
