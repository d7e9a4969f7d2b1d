"""Make an ONNX graph static: one image a run, shapes known, and what does not depend on the input computed.

Exporters leave shape arithmetic behind (Shape, Gather, Concat, Range, If on a shape). With every shape known it is all
constant, so it is evaluated here, by onnx's own reference implementation, and vanishes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from dyadic.runtime.errors import ModelError, UsageError

Constants = dict[str, onnx.TensorProto]
Array = npt.NDArray[Any]

SMALL_BYTES = 4096  # what shape inference gets to see; weights only have shapes there
LARGEST_FOLDED = 1 << 26  # elements of a tensor that is computed while compiling
NOT_FOLDED = {
    "QuantizeLinear",
    "DequantizeLinear",
    "RandomNormal",
    "RandomUniform",
    "Multinomial",
    "Bernoulli",
    "Loop",
    "Scan",
}


def make_static(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Fix the inputs' shapes with a batch of 1, fold all that is constant, drop all that is dead, infer every shape."""
    graph = model.graph
    baked_batch = _fix_inputs(graph, shapes)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for value in graph.output:  # the exporter's batch is in them, inference writes them anew
        value.type.tensor_type.ClearField("shape")
    while True:
        _take_constants(graph, constants)
        _rebatch(graph, constants, baked_batch)
        types = _infer_shapes(model, constants, strict=False)  # the exporter's batch may still be in some shape
        if not (_fold(model, constants, types) | _take_branches(graph, constants)):
            break
    _remove_dead(graph, constants)
    types = _infer_shapes(model, constants, strict=True)
    del graph.value_info[:]
    graph.value_info.extend(value for name, value in types.items() if name not in constants)
    for value in graph.output:
        if value.name in types:
            value.CopyFrom(types[value.name])
    del graph.initializer[:]
    graph.initializer.extend(constants.values())


def _fix_inputs(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int]]) -> int:
    """Write the inputs' static shapes; returns the batch that was baked into the file, 1 where it was open."""
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]  # old files list weights as inputs
    unknown = sorted(set(shapes) - {value.name for value in inputs})
    if unknown:
        names = ", ".join(f'"{value.name}"' for value in inputs)
        raise UsageError(f'a shape was given for "{unknown[0]}", but the inputs of the model are {names}')
    batch = 1
    for value in inputs:
        dims = [d.dim_value if d.dim_value > 0 else (d.dim_param or "?") for d in value.type.tensor_type.shape.dim]
        if dims and isinstance(dims[0], int):
            batch = max(batch, dims[0])
        if value.name in shapes:
            dims = _given_shape(value.name, dims, list(shapes[value.name]))
        if not dims or any(isinstance(d, str) for d in dims[1:]):
            seen = f"the shape {_show(dims)}" if dims else "no shape"
            example = "x".join(["1", *(str(d) if isinstance(d, int) else "224" for d in dims[1:])])
            raise ModelError(f'the input "{value.name}" has {seen}: give its size, as --shape {value.name}={example}')
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for size in [1, *dims[1:]]:
            shape.dim.add().dim_value = int(size)
    del graph.input[:]
    graph.input.extend(inputs)
    return batch


def _given_shape(name: str, dims: Sequence[int | str], given: list[int]) -> list[int]:
    """The user's shape of an input, where it agrees with what the file fixes; the batch is free."""
    agrees = all(isinstance(d, str) or d == g for d, g in zip(dims[1:], given[1:], strict=False))
    if not given or (dims and (len(dims) != len(given) or not agrees)):
        raise UsageError(f'the shape {given} was given for "{name}", but the model fixes it to {_show(dims)}')
    return given


def _show(dims: Sequence[int | str]) -> str:
    return "[" + ", ".join(str(d) for d in dims) + "]"


def _take_constants(graph: onnx.GraphProto, constants: Constants) -> None:
    """Constant nodes, in each of their spellings, become constants."""
    kept = []
    for node in graph.node:
        value = _constant_value(node) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
        else:
            value.name = node.output[0]
            constants[node.output[0]] = value
    if len(kept) < len(graph.node):
        _replace_nodes(graph, kept)


def _constant_value(node: onnx.NodeProto) -> onnx.TensorProto | None:
    given = node.attribute[0]
    if given.name == "value":
        value = onnx.TensorProto()
        value.CopyFrom(given.t)
        return value
    if given.name in ("value_float", "value_floats"):
        return numpy_helper.from_array(np.array(onnx.helper.get_attribute_value(given), np.float32))
    if given.name in ("value_int", "value_ints"):
        return numpy_helper.from_array(np.array(onnx.helper.get_attribute_value(given), np.int64))
    return None


def _replace_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)


def _rebatch(graph: onnx.GraphProto, constants: Constants, baked: int) -> None:
    """A Reshape or Expand to a constant shape that starts with the exporter's batch is meant for any batch."""
    if baked <= 1:
        return
    for node in graph.node:
        if node.op_type in ("Reshape", "Expand") and node.input[1] in constants:
            target = numpy_helper.to_array(constants[node.input[1]])
            if target.size and target.flat[0] == baked:
                name = f"{node.input[1]} for one image"
                constants[name] = numpy_helper.from_array(np.array([1, *target[1:]], np.int64), name)
                node.input[1] = name


def _infer_shapes(model: onnx.ModelProto, constants: Constants, strict: bool) -> dict[str, onnx.ValueInfoProto]:
    """The type of every value. Inference sees small constants whole and of weights only the shape: copies cost time."""
    slim = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    slim.graph.name = "static"
    slim.graph.node.extend(model.graph.node)
    slim.graph.input.extend(model.graph.input)
    slim.graph.output.extend(model.graph.output)
    for name, tensor in constants.items():
        if tensor.ByteSize() <= SMALL_BYTES:
            slim.graph.initializer.append(tensor)
        else:
            slim.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    known = all(onnx.defs.has(node.op_type) for node in model.graph.node)
    try:
        inferred = shape_inference.infer_shapes(slim, strict_mode=strict and known, data_prop=True)
    except shape_inference.InferenceError as error:
        raise ModelError(f"the shapes of the model do not fit for a batch of 1: {_last_line(error)}") from None
    graph = inferred.graph
    return {value.name: value for value in [*graph.input, *graph.value_info, *graph.output]}


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _static_shape(value: onnx.ValueInfoProto | None) -> list[int] | None:
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    dims = value.type.tensor_type.shape.dim
    return [d.dim_value for d in dims] if all(d.HasField("dim_value") for d in dims) else None


def _fold(model: onnx.ModelProto, constants: Constants, types: Mapping[str, onnx.ValueInfoProto]) -> bool:
    """Compute every node whose inputs are constant or whose result only depends on a shape; whether there was one."""
    kept = []
    for node in model.graph.node:
        results = _evaluate(node, model, constants, types)
        if results is None:
            kept.append(node)
        else:
            constants.update((name, tensor) for name, tensor in zip(node.output, results, strict=False) if name)
    folded = len(kept) < len(model.graph.node)
    if folded:
        _replace_nodes(model.graph, kept)
    return folded


def _evaluate(
    node: onnx.NodeProto, model: onnx.ModelProto, constants: Constants, types: Mapping[str, onnx.ValueInfoProto]
) -> list[onnx.TensorProto] | None:
    if node.op_type in ("Shape", "Size"):
        shape = _static_shape(types.get(node.input[0]))
        if shape is None:
            return None
        bounds = {a.name: a.i for a in node.attribute}
        part = shape[bounds.get("start", 0) : bounds.get("end", len(shape))]
        values = np.array(part if node.op_type == "Shape" else math.prod(shape), np.int64)
        return [numpy_helper.from_array(values, node.output[0])]
    if node.op_type in NOT_FOLDED or any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
        return None
    if any(name and name not in constants for name in node.input):
        return None
    shapes = [_static_shape(types.get(name)) for name in node.output if name]
    if any(shape is None or math.prod(shape) > LARGEST_FOLDED for shape in shapes):
        return None
    feeds = {name: numpy_helper.to_array(constants[name]) for name in node.input if name}
    try:
        return [
            numpy_helper.from_array(np.asarray(values), name)
            for name, values in zip(node.output, _run(node, model, feeds), strict=False)
        ]
    except (NotImplementedError, ValueError, TypeError, RuntimeError, IndexError):
        return None  # ingest names the operator if it stays


def _run(node: onnx.NodeProto, model: onnx.ModelProto, feeds: Mapping[str, Array]) -> Sequence[Array]:
    """One node by onnx's reference implementation."""
    kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(values.dtype) for name, values in feeds.items()}
    inputs = [onnx.helper.make_tensor_value_info(name, kinds[name], feeds[name].shape) for name in feeds]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "one", inputs, outputs)
    single = onnx.helper.make_model(graph, opset_imports=model.opset_import)
    return ReferenceEvaluator(single).run(None, dict(feeds))  # pyright: ignore[reportReturnType]


def _take_branches(graph: onnx.GraphProto, constants: Constants) -> bool:
    """An If whose condition is constant is the branch it takes; whether there was one."""
    nodes, found = [], False
    for node in graph.node:
        if node.op_type != "If" or node.input[0] not in constants:
            nodes.append(node)
            continue
        found = True
        taken = bool(numpy_helper.to_array(constants[node.input[0]]).all())
        branch = next(a.g for a in node.attribute if a.name == ("then_branch" if taken else "else_branch"))
        constants.update((tensor.name, tensor) for tensor in branch.initializer)
        nodes.extend(branch.node)
        for inner, outer in zip(branch.output, node.output, strict=True):
            nodes.append(onnx.helper.make_node("Identity", [inner.name], [outer], name=f"{node.name}/{outer}"))
    if found:
        _replace_nodes(graph, nodes)
    return found


def _remove_dead(graph: onnx.GraphProto, constants: Constants) -> None:
    """Keep what the outputs need."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            for attribute in node.attribute:
                needed.update(name for inner in attribute.g.node for name in inner.input)
    _replace_nodes(graph, kept[::-1])
    for name in [name for name in constants if name not in needed]:
        del constants[name]
