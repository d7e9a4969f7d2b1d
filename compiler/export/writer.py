"""An exported file while it is written, and what each op of `qi` is in it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from torch_mlir import ir

from dyadic.dialects.tensor_types import known_activation, quantized_bounds, storage
from dyadic.passes.by_kind import ByKind
from dyadic.passes.rewriting import layer_name


class Writer:
    """The file so far: what each value of the graph is called in it."""

    def __init__(self) -> None:
        self.names: dict[ir.Value, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.taken: set[str] = set()
        self.reals: dict[str, str] = {}  # integers -> the numbers that they stand for

    def new(self, name: str) -> str:
        """A name that nothing has."""
        found, count = name, 1
        while found in self.taken:
            count += 1
            found = f"{name}#{count}"
        self.taken.add(found)
        return found

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        found = self.new(name)
        self.constants[found] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(np.shape(values)), found)
        return found

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Its one result."""
        out = self.new(f"{name}_{operator}")
        self.nodes.append(helper.make_node(operator, inputs, [out], self.new(name), **attributes))
        return out

    def scaling(self, value: ir.Value, name: str) -> list[str]:
        kind = known_activation(value)
        scale = self.constant(f"{name}_scale", np.float32(kind.scale))
        return [scale, self.constant(f"{name}_zero_point", storage(value)(kind.zero_point))]

    def real(self, value: ir.Value) -> str:
        """The numbers that a tensor of integers stands for."""
        codes = self.names[value]
        if codes not in self.reals:
            self.reals[codes] = self.node("DequantizeLinear", [codes, *self.scaling(value, codes)], f"{codes}_real")
        return self.reals[codes]

    def rounded(self, op: Any, number: str, result: ir.Value, low: int | None = None, high: int | None = None) -> str:
        """Numbers as integers of the result's type, within the op's clamp."""
        kind, name = known_activation(result), layer_name(op)
        whole = np.iinfo(storage(result))
        lowest, highest = quantized_bounds(result)
        low, high = lowest if low is None else low, highest if high is None else high
        if (low, high) != (whole.min, whole.max):
            ends = [np.float32((step - kind.zero_point) * kind.scale) for step in (low, high)]
            bounds = [self.constant(f"{name}_{end}", value) for end, value in zip(("low", "high"), ends, strict=True)]
            number = self.node("Clip", [number, *bounds], f"{name}_clamp")
        return self.node("QuantizeLinear", [number, *self.scaling(result, name)], f"{name}_rounded")


Export = Callable[[Writer, Any], str]
exports = ByKind[Export]()  # what each op is in the file: the name of its integers
