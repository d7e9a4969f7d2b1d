"""What an ONNX file says of itself, held against what is there, before anything is allocated or given to a library.

A file is anyone's bytes: a tensor of four numbers may call itself 2^40 long, an attribute may say that it is a graph
and hold none. Everything behind this module may take for granted: each tensor has a known type, sizes that are not
negative and exactly as many numbers as they need; each attribute holds what its type says; names of inputs, outputs and
functions are there once. What operators mean, and what they mean to each other, is not looked at here.
"""

from collections.abc import Iterable, Iterator

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from dyadic.runtime.errors import ModelError

STANDARD = ("", "ai.onnx")  # two names of ONNX's own operators
MOST_RANK = 64  # NumPy's

PACKED_BITS: dict[int, int] = {
    TensorProto.UINT2: 2,
    TensorProto.INT2: 2,
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.FLOAT6E2M3: 6,
    TensorProto.FLOAT6E3M2: 6,
}
TYPES = set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
PAIRS = (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
HELD_IN = {
    AttributeProto.TENSOR: "t",
    AttributeProto.GRAPH: "g",
    AttributeProto.SPARSE_TENSOR: "sparse_tensor",
    AttributeProto.TYPE_PROTO: "tp",
}


def every_node(model: ModelProto) -> Iterator[NodeProto]:
    """Those of the graph, of functions, and of the graphs inside nodes."""
    waiting: list[Iterable[NodeProto]] = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        for node in waiting.pop():
            yield node
            waiting.extend(graph.node for graph in _inner_graphs(node))


def every_tensor(model: ModelProto) -> Iterator[tuple[TensorProto, str]]:
    """Every tensor of the file, and what to call it: the weight "w", or the constant of a node."""
    for tensor in model.graph.initializer:
        yield tensor, f'the weight "{tensor.name}"'
    for node in every_node(model):
        called = f'the constant of "{node.name or next(iter(node.output), node.op_type)}"'
        for attribute in node.attribute:
            for tensor in (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors):
                yield tensor, called
        for graph in _inner_graphs(node):
            for tensor in graph.initializer:
                yield tensor, f'the weight "{tensor.name}"'


def _inner_graphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def check_structure(model: ModelProto) -> None:
    """Raise ModelError where the file contradicts itself. Tensors in files beside it are `check_tensors`' own."""
    _check_unique((value.name for value in model.graph.input), "input")
    _check_unique((value.name for value in model.graph.output), "output")
    _check_unique((f"{each.domain}.{each.name}:{each.overload}" for each in model.functions), "function")
    _check_text(model)
    versions = {each.version for each in model.opset_import if each.domain in STANDARD}
    if len(versions) > 1:
        raise ModelError(f"the model names {len(versions)} versions of ONNX's operator set, {sorted(versions)}")
    for sparse in model.graph.sparse_initializer:
        raise ModelError(f'the weight "{sparse.values.name}" is sparse; dense weights are supported')
    functions = {(each.domain, each.name, each.overload): each for each in model.functions}
    for node in every_node(model):
        _check_node(node, in_function=bool(functions))
        called = functions.get((node.domain, node.op_type, node.overload))
        if called is not None:
            _check_call(node, called)


def _check_text(model: ModelProto) -> None:
    """Names are text: what is no UTF-8 comes as bytes."""
    for node in every_node(model):
        words = [node.name, node.op_type, node.domain, node.overload, *node.input, *node.output]
        words += [word for a in node.attribute for word in (a.name, a.ref_attr_name)]
        graphs = [node.name, *(value.name for graph in _inner_graphs(node) for value in (*graph.input, *graph.output))]
        if not all(isinstance(word, str) for word in words + graphs):
            raise ModelError(f"a node of the model has a name that is no text: {node.name!r} ({node.op_type!r})")
        node.ClearField("doc_string")
    graph = model.graph
    names = [graph.name, *(opset.domain for opset in model.opset_import)]
    names += [value.name for value in (*graph.input, *graph.output)]
    names += [tensor.name for tensor, _ in every_tensor(model)]
    names += [dim.dim_param for value in graph.input for dim in value.type.tensor_type.shape.dim]
    names += [word for each in model.functions for word in (each.name, each.domain, *each.input, *each.output)]
    if not all(isinstance(name, str) for name in names):
        raise ModelError("the model has names of inputs, outputs or weights that are no text")


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise ModelError(f"an {what} of the model has no name" if what != "function" else "a function has no name")
        if name in seen:
            raise ModelError(f'the model has two {what}s with the name "{name}"; names must differ')
        seen.add(name)


def _check_call(node: NodeProto, function: onnx.FunctionProto) -> None:
    """A call gives a function no more than it takes."""
    for given, taken, what in ((node.input, function.input, "inputs"), (node.output, function.output, "outputs")):
        if len(given) > len(taken):
            raise ModelError(
                f'"{node.name}" calls the function "{function.name}" with {len(given)} {what}; it has {len(taken)}'
            )


def _check_node(node: NodeProto, in_function: bool) -> None:
    name = node.name or next(iter(node.output), "")
    if not node.op_type:
        raise ModelError(f'"{name}" is an operation without an operator')
    called = f'"{name}" ({node.op_type})'
    seen: set[str] = set()
    for attribute in node.attribute:
        if attribute.name in seen or not attribute.name:
            raise ModelError(f'{called} has the attribute "{attribute.name}" twice, or one without a name')
        seen.add(attribute.name)
        if attribute.type not in AttributeProto.AttributeType.values() or (
            attribute.type == AttributeProto.UNDEFINED and not (in_function and attribute.ref_attr_name)
        ):
            raise ModelError(f'{called}: its attribute "{attribute.name}" has no type that ONNX knows')
        if attribute.ref_attr_name and not in_function:
            raise ModelError(f'{called}: its attribute "{attribute.name}" refers to a function, and this is none')
        held = HELD_IN.get(attribute.type)
        if held is not None and not attribute.ref_attr_name and not attribute.HasField(held):
            raise ModelError(f'{called}: its attribute "{attribute.name}" is empty')
    if node.op_type == "Constant" and node.domain in STANDARD:
        if node.input or len(node.output) != 1 or not node.output[0] or len(node.attribute) != 1:
            raise ModelError(f"{called} needs one value and one output, and reads nothing")
        if node.attribute[0].type == AttributeProto.SPARSE_TENSOR:
            raise ModelError(f"{called} is sparse; dense constants are supported")


def check_tensors(model: ModelProto) -> None:
    """Every tensor holds exactly the numbers that its type and sizes ask for; those in files beside it are read."""
    for tensor, called in every_tensor(model):
        expected = bytes_of(tensor, called)
        if tensor.HasField("segment"):
            raise ModelError(f"{called} is one segment of a tensor; whole tensors are supported")
        count = _count(tensor)
        if tensor.data_type == TensorProto.STRING:
            held, needed, of_what = len(tensor.string_data), count, "texts"
        elif tensor.HasField("raw_data"):
            held, needed, of_what = len(tensor.raw_data), expected, "bytes"
        else:
            field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
            held, needed, of_what = len(getattr(tensor, field)), _entries(tensor, count), "numbers"
        if held != needed:
            raise ModelError(f"{called} holds {held} {of_what}, its sizes {list(tensor.dims)} need {needed}")


def bytes_of(tensor: TensorProto, called: str) -> int:
    """How many bytes the numbers of a tensor have in a file; ModelError where its type or sizes are none."""
    if tensor.data_type not in TYPES:
        raise ModelError(f"{called} has the data type {tensor.data_type}, which ONNX does not know")
    if any(size < 0 for size in tensor.dims) or len(tensor.dims) > MOST_RANK:
        raise ModelError(f"{called} has the sizes {list(tensor.dims)[:MOST_RANK]}")
    if tensor.data_type == TensorProto.STRING:
        return 0
    bits = PACKED_BITS.get(tensor.data_type)
    if bits is None:
        bits = 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return -(-_count(tensor) * bits // 8)


def _count(tensor: TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def _entries(tensor: TensorProto, count: int) -> int:
    """How many numbers of the tensor's own field hold `count` elements: two for a complex one, one for small ones."""
    if tensor.data_type in PAIRS:
        return 2 * count
    bits = PACKED_BITS.get(tensor.data_type, 8)
    return -(-count * bits // 8) if bits in (2, 4) else count
