"""Every way to write a quantized ONNX model becomes one: float operators between QuantizeLinear and DequantizeLinear.

    QLinearConv(x, w)                      -->  QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w)))
    MaxPool of integers                    -->  QuantizeLinear(MaxPool(DequantizeLinear(x)))
    MatMulInteger(DynamicQuantizeLinear(x), w) and its scaling  -->  MatMul(x, DequantizeLinear(w))

Whatever is said of scales, zero points and codes is said of the same tensors as before. The two operators that stay get
attributes that say which integers they mean (`__bits`, `__signed`), and constants of 2 and 4 bits are held in bytes,
for importers that know neither. What has no such form is left as it is, for ingest to name.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from dyadic.compiler.importers.onnx_dynamic import (
    PRODUCTS,
    dynamic_lstm,
    dynamic_matmul,
    dynamic_product,
    integer_matmul,
)
from dyadic.compiler.importers.onnx_integers import (
    BITS,
    BLOCKS,
    Graph,
    Rewrite,
    Scaling,
    attributes_of,
    columns,
    optional,
)
from dyadic.compiler.importers.onnx_qonnx import quant

IN_BYTES = {TensorProto.INT2, TensorProto.UINT2, TensorProto.INT4, TensorProto.UINT4}
# data in input 0 and results whose integers are the input's
MOVES = set(
    "MaxPool Reshape Transpose Flatten Squeeze Unsqueeze Slice Identity Split Gather DepthToSpace SpaceToDepth Expand "
    "Tile Concat GlobalMaxPool Upsample Resize Pad".split()
)
CONTRIB = "com.microsoft."
LEARNED = "{} layers of the model find the range of their input at every run; here the calibration data say it, once"


def normalize_quantization(model: onnx.ModelProto) -> list[str]:
    """Rewrite a graph in place; a model that quantizes nothing stays as it is.

    What the user should know of it.
    """
    graph = model.graph
    if not any(node.op_type in SPEAKING or node.op_type.endswith(QUANT) for node in graph.node):
        return []
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    types = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    taken = {*constants, *types, *(name for node in graph.node for name in (node.name, *node.output))}
    producers = {name: node for node in graph.node for name in node.output}
    new = Graph(constants, types, taken=taken, producers=producers)
    for node in graph.node:
        rewrite = quant if node.op_type.endswith(QUANT) else REWRITES.get(node.op_type)
        if rewrite is None and node.op_type in MOVES and any(name in new.scalings for name in node.input[:1]):
            rewrite = move
        short = len(node.input) < FEWEST.get(node.op_type, 0) or not all(node.output[:1]) or not node.output
        if rewrite is None or short or not rewrite(new, node):
            new.nodes.append(node)
    del graph.node[:]
    graph.node.extend(new.nodes)
    graph.initializer.extend(new.made)
    for tensor in [*graph.initializer, *(a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute)]:
        if tensor.data_type in IN_BYTES:
            hold_in_bytes(tensor)
    told = ((LEARNED, new.learned), (BLOCKS, new.blocked))
    return [note.format(count) for note, count in told if count]


def hold_in_bytes(tensor: TensorProto) -> None:
    """The same numbers, 8 bits each."""
    kind = np.int8 if BITS[tensor.data_type][1] else np.uint8
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(kind), tensor.name))


def quantize(new: Graph, node: NodeProto) -> bool:
    """QuantizeLinear, with what it means written onto it."""
    said = {a.name: a.i for a in node.attribute if a.name == "output_dtype"}
    zero_point = optional(node, 2)
    kind = new.type_of(zero_point) if zero_point else said.get("output_dtype", 0) or TensorProto.UINT8
    attributes = attributes_of(node, "output_dtype", "saturate", "precision") | new.marks(kind)
    new.emit("QuantizeLinear", [name for name in node.input if name], [node.output[0]], node.name, **attributes)
    new.scalings[node.output[0]] = Scaling(node.input[1], zero_point, kind)
    new.types[node.output[0]] = kind
    return True


def dequantize(new: Graph, node: NodeProto) -> bool:
    """DequantizeLinear, with what it means written onto it; of rows of a table, in front of the table."""
    rows, scale = new.producers.get(node.input[0]), new.array(node.input[1])
    if rows is not None and scale is not None and scale.size == 1 and new.is_lookup(rows):
        numbers = new.real(node, rows.input[0], node.input[1], optional(node, 2))
        new.emit("Gather", [numbers, rows.input[1]], [node.output[0]], node.name)
        return True
    attributes = attributes_of(node, "output_dtype") | new.marks(new.type_of(optional(node, 2), node.input[0]))
    new.emit("DequantizeLinear", [name for name in node.input if name], [node.output[0]], node.name, **attributes)
    new.blocked += bool(attributes.get("block_size")) and node.input[0] in new.constants
    return True


def move(new: Graph, node: NodeProto) -> bool:
    """The integers of the input at other places: the numbers are moved, and are what they were."""
    scaling = new.scalings[node.input[0]]
    count = len(node.input) if node.op_type == "Concat" else 1
    if not all(new.same(new.scalings.get(name), scaling) for name in node.input[:count]):
        return False
    inputs = [new.real(node, name, scaling.scale, scaling.zero_point) for name in node.input[:count]]
    rest = list(node.input[count:])
    if node.op_type == "Pad":
        scale, code = new.array(scaling.scale), new.array(rest[1]) if len(rest) > 1 and rest[1] else np.int64(0)
        zero_point = new.array(scaling.zero_point) if scaling.zero_point else np.int64(0)
        if not rest or scale is None or zero_point is None or code is None:
            return False
        if not scale.size == zero_point.size == np.size(code) == 1:
            return False
        number = (int(np.asarray(code).reshape(-1)[0]) - int(zero_point.reshape(-1)[0])) * scale.reshape(-1)[0]
        rest = [rest[0], new.constant(f"{node.name} fills", np.float32(number)), *rest[2:]]
    outputs = [new.new(f"{name} as numbers moved") if name else "" for name in node.output]
    new.emit(node.op_type, [*inputs, *rest], outputs, node.name, **attributes_of(node))
    for value, out in zip(outputs, node.output, strict=True):
        if out:
            new.rounded(node, value, out, scaling)
    return True


def linear_conv(new: Graph, node: NodeProto) -> bool:
    """QLinearConv(x, xs, xz, w, ws, wz, ys, yz, bias)."""
    x, xs, xz, w, ws, wz, ys, yz = node.input[:8]
    inputs = [new.real(node, x, xs, xz), new.real(node, w, ws, wz, 0)]
    if optional(node, 8):
        scale, by = new.array(xs), new.array(ws)
        if scale is None or by is None or scale.size != 1:
            return False
        inputs.append(new.real(node, node.input[8], new.constant(f"{node.name} bias", scale.reshape(-1) * by), "", 0))
    return finish(new, node, "Conv", inputs, ys, yz)


def linear_matmul(new: Graph, node: NodeProto) -> bool:
    """QLinearMatMul(a, as, az, b, bs, bz, ys, yz); several scales of b are those of its columns."""
    a, s, z, b, bs, bz, ys, yz = node.input[:8]
    return finish(new, node, "MatMul", [new.real(node, a, s, z), columns(new, node, b, bs, bz)], ys, yz)


def integer_product(new: Graph, node: NodeProto) -> bool:
    """MatMulInteger and ConvInteger(a, b, az, bz) of integers that no DynamicQuantizeLinear makes: whole numbers."""
    source = new.producers.get(node.input[0])
    if source is not None and source.op_type == "DynamicQuantizeLinear":
        return False
    a, b, az, bz = *node.input[:2], optional(node, 2), optional(node, 3)
    points = new.array(bz) if bz else None
    one = new.constant(f"{node.name} one", np.float32(1))
    each = one if points is None or points.size == 1 else new.constant(f"{one}s", np.ones(points.shape, np.float32))
    real = new.real(node, a, one, az)
    operator = PRODUCTS[node.op_type]
    weights = columns(new, node, b, each, bz) if operator == "MatMul" else new.real(node, b, each, bz, 0)
    new.emit(operator, [real, weights], [node.output[0]], node.name, **attributes_of(node))
    return True


def finish(new: Graph, node: NodeProto, operator: str, inputs: Sequence[str], scale: str, zero_point: str) -> bool:
    """The float operator under the node's name, and the rounding of what it makes."""
    value = new.new(f"{node.output[0]} as numbers made")
    new.emit(operator, inputs, [value], node.name, **attributes_of(node, "channels_last"))
    new.rounded(node, value, node.output[0], Scaling(scale, zero_point, new.type_of(zero_point)))
    return True


def linear_two(operator: str) -> Rewrite:
    """com.microsoft's QLinearAdd and QLinearMul: (a, as, az, b, bs, bz, ys, yz)."""

    def rewrite(new: Graph, node: NodeProto) -> bool:
        a, s, z, b, bs, bz, ys = node.input[:7]
        inputs = [new.real(node, a, s, z), new.real(node, b, bs, bz)]
        return finish(new, node, operator, inputs, ys, optional(node, 7))

    return rewrite


def linear_one(operator: str) -> Rewrite:
    """com.microsoft's QLinearX of one tensor: (x, xs, xz, ys, yz)."""

    def rewrite(new: Graph, node: NodeProto) -> bool:
        if any(a.name == "channels_last" and a.i for a in node.attribute):
            return False
        x, s, z, ys = node.input[:4]
        return finish(new, node, operator, [new.real(node, x, s, z)], ys, optional(node, 4))

    return rewrite


def linear_concat(new: Graph, node: NodeProto) -> bool:
    """com.microsoft's QLinearConcat: (ys, yz, then x, xs, xz of each)."""
    every = list(node.input)
    parts = [new.real(node, every[i], every[i + 1], every[i + 2]) for i in range(2, len(every) - 2, 3)]
    return finish(new, node, "Concat", parts, node.input[0], node.input[1])


def linear_gemm(new: Graph, node: NodeProto) -> bool:
    """com.microsoft's QGemm: (a, as, az, b, bs, bz, c, ys, yz), without the last two a float result."""
    a, s, z, b, bs, bz = node.input[:6]
    said = attributes_of(node)
    transposed = bool(said.get("transB", 0))
    inputs = [new.real(node, a, s, z), new.real(node, b, bs, bz, 0 if transposed else 1)]
    if optional(node, 6):
        scale, by = new.array(s), new.array(bs)
        if scale is None or by is None or scale.size != 1:
            return False
        factor = scale.reshape(-1) * by.reshape(-1) * np.float32(said.get("alpha", 1.0))
        inputs.append(new.real(node, node.input[6], new.constant(f"{node.name} bias", factor), "", 0))
    if not optional(node, 7):
        new.emit("Gemm", inputs, [node.output[0]], node.name, **said)
        return True
    return finish(new, node, "Gemm", inputs, node.input[7], optional(node, 8))


REWRITES: dict[str, Rewrite] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    f"{CONTRIB}QuantizeLinear": quantize,
    f"{CONTRIB}DequantizeLinear": dequantize,
    "QLinearConv": linear_conv,
    "QLinearMatMul": linear_matmul,
    f"{CONTRIB}QLinearAdd": linear_two("Add"),
    f"{CONTRIB}QLinearMul": linear_two("Mul"),
    f"{CONTRIB}QLinearSigmoid": linear_one("Sigmoid"),
    f"{CONTRIB}QLinearLeakyRelu": linear_one("LeakyRelu"),
    f"{CONTRIB}QLinearSoftmax": linear_one("Softmax"),
    f"{CONTRIB}QLinearAveragePool": linear_one("AveragePool"),
    f"{CONTRIB}QLinearGlobalAveragePool": linear_one("GlobalAveragePool"),
    f"{CONTRIB}QLinearReduceMean": linear_one("ReduceMean"),
    f"{CONTRIB}QLinearConcat": linear_concat,
    f"{CONTRIB}QGemm": linear_gemm,
    "Mul": dynamic_product,
    "MatMulInteger": integer_product,
    "ConvInteger": integer_product,
    f"{CONTRIB}DynamicQuantizeMatMul": dynamic_matmul,
    f"{CONTRIB}MatMulIntegerToFloat": integer_matmul,
    f"{CONTRIB}DynamicQuantizeLSTM": dynamic_lstm,
}
FEWEST = {  # inputs; ONNX's own operators have been checked
    f"{CONTRIB}QuantizeLinear": 2, f"{CONTRIB}DequantizeLinear": 2, f"{CONTRIB}QLinearAdd": 7,
    f"{CONTRIB}QLinearMul": 7, f"{CONTRIB}QLinearSigmoid": 4, f"{CONTRIB}QLinearLeakyRelu": 4,
    f"{CONTRIB}QLinearSoftmax": 4, f"{CONTRIB}QLinearAveragePool": 4, f"{CONTRIB}QLinearGlobalAveragePool": 4,
    f"{CONTRIB}QLinearReduceMean": 4, f"{CONTRIB}QLinearConcat": 5, f"{CONTRIB}QGemm": 6,
    f"{CONTRIB}DynamicQuantizeMatMul": 3, f"{CONTRIB}DynamicQuantizeLSTM": 11, f"{CONTRIB}MatMulIntegerToFloat": 4,
}  # fmt: skip
SPEAKING = {*REWRITES, "DynamicQuantizeLinear"} - {"Mul"}  # operators that no float model has
QUANT = ".Quant"  # of QONNX, in whichever domain
