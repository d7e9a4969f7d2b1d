"""Every way to write a quantized ONNX model becomes one: float operators between QuantizeLinear and DequantizeLinear.

    QLinearConv(x, w)                      -->  QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w)))
    MaxPool of integers                    -->  QuantizeLinear(MaxPool(DequantizeLinear(x)))
    MatMulInteger(DynamicQuantizeLinear(x), w) and its scaling  -->  MatMul(x, DequantizeLinear(w))

Whatever is said of scales, zero points and codes is said of the same tensors as before. The two operators that stay get
attributes that say which integers they mean (`__bits`, `__signed`), and constants of 2 and 4 bits are held in bytes,
for importers that know neither. What has no such form is left as it is, for ingest to name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

BITS: dict[int, tuple[int, bool]] = {
    TensorProto.INT2: (2, True), TensorProto.UINT2: (2, False), TensorProto.INT4: (4, True),
    TensorProto.UINT4: (4, False), TensorProto.INT8: (8, True), TensorProto.UINT8: (8, False),
    TensorProto.INT16: (16, True), TensorProto.UINT16: (16, False), TensorProto.INT32: (32, True),
}  # fmt: skip
IN_BYTES = {TensorProto.INT2, TensorProto.UINT2, TensorProto.INT4, TensorProto.UINT4}
# data in input 0 and results whose integers are the input's
MOVES = set(
    "MaxPool Reshape Transpose Flatten Squeeze Unsqueeze Slice Identity Split Gather DepthToSpace SpaceToDepth Expand "
    "Tile Concat GlobalMaxPool Upsample Resize Pad".split()
)
CONTRIB = "com.microsoft."
Array = npt.NDArray[Any]
Rewrite = Callable[["_Graph", NodeProto], bool]


@dataclass(frozen=True)
class Scaling:
    """What integers stand for: names of the scale and the zero point ("" for none), and the type."""

    scale: str
    zero_point: str
    kind: int


@dataclass
class _Graph:
    """The nodes so far, and what is known of tensors."""

    constants: dict[str, TensorProto]
    types: dict[str, int]  # of the model's inputs, and of results that are integers
    made: list[TensorProto] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    scalings: dict[str, Scaling] = field(default_factory=dict)
    dynamic: dict[str, str] = field(default_factory=dict)  # what DynamicQuantizeLinear makes -> what it reads
    taken: set[str] = field(default_factory=set)

    def array(self, name: str) -> Array | None:
        """A constant's numbers; None where it is none."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def new(self, name: str) -> str:
        """A name that nothing has."""
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return name

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """A new constant."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), self.new(name))
        self.made.append(tensor)
        self.constants[tensor.name] = tensor
        return tensor.name

    def emit(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node; returns its first output."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return outputs[0]

    def type_of(self, *names: str) -> int:
        """The type of the first of some tensors that is known; of none, uint8 as ONNX has it."""
        for name in names:
            if name in self.constants:
                return self.constants[name].data_type
            if name in self.types:
                return self.types[name]
        return TensorProto.UINT8

    def real(self, node: NodeProto, name: str, scale: str, zero_point: str, axis: int | None = None) -> str:
        """The numbers that a tensor of integers stands for, by a DequantizeLinear in front of the node."""
        out = self.new(f"{name} as numbers")
        said = {} if axis is None else {"axis": axis}
        marked = self.marks(self.type_of(zero_point, name)) | said
        inputs = [name, scale, *([zero_point] if zero_point else [])]
        return self.emit("DequantizeLinear", inputs, [out], self.new(f"{node.name} reads {name}"), **marked)

    def rounded(self, node: NodeProto, value: str, out: str, scaling: Scaling) -> None:
        """`out` holds the integers of `value`, by a QuantizeLinear behind the node."""
        inputs = [value, scaling.scale, *([scaling.zero_point] if scaling.zero_point else [])]
        self.emit("QuantizeLinear", inputs, [out], self.new(f"{node.name} rounded"), **self.marks(scaling.kind))
        self.scalings[out], self.types[out] = scaling, scaling.kind

    @staticmethod
    def marks(kind: int) -> dict[str, int]:
        bits, signed = BITS.get(kind, (0, True))
        return {"__bits": bits, "__signed": int(signed)}


def normalize_quantization(model: onnx.ModelProto) -> None:
    """Rewrite a graph in place; a model that quantizes nothing stays as it is."""
    graph = model.graph
    if not any(is_of_quantization(node) for node in graph.node):
        return
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    types = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    taken = {*constants, *types, *(name for node in graph.node for name in (node.name, *node.output))}
    new = _Graph(constants, types, taken=taken)
    for node in graph.node:
        rewrite = REWRITES.get(node.op_type)
        if rewrite is None and node.op_type in MOVES and any(name in new.scalings for name in node.input[:1]):
            rewrite = move
        if rewrite is None or not rewrite(new, node):
            new.nodes.append(node)
    del graph.node[:]
    graph.node.extend(new.nodes)
    graph.initializer.extend(new.made)
    for tensor in [*graph.initializer, *(a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute)]:
        if tensor.data_type in IN_BYTES:
            hold_in_bytes(tensor)


def is_of_quantization(node: NodeProto) -> bool:
    return node.op_type in REWRITES


def hold_in_bytes(tensor: TensorProto) -> None:
    """The same numbers, 8 bits each."""
    kind = np.int8 if BITS[tensor.data_type][1] else np.uint8
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(kind), tensor.name))


def attributes_of(node: NodeProto, *left_out: str) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name not in left_out}


def optional(node: NodeProto, index: int) -> str:
    return node.input[index] if index < len(node.input) else ""


def quantize(new: _Graph, node: NodeProto) -> bool:
    """QuantizeLinear, with what it means written onto it."""
    said = {a.name: a.i for a in node.attribute if a.name == "output_dtype"}
    zero_point = optional(node, 2)
    kind = new.type_of(zero_point) if zero_point else said.get("output_dtype", 0) or TensorProto.UINT8
    attributes = attributes_of(node, "output_dtype", "saturate", "precision") | new.marks(kind)
    new.emit("QuantizeLinear", [name for name in node.input if name], [node.output[0]], node.name, **attributes)
    new.scalings[node.output[0]] = Scaling(node.input[1], zero_point, kind)
    new.types[node.output[0]] = kind
    return True


def dequantize(new: _Graph, node: NodeProto) -> bool:
    """DequantizeLinear, with what it means written onto it."""
    attributes = attributes_of(node, "output_dtype") | new.marks(new.type_of(optional(node, 2), node.input[0]))
    new.emit("DequantizeLinear", [name for name in node.input if name], [node.output[0]], node.name, **attributes)
    return True


def move(new: _Graph, node: NodeProto) -> bool:
    """The integers of the input at other places: the numbers are moved, and are what they were."""
    scaling = new.scalings[node.input[0]]
    count = len(node.input) if node.op_type == "Concat" else 1
    if any(new.scalings.get(name) != scaling for name in node.input[:count]):
        return False
    inputs = [new.real(node, name, scaling.scale, scaling.zero_point) for name in node.input[:count]]
    rest = list(node.input[count:])
    if node.op_type == "Pad":
        scale, code = new.array(scaling.scale), new.array(rest[1]) if len(rest) > 1 and rest[1] else np.int64(0)
        zero_point = new.array(scaling.zero_point) if scaling.zero_point else np.int64(0)
        if not rest or scale is None or zero_point is None or code is None:
            return False
        number = (int(np.asarray(code).reshape(-1)[0]) - int(zero_point.reshape(-1)[0])) * scale.reshape(-1)[0]
        rest = [rest[0], new.constant(f"{node.name} fills", np.float32(number)), *rest[2:]]
    outputs = [new.new(f"{name} as numbers moved") if name else "" for name in node.output]
    new.emit(node.op_type, [*inputs, *rest], outputs, node.name, **attributes_of(node))
    for value, out in zip(outputs, node.output, strict=True):
        if out:
            new.rounded(node, value, out, scaling)
    return True


def linear_conv(new: _Graph, node: NodeProto) -> bool:
    """QLinearConv(x, xs, xz, w, ws, wz, ys, yz, bias)."""
    x, xs, xz, w, ws, wz, ys, yz = node.input[:8]
    inputs = [new.real(node, x, xs, xz), new.real(node, w, ws, wz, 0)]
    if optional(node, 8):
        scale, by = new.array(xs), new.array(ws)
        if scale is None or by is None:
            return False
        inputs.append(new.real(node, node.input[8], new.constant(f"{node.name} bias", scale.reshape(-1) * by), "", 0))
    return finish(new, node, "Conv", inputs, ys, yz)


def linear_matmul(new: _Graph, node: NodeProto) -> bool:
    """QLinearMatMul(a, as, az, b, bs, bz, ys, yz); several scales of b are those of its columns."""
    a, s, z, b, bs, bz, ys, yz = node.input[:8]
    return finish(new, node, "MatMul", [new.real(node, a, s, z), columns(new, node, b, bs, bz)], ys, yz)


def columns(new: _Graph, node: NodeProto, name: str, scale: str, zero_point: str) -> str:
    """A matrix [..., K, N] with one scale, or one for each of its N columns, in whatever rank they are."""
    scales, points = new.array(scale), new.array(zero_point) if zero_point else None
    if scales is not None and scales.ndim > 1:
        scale = new.constant(f"{scale} of columns", scales.reshape(-1))
    if points is not None and points.ndim > 1:
        zero_point = new.constant(f"{zero_point} of columns", points.reshape(-1))
    rank = len(new.constants[name].dims) if name in new.constants else 2
    return new.real(node, name, scale, zero_point, rank - 1)


def finish(new: _Graph, node: NodeProto, operator: str, inputs: Sequence[str], scale: str, zero_point: str) -> bool:
    """The float operator under the node's name, and the rounding of what it makes."""
    value = new.new(f"{node.output[0]} as numbers made")
    new.emit(operator, inputs, [value], node.name, **attributes_of(node, "channels_last"))
    new.rounded(node, value, node.output[0], Scaling(scale, zero_point, new.type_of(zero_point)))
    return True


def linear_two(operator: str) -> Rewrite:
    """com.microsoft's QLinearAdd and QLinearMul: (a, as, az, b, bs, bz, ys, yz)."""

    def rewrite(new: _Graph, node: NodeProto) -> bool:
        a, s, z, b, bs, bz, ys = node.input[:7]
        inputs = [new.real(node, a, s, z), new.real(node, b, bs, bz)]
        return finish(new, node, operator, inputs, ys, optional(node, 7))

    return rewrite


def linear_one(operator: str) -> Rewrite:
    """com.microsoft's QLinearX of one tensor: (x, xs, xz, ys, yz)."""

    def rewrite(new: _Graph, node: NodeProto) -> bool:
        if any(a.name == "channels_last" and a.i for a in node.attribute):
            return False
        x, s, z, ys = node.input[:4]
        return finish(new, node, operator, [new.real(node, x, s, z)], ys, optional(node, 4))

    return rewrite


def linear_concat(new: _Graph, node: NodeProto) -> bool:
    """com.microsoft's QLinearConcat: (ys, yz, then x, xs, xz of each)."""
    every = list(node.input)
    parts = [new.real(node, every[i], every[i + 1], every[i + 2]) for i in range(2, len(every) - 2, 3)]
    return finish(new, node, "Concat", parts, node.input[0], node.input[1])


def linear_gemm(new: _Graph, node: NodeProto) -> bool:
    """com.microsoft's QGemm: (a, as, az, b, bs, bz, c, ys, yz), without the last two a float result."""
    a, s, z, b, bs, bz = node.input[:6]
    said = attributes_of(node)
    transposed = bool(said.get("transB", 0))
    inputs = [new.real(node, a, s, z), new.real(node, b, bs, bz, 0 if transposed else 1)]
    if optional(node, 6):
        scale, by = new.array(s), new.array(bs)
        if scale is None or by is None:
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
}
