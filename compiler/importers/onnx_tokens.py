"""What is computed from inputs of whole numbers alone keeps sentences apart, or not: seen by computing it.

Exporters find out which tokens are valid in dozens of ways, some of which number the sentences of a batch and pick from
all of them (`Gather` by `Range`). So this part of a graph is run, for two sentences one by one and together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from dyadic.compiler.importers.onnx_folding import FAILURES, Constants

Array = npt.NDArray[Any]
WHOLE = {TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL}
REAL = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}
NUMBERS = 3  # of an input: enough for what is valid, and for a padding of 0 or 1


class TokenPart:
    """The nodes of a graph that read inputs of whole numbers and constants alone, up to look-ups in tables."""

    def __init__(self, graph: onnx.GraphProto, constants: Constants) -> None:
        self.graph, self.constants = graph, constants
        self.inputs = [v for v in graph.input if v.type.tensor_type.elem_type in WHOLE and v.name not in constants]
        made = {value.name for value in self.inputs}
        self.nodes: list[NodeProto] = []
        for node in graph.node:
            read = {name for name in node.input if name and name not in constants}
            if read and read <= made and not self._is_lookup(node):
                self.nodes.append(node)
                made.update(node.output)
        inside = {id(node) for node in self.nodes}
        wanted = {value.name for value in graph.output}
        wanted.update(name for node in graph.node if id(node) not in inside for name in node.input)
        self.frontier = [name for node in self.nodes for name in node.output if name in wanted]

    def _is_lookup(self, node: NodeProto) -> bool:
        table = self.constants.get(node.input[0]) if node.op_type == "Gather" else None
        return table is not None and len(table.dims) == 2 and table.data_type in REAL

    def compute(self, opsets: Any, feeds: Mapping[str, Array]) -> list[Array]:
        """What others read of it."""
        read = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes,
            "tokens",
            self.inputs,
            [onnx.ValueInfoProto(name=name) for name in self.frontier],
            [self.constants[name] for name in read if name in self.constants],
        )
        run = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))
        return [np.asarray(each) for each in run.run(self.frontier, dict(feeds))]


def apart(one: TokenPart, several: TokenPart, opsets: Any, batch: int) -> dict[str, bool] | None:
    """Of what others read: whether it has a part for each sentence; else it is the same for all.

    None where neither holds of some of it, or where it cannot be computed.
    """
    random = np.random.default_rng(0)
    sentences: list[dict[str, Array]] = []
    for _ in range(batch):
        sentence = {}
        for value in one.inputs:
            sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
            kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            sentence[value.name] = random.integers(0, 2 if kind == np.bool_ else NUMBERS, sizes).astype(kind)
        sentences.append(sentence)
    try:
        alone = [one.compute(opsets, each) for each in sentences]
        together = several.compute(opsets, {k: np.concatenate([each[k] for each in sentences]) for k in sentences[0]})
    except FAILURES:
        return None
    found = {}
    for name, whole, *parts in zip(several.frontier, together, *alone, strict=True):
        split = _is_joined(whole, parts)
        if not split and not all(whole.shape == part.shape and np.array_equal(whole, part) for part in parts):
            return None
        found[name] = split
    return found


def _is_joined(whole: Array, parts: Sequence[Array]) -> bool:
    if any(part.ndim == 0 or len(part) != 1 for part in parts):
        return False
    joined = np.concatenate(parts)
    return joined.shape == whole.shape and np.array_equal(joined, whole)
