"""A graph that is rewritten around integers: what is known of their types and scales, and the nodes so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft."
BITS: dict[int, tuple[int, bool]] = {
    TensorProto.INT2: (2, True), TensorProto.UINT2: (2, False), TensorProto.INT4: (4, True),
    TensorProto.UINT4: (4, False), TensorProto.INT8: (8, True), TensorProto.UINT8: (8, False),
    TensorProto.INT16: (16, True), TensorProto.UINT16: (16, False), TensorProto.INT32: (32, True),
}  # fmt: skip
BLOCKS = "{} weights are in blocks with scales of their own: they are read as numbers, and their codes are chosen anew"
Array = npt.NDArray[Any]
Rewrite = Callable[["Graph", NodeProto], bool]


@dataclass(frozen=True)
class Scaling:
    """What integers stand for: names of the scale and the zero point ("" for none), and the type."""

    scale: str
    zero_point: str
    kind: int


@dataclass
class Graph:
    """The nodes so far, and what is known of tensors."""

    constants: dict[str, TensorProto]
    types: dict[str, int]  # of the model's inputs, and of results that are integers
    made: list[TensorProto] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    scalings: dict[str, Scaling] = field(default_factory=dict)
    producers: dict[str, NodeProto] = field(default_factory=dict)  # of the graph as it was
    taken: set[str] = field(default_factory=set)
    learned: int = 0  # products whose input had its range found at run time
    blocked: int = 0  # weights in blocks that have scales of their own
    opset: int = 17  # of ONNX's own operators

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
        tensor = numpy_helper.from_array(np.ascontiguousarray(values).reshape(np.shape(values)), self.new(name))
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
        """The numbers that a tensor of integers stands for, by a DequantizeLinear in front of the node.

        Of rows of a table it is that of the table.
        """
        rows = self.producers.get(name)
        if axis is None and rows is not None and self.is_lookup(rows):
            numbers = self.real(node, rows.input[0], scale, zero_point)
            out = self.new(f"{name} as numbers")
            return self.emit("Gather", [numbers, rows.input[1]], [out], self.new(f"{node.name} looks {name} up"))
        out = self.new(f"{name} as numbers")
        said = {} if axis is None else {"axis": axis}
        marked = self.marks(self.type_of(zero_point, name)) | said
        inputs = [name, scale, *([zero_point] if zero_point else [])]
        return self.emit("DequantizeLinear", inputs, [out], self.new(f"{node.name} reads {name}"), **marked)

    def is_lookup(self, node: NodeProto) -> bool:
        """Whether it takes rows of a table of integers."""
        return node.op_type == "Gather" and not any(a.i for a in node.attribute) and node.input[0] in self.constants

    def rounded(self, node: NodeProto, value: str, out: str, scaling: Scaling) -> None:
        """`out` holds the integers of `value`, by a QuantizeLinear behind the node."""
        inputs = [value, scaling.scale, *([scaling.zero_point] if scaling.zero_point else [])]
        self.emit("QuantizeLinear", inputs, [out], self.new(f"{node.name} rounded"), **self.marks(scaling.kind))
        self.scalings[out], self.types[out] = scaling, scaling.kind

    def same(self, one: Scaling | None, other: Scaling) -> bool:
        """Whether integers stand for the same numbers, whatever their scales are called."""
        if one is None or one.kind != other.kind:
            return False
        pairs = ((one.scale, other.scale), (one.zero_point, other.zero_point))
        return all(
            a == b or (a in self.constants and b in self.constants and np.array_equal(self.array(a), self.array(b)))  # pyright: ignore[reportArgumentType]
            for a, b in pairs
        )

    @staticmethod
    def marks(kind: int) -> dict[str, int]:
        bits, signed = BITS.get(kind, (0, True))
        return {"__bits": bits, "__signed": int(signed)}


def attributes_of(node: NodeProto, *left_out: str) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name not in left_out}


def optional(node: NodeProto, index: int) -> str:
    return node.input[index] if index < len(node.input) else ""


def columns(new: Graph, node: NodeProto, name: str, scale: str, zero_point: str) -> str:
    """A matrix [..., K, N] with one scale, or one for each of its N columns, in whatever rank they are."""
    scales, points = new.array(scale), new.array(zero_point) if zero_point else None
    if scales is not None and scales.ndim > 1:
        scale = new.constant(f"{scale} of columns", scales.reshape(-1))
    if points is not None and points.ndim > 1:
        zero_point = new.constant(f"{zero_point} of columns", points.reshape(-1))
    rank = len(new.constants[name].dims) if name in new.constants else 2
    return new.real(node, name, scale, zero_point, rank - 1)


class Steps:
    """Nodes one after the other in place of one, the last of which has its output."""

    def __init__(self, new: Graph, node: NodeProto) -> None:
        self.new, self.node = new, node

    def make(self, operator: str, *inputs: str, last: bool = False, out: str = "", **said: Any) -> str:
        name = self.node.name if last else self.new.new(f"{self.node.name} {operator}")
        result = out or (self.node.output[0] if last else self.new.new(f"{self.node.output[0]} {operator}"))
        return self.new.emit(operator, inputs, [result], name, **said)

    def number(self, value: float) -> str:
        return self.new.constant(f"{self.node.name} number", np.float32(value))

    def whole(self, *values: int) -> str:
        """A list of whole numbers, as shapes are."""
        return self.new.constant(f"{self.node.name} sizes", np.array(values, np.int64))
