"""What an ONNX graph computes from its integer inputs alone becomes what it is: the ids themselves, or one mask.

    Gather(table, Cast(ids))                    -->  Gather(table, ids)
    Add(scores, Mul(Sub(1, Cast(mask)), -1e4))  -->  Add(scores, Valid(mask) {kind = "additive"})

`masks.py` says what each is, by evaluating it; `Valid` is an operator of the project's own, which ingest knows. A float
input is taken for a mask where everything that is computed from it alone is one, and not all of it the input itself.
What else is a row of a table for each number (`onnx_tables`) is looked up.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from dyadic.compiler.importers.masks import Found, Meaning, is_same, meaning_of, padding_of, places
from dyadic.compiler.importers.onnx_folding import FAILURES, replace_nodes
from dyadic.compiler.importers.onnx_inputs import NeedsConstant
from dyadic.compiler.importers.onnx_tables import ELEMENTWISE, columns, is_one_hot, of_lengths, one_hot, row
from dyadic.runtime.errors import ModelError

Array = npt.NDArray[Any]
Instead = NodeProto | str | TensorProto | list[NodeProto]
VALID = "DyadicValid"
REAL = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
WHOLE = {TensorProto.INT64: np.int64, TensorProto.INT32: np.int32, TensorProto.BOOL: np.bool_}


def replace_masks(model: onnx.ModelProto) -> Found:
    """Rewrite the graph in place; returns what was found of the inputs.

    Raises ModelError where something else is computed from an input of whole numbers.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in constants}
    kinds = {name: value.type.tensor_type.elem_type for name, value in inputs.items()}
    if not any(kind in WHOLE for kind in kinds.values()):
        return Found([], {})
    found = Found([], {})
    longest = max((d.dim_value for value in inputs.values() for d in value.type.tensor_type.shape.dim), default=0)
    for name, value in inputs.items():
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        whole = kinds[name] in WHOLE
        if not whole and (kinds[name] != TensorProto.FLOAT or len(sizes) != 2):
            continue
        if whole:
            spell_one_hot(model, name, constants)
        part = Part(model, name, constants, longest if sizes == [1] else 0)
        replaced = {each: part.instead(each, must=whole) for each in part.frontier()}
        if any(one is None for one in replaced.values()) or not replaced:
            continue
        if not whole and not any(isinstance(one, NodeProto) and is_of_masks(one) for one in replaced.values()):
            continue
        part.replace({each: one for each, one in replaced.items() if one is not None})
        if part.padding is not None:
            found.padding[name] = part.padding
        if not whole:
            found.masks.append(name)
    return found


def spell_one_hot(model: onnx.ModelProto, source: str, constants: dict[str, TensorProto]) -> None:
    """The first tensor that has a 1 in the column of each number of an input becomes an operator that says so."""
    part = Part(model, source, constants)
    for name, depth in columns(model.graph, list(part.made)).items():
        try:
            found = is_one_hot(part.function(name), part.sizes, depth)
        except FAILURES:
            continue
        if found:
            node, values = one_hot(name, source, depth)
            model.graph.initializer.extend(values)
            constants.update((each.name, each) for each in values)
            replace_nodes(model.graph, [node, *(each for each in model.graph.node if name not in each.output)])
            return


class Part:
    """What is computed from one input and constants alone.

    longest: the largest number that the input may be, where it is one length an image; else 0.
    """

    def __init__(
        self, model: onnx.ModelProto, source: str, constants: Mapping[str, TensorProto], longest: int = 0
    ) -> None:
        self.model, self.source, self.constants, self.longest = model, source, constants, longest
        value = next(one for one in model.graph.input if one.name == source)
        self.dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        self.sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        self.padding: int | None = None  # of token ids that positions are counted from
        self.made = {source: None}  # in the order of the graph
        self.codes = {  # of tables that are held as integers
            node.output[0]: constants[node.input[0]]
            for node in model.graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] in constants
        }
        self.nodes: list[NodeProto] = []
        for node in model.graph.node:
            read = [name for name in node.input if name and name not in constants]
            if read and set(read) <= self.made.keys() and not self.is_lookup(node):
                self.nodes.append(node)
                self.made |= dict.fromkeys(node.output)

    def is_lookup(self, node: NodeProto) -> bool:
        """Whether it takes rows of a table of real numbers by what is computed here."""
        if node.op_type == "OneHot":
            return node.input[0] in self.made and all(name in self.constants for name in node.input[1:])
        if node.op_type != "Gather" or node.input[1] not in self.made:
            return False
        if node.input[0] in self.codes:
            return len(self.codes[node.input[0]].dims) == 2
        table = self.constants.get(node.input[0])
        return table is not None and len(table.dims) == 2 and table.data_type in REAL

    def rows(self, lookup: NodeProto) -> int:
        """How many rows the table has."""
        if lookup.op_type == "OneHot":
            return int(numpy_helper.to_array(self.constants[lookup.input[1]]).reshape(-1)[0])
        return (self.codes.get(lookup.input[0]) or self.constants[lookup.input[0]]).dims[0]

    def readers(self, name: str) -> list[NodeProto]:
        """The nodes outside that read it."""
        inside = {id(node) for node in self.nodes}
        return [node for node in self.model.graph.node if name in node.input and id(node) not in inside]

    def frontier(self) -> list[str]:
        """What others read."""
        returned = {value.name for value in self.model.graph.output}
        return [name for name in self.made if self.readers(name) or (name in returned and name != self.source)]

    def function(self, name: str) -> Callable[[Array], Array]:
        """What `name` is, as a function of the input."""
        if name == self.source:
            return lambda x: x.astype(self.dtype)
        wanted, nodes = {name}, []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                nodes.insert(0, node)
                wanted.update(node.input)
        graph = helper.make_graph(
            nodes,
            "part",
            [helper.make_tensor_value_info(self.source, helper.np_dtype_to_tensor_dtype(self.dtype), self.sizes)],
            [onnx.ValueInfoProto(name=name)],
            [self.constants[each] for each in wanted if each in self.constants],
        )
        part = helper.make_model(graph, opset_imports=self.model.opset_import)
        run = ReferenceEvaluator(part)

        def compute(x: Array) -> Array:
            (made,) = run.run([name], {self.source: x.astype(self.dtype)})
            return np.asarray(made)

        return compute

    def instead(self, name: str, *, must: bool) -> Instead | None:
        """What `name` is: the input, a mask, a constant, or rows of a table. None where it is something else.

        Raises ModelError in the place of None, where it must be one of these.
        """
        readers = self.readers(name)
        tables = [self.rows(one) for one in readers if self.is_lookup(one) and name == ids_of(one)]
        if name == self.source and len(tables) == len(readers):
            return name
        length = self.sizes[-1] if len(self.sizes) == 2 else 0
        try:
            compute = self.function(name)
            if tables and len(tables) == len(readers):
                if is_same(compute, length, min(tables)):
                    return self.source
                positions = places(compute, length)
                meaning = None if positions is None else Meaning("constant", others=positions)
                self.padding = self.padding if positions is None else padding_of(compute, length)
            else:
                meaning = meaning_of(compute, length) if length > 1 else None
            if meaning is not None and meaning.kind == "constant":
                value = compute(np.ones(self.sizes)) if meaning.others is None else meaning.others
                return numpy_helper.from_array(np.asarray(value), name)
        except FAILURES:
            meaning = None
        if meaning is not None:
            return self.valid(name, meaning)
        if not must:
            return None
        if name != self.source and all(node.op_type in ELEMENTWISE for node in readers):
            if (nodes := self.row(name)) is not None:
                return nodes
        first = readers[0].name if readers else name
        what = f'what "{first}" reads is computed from the input "{self.source}"'
        so = (
            ", and is neither its numbers nor a mask of which tokens are valid; such arithmetic has no integer form: "
            "compute it outside of the model"
        )
        if self.sizes != [1]:
            raise ModelError(what + so)
        raise NeedsConstant(what, f"{so}, or say what it always is", self.source)

    def row(self, name: str) -> list[NodeProto] | None:
        """The row of a table that it is for each length; None where that would be too large."""
        try:
            table = of_lengths(self.function(name), self.longest)
        except FAILURES:
            return None
        found = None if table is None else row(name, self.source, table)
        if found is None:
            return None
        nodes, constants = found
        self.model.graph.initializer.extend(constants)
        return nodes

    def valid(self, name: str, meaning: Meaning) -> NodeProto:
        """The operator that says so."""
        node = helper.make_node(VALID, [self.source], [name], name=f"{name}/valid", kind=meaning.kind)
        if meaning.axis is not None:
            node.attribute.append(helper.make_attribute("tokens", meaning.axis))
        if meaning.others is not None:
            others = np.ascontiguousarray(meaning.others, np.float32)
            node.attribute.append(helper.make_attribute("others", numpy_helper.from_array(others)))
        return node

    def replace(self, instead: Mapping[str, Instead]) -> None:
        """Put what they are in the place of what was computed."""
        graph, inside = self.model.graph, {id(node) for node in self.nodes}
        outside = [node for node in graph.node if id(node) not in inside]
        made: list[NodeProto] = []
        for name, one in instead.items():
            if isinstance(one, TensorProto):
                graph.initializer.append(one)
            elif isinstance(one, NodeProto):
                if name == self.source:  # read as it is: from here on under another name
                    one.output[0] = f"{name} as it is"
                    for node in self.readers(name):
                        _rename(node, name, one.output[0])
                made.append(one)
            elif isinstance(one, list):
                made += one
            elif one != name:
                for node in self.readers(name):
                    _rename(node, name, one)
        dims = {value.name: value for value in graph.value_info}
        source = next(value for value in graph.input if value.name == self.source)
        for node in made:
            if node.output[0] not in dims and node.output[0].endswith(" as it is"):
                value = graph.value_info.add()
                value.CopyFrom(source)
                value.name = node.output[0]
        replace_nodes(graph, [*made, *outside])


def is_of_masks(valid: NodeProto) -> bool:
    """Whether nothing but a mask is used so: any signal may be a factor, read as it is."""
    return all(attribute.name != "kind" or attribute.s != b"factor" for attribute in valid.attribute)


def _rename(node: NodeProto, old: str, new: str) -> None:
    for i, name in enumerate(node.input):
        if name == old:
            node.input[i] = new


def ids_of(lookup: NodeProto) -> str:
    """What numbers the rows."""
    return lookup.input[0 if lookup.op_type == "OneHot" else 1]
