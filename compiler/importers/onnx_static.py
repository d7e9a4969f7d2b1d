"""Make an ONNX graph static: one image a run, shapes known, and what does not depend on the input computed.

Exporters leave shape arithmetic behind (Shape, Gather, Concat, Range, If on a shape). With every shape known it is all
constant, so it is evaluated here, by onnx's own reference implementation, and vanishes.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

from dyadic.compiler.importers.onnx_batch import check_batch, for_one_image
from dyadic.compiler.importers.onnx_folding import (
    Budget,
    Constants,
    Types,
    fold,
    replace_nodes,
    static_shape,
)
from dyadic.compiler.importers.onnx_graph import captured, check_graph, name_nodes
from dyadic.compiler.importers.onnx_uniform import is_uniform
from dyadic.dialects.tensor_types import MOST_ELEMENTS
from dyadic.runtime.errors import ModelError, ResourceError, UsageError

SMALL_BYTES = 4096  # what shape inference gets to see; weights only have shapes there
MOST_TOTAL = 1 << 26  # numbers of all tensors of one image, which any model may make
MOST_GROWTH = 4096  # more of them for each number that the model reads and holds
OTHER_BATCH = 2  # what the model is also looked at with, where its batch is open


def make_static(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Fix the inputs' shapes with a batch of 1, fold all that is constant, drop all that is dead, infer every shape.

    Gives the dimension that is the batch of every output where that is known and not the first.

    Raises ModelError where the model mixes the batch into other dimensions, ResourceError where folding or one tensor
    of the network would be too large.
    """
    graph = model.graph
    baked = _fix_inputs(graph, shapes)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for value in graph.output:  # the exporter's batch is in them, inference writes them anew
        value.type.tensor_type.ClearField("shape")
    budget, elsewhere = Budget(constants), dict[str, int]()
    if baked == 1:
        types = _settle(model, constants, budget)
    else:
        _set_batch(graph, None)
        _settle(model, constants, budget)  # all that no batch changes, once for both
        batch = baked or OTHER_BATCH
        other, others = _look(model), dict(constants)
        _set_batch(other.graph, batch)
        types_other = _settle(other, others, budget)
        _set_batch(graph, 1)
        for_one_image(graph, constants, baked, types_other)
        types = _settle(model, constants, budget)
        elsewhere = check_batch(graph, constants, types, other.graph, others, types_other, batch, model.opset_import)
    types = _infer_shapes(model, constants, strict=True)
    _check_sizes(graph, types, constants)
    del graph.value_info[:]
    graph.value_info.extend(value for name, value in types.items() if name not in constants)
    for value in graph.output:
        if value.name in types:
            value.CopyFrom(types[value.name])
    del graph.initializer[:]
    graph.initializer.extend(constants.values())
    return elsewhere


def _settle(model: onnx.ModelProto, constants: Constants, budget: Budget) -> Types:
    """Fold until nothing is left to fold, and drop what is dead; the types of all that stays."""
    while True:
        _take_constants(model.graph, constants)
        _remove_dead(model.graph, constants)
        types = _infer_shapes(model, constants, strict=False)  # what does not fit is said at the end
        folded = fold(model.graph, model.opset_import, constants, types, budget)
        if _take_branches(model.graph, constants):
            check_graph(model.graph, model.opset_import[0].version, constants)
        elif not folded:
            _remove_dead(model.graph, constants)
            return types


def _look(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph once more, without its weights."""
    other = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    other.graph.node.extend(model.graph.node)
    other.graph.input.extend(model.graph.input)
    other.graph.output.extend(model.graph.output)
    return other


def _set_batch(graph: onnx.GraphProto, batch: int | None) -> None:
    """None: any."""
    for value in graph.input:
        first = value.type.tensor_type.shape.dim[0]
        first.Clear()
        if batch is not None:
            first.dim_value = batch


def _check_sizes(graph: onnx.GraphProto, types: Types, constants: Constants) -> None:
    """No tensor is larger than what can be computed with, nor all of them for what the model reads and holds."""
    held = sum(math.prod(tensor.dims) for tensor in constants.values())
    held += sum(math.prod(static_shape(value) or [0]) for value in graph.input)
    most, made = max(MOST_TOTAL, MOST_GROWTH * held), 0
    for node in graph.node:
        for name in node.output:
            shape = static_shape(types.get(name)) or []
            called, count = f'"{node.name}" ({node.op_type})', math.prod(shape)
            made += count
            if min(shape, default=1) < 0:
                raise ModelError(f"{called} makes a tensor of the shape {shape}: its window does not fit its input")
            if count > MOST_ELEMENTS:
                raise ResourceError(
                    f"{called} makes a tensor of the shape {shape}, {count} numbers for one image; "
                    f"up to {MOST_ELEMENTS} are supported"
                )
            if made > most:
                raise ResourceError(
                    f"up to {called} the model makes {made} numbers for one image, of {held} that it reads and holds; "
                    f"up to {most} are supported"
                )


def _fix_inputs(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int]]) -> int:
    """Write the inputs' static shapes; returns the batch that was baked into the file, 0 where it was open."""
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]  # old files list weights as inputs
    if not inputs:
        raise ModelError("the model has no inputs: its answer is always the same, and there is nothing to compile")
    unknown = sorted(set(shapes) - {value.name for value in inputs})
    if unknown:
        names = ", ".join(f'"{value.name}"' for value in inputs)
        raise UsageError(f'a shape was given for "{unknown[0]}", but the inputs of the model are {names}')
    read = {name for node in graph.node for name in (*node.input, *captured(node))}
    read.update(value.name for value in graph.output)
    inputs = [value for value in inputs if value.name in read or _is_static(value)]
    named = _sizes_by_name(inputs, shapes)
    batches: dict[str, int] = {}  # 0 where it is open
    for value in inputs:
        dims = [d.dim_value if d.dim_value > 0 else (d.dim_param or "?") for d in value.type.tensor_type.shape.dim]
        if dims:
            batches[value.name] = dims[0] if isinstance(dims[0], int) else 0
        if value.name in shapes:
            dims = _given_shape(value.name, dims, list(shapes[value.name]))
        dims = [*dims[:1], *(named.get(str(size), size) for size in dims[1:])]
        if not dims or any(isinstance(d, str) for d in dims[1:]):
            seen = f"the shape {_show(dims)}" if dims else "no shape"
            example = "x".join(["1", *(str(d) if isinstance(d, int) else "224" for d in dims[1:])])
            raise ModelError(f'the input "{value.name}" has {seen}: give its size, as --shape {value.name}={example}')
        sizes = [1, *(int(size) for size in dims[1:])]
        if math.prod(sizes) > MOST_ELEMENTS:
            raise ResourceError(
                f'the input "{value.name}" has the shape {sizes}, {math.prod(sizes)} numbers for one image; '
                f"up to {MOST_ELEMENTS} are supported"
            )
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for size in sizes:
            shape.dim.add().dim_value = size
    del graph.input[:]
    graph.input.extend(inputs)
    fixed = sorted({size for size in batches.values() if size > 1})
    if len(fixed) > 1:
        each = ", ".join(f'"{name}" {size}' for name, size in batches.items() if size > 1)
        raise ModelError(
            f"the inputs of the model have different first dimensions ({each}), so that they cannot be a batch; "
            "give each input a batch dimension of its own"
        )
    return fixed[0] if fixed else min(batches.values(), default=1)


def _sizes_by_name(inputs: Sequence[onnx.ValueInfoProto], shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """What the sizes that the file has names for are, by the shapes that are given: other inputs may have them, too."""
    found: dict[str, int] = {}
    for value in inputs:
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            if dim.dim_param and dim.dim_param != "?":
                found.setdefault(dim.dim_param, size)
    return found


def _is_static(value: onnx.ValueInfoProto) -> bool:
    """Whether an input that nothing reads has a batch and known sizes: it stays in the interface; others vanish."""
    dims = value.type.tensor_type.shape.dim
    return bool(dims) and all(d.dim_value > 0 for d in dims[1:])


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
        replace_nodes(graph, kept)


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


def _infer_shapes(model: onnx.ModelProto, constants: Constants, strict: bool) -> dict[str, onnx.ValueInfoProto]:
    """The type of every value. Inference sees small constants whole and of weights only the shape: copies cost time.

    It does not follow the numbers of shapes by itself (`data_prop`): that takes 8 bytes for each number of whatever
    length a file names. They are folded, which is bounded, and the next look sees them as constants.
    """
    slim = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    slim.graph.name = "static"
    slim.graph.node.extend(model.graph.node)
    slim.graph.input.extend(model.graph.input)
    slim.graph.output.extend(model.graph.output)
    for name, tensor in constants.items():
        if tensor.ByteSize() <= SMALL_BYTES and not is_uniform(tensor):
            slim.graph.initializer.append(tensor)
        else:
            slim.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    known = all(onnx.defs.has(node.op_type) for node in model.graph.node)
    try:
        inferred = shape_inference.infer_shapes(slim, strict_mode=strict and known)
    except (shape_inference.InferenceError, RuntimeError, ValueError, IndexError) as error:
        raise ModelError(f"the shapes of the model do not fit for a batch of 1: {_reason(error)}") from None
    graph = inferred.graph
    found = {value.name: value for value in [*graph.value_info, *graph.output]}
    return found | {value.name: value for value in graph.input}


def _reason(error: Exception) -> str:
    """What shape inference says, by the user's node where it names one."""
    line = re.sub(r"\[\w+Error\] |Inference error\(s\): ", "", str(error).strip().splitlines()[-1])
    return re.sub(r"\(op_type:(\w+), node name: (.*?)\): ", r'"\2" (\1): ', line)


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
        replace_nodes(graph, nodes)
        name_nodes(graph)
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
    replace_nodes(graph, kept[::-1])
    for name in [name for name in constants if name not in needed]:
        del constants[name]
