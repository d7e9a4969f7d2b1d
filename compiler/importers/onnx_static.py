"""Make an ONNX graph static: one image a run, shapes known, and what does not depend on the input computed.

Where a graph mixes the images of a batch, or has inputs without one, all its inputs together are the one image
(`onnx_whole`).

Exporters leave shape arithmetic behind (Shape, Gather, Concat, Range, If on a shape). With every shape known it is all
constant, so it is evaluated here, by onnx's own reference implementation, and vanishes.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper, shape_inference

from dyadic.compiler.importers.onnx_batch import MixedImages, check_batch, depends_on_input, for_one_image
from dyadic.compiler.importers.onnx_folding import (
    Budget,
    Constants,
    Types,
    fold,
    replace_nodes,
    static_shape,
)
from dyadic.compiler.importers.onnx_graph import check_graph, name_nodes
from dyadic.compiler.importers.onnx_inputs import (
    NeedsConstant,
    Shapes,
    fix_as_they_are,
    fix_for_one_image,
    no_batch,
    take_inputs,
)
from dyadic.compiler.importers.onnx_uniform import is_uniform
from dyadic.compiler.importers.onnx_whole import as_one_image
from dyadic.dialects.tensor_types import MOST_ELEMENTS
from dyadic.runtime.errors import ModelError, ResourceError

Array = npt.NDArray[Any]

SMALL_BYTES = 4096  # what shape inference gets to see; weights only have shapes there
MOST_TOTAL = 1 << 26  # numbers of all tensors of one image, which any model may make
MOST_GROWTH = 4096  # more of them for each number that the model reads and holds
NO_DATA = {  # types of inputs that say which branch is taken
    onnx.TensorProto.BOOL,
    *(getattr(onnx.TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)),
}
WINDOWS = ("pads", "kernel_shape", "strides", "dilations", "output_padding", "output_shape")
LARGEST_WINDOW = 1 << 31
OTHER_BATCH = 2  # what the model is also looked at with, where its batch is open


class Static(NamedTuple):
    """What is known of a graph once it is static.

    elsewhere: the dimension that is the batch of every output where that is known and not the first. fixed: where there
    is no batch: how the array of each input and output lies in the tensor that stands for it. reason: why not.
    """

    elsewhere: dict[str, int]
    fixed: dict[str, str]
    reason: str = ""


def make_static(model: onnx.ModelProto, shapes: Shapes, known: Mapping[str, Array] | None = None) -> Static:
    """Fix the inputs' shapes with a batch of 1, fold all that is constant, drop all that is dead, infer every shape.
    Where images cannot be computed one by one, the inputs have the sizes that they have, and are one image together.

    `known`: inputs that are constants.

    Raises ModelError where a shape is missing or does not fit, ResourceError where folding or one tensor of the network
    would be too large.
    """
    graph = model.graph
    take_inputs(graph, shapes, known or {})
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for value in graph.output:  # the exporter's batch is in them, inference writes them anew
        value.type.tensor_type.ClearField("shape")
    budget = Budget(constants)
    _take_constants(graph, constants)
    static = _one_by_one(model, constants, shapes, budget)
    types = _infer_shapes(model, constants, strict=True)
    _check_branches(graph)
    _check_sizes(graph, types, constants)
    del graph.value_info[:]
    graph.value_info.extend(value for name, value in types.items() if name not in constants)
    for value in graph.output:
        if value.name in types:
            value.CopyFrom(types[value.name])
    del graph.initializer[:]
    graph.initializer.extend(constants.values())
    return static


def _one_by_one(model: onnx.ModelProto, constants: Constants, shapes: Shapes, budget: Budget) -> Static:
    """Settle the graph for one image, or else for its inputs as they are."""
    reason = no_batch(model.graph)
    if reason is None:
        before, held = _look(model), dict(constants)
        try:
            elsewhere = _for_any_batch(model, constants, shapes, budget)
            if (reason := _no_image(model, constants)) is None:
                return Static(elsewhere, {})
        except MixedImages as error:
            reason = error.short
        except ModelError as error:  # what does not fit other batches than the file's own
            reason = str(error)
        for field in ("node", "input", "output"):  # as it was before
            del getattr(model.graph, field)[:]
            getattr(model.graph, field).extend(getattr(before.graph, field))
        constants.clear()
        constants.update(held)
    fix_as_they_are(model.graph, shapes)
    fixed = as_one_image(model, constants)
    _settle(model, constants, budget)
    return Static({}, fixed, reason)


def _for_any_batch(model: onnx.ModelProto, constants: Constants, shapes: Shapes, budget: Budget) -> dict[str, int]:
    """Settle the graph for a batch of 1, if it answers each image by itself."""
    graph = model.graph
    baked = fix_for_one_image(graph, shapes)
    if baked == 1:
        _settle(model, constants, budget)
        return {}
    _set_batch(graph, None)
    _settle(model, constants, budget)  # all that no batch changes, once for both
    batch = baked or OTHER_BATCH
    other, others = _look(model), dict(constants)
    _set_batch(other.graph, batch)
    types_other = _settle(other, others, budget)
    _set_batch(graph, 1)
    for_one_image(graph, constants, baked, types_other)
    types = _settle(model, constants, budget)
    _infer_shapes(model, constants, strict=True)  # what has no type could mix images unseen
    return check_batch(graph, constants, types, other.graph, others, types_other, batch, model.opset_import)


def _no_image(model: onnx.ModelProto, constants: Constants) -> str | None:
    """Which output of a model for a batch of 1 has no dimension that can be it."""
    types = _infer_shapes(model, constants, strict=False)
    live = depends_on_input(model.graph)
    for value in model.graph.output:
        shape = static_shape(types.get(value.name))
        if value.name in live and shape is not None and 1 not in shape:
            return f'the output "{value.name}" has the shape {shape}, without a batch'
    return None


def _check_branches(graph: onnx.GraphProto) -> None:
    """No branch is left that an input decides which is no data. Raises NeedsConstant."""
    sources = {value.name: value for value in graph.input}
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type != "If":
            continue
        waiting, seen = [node.input[0]], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen and name in producers:
                waiting += producers[name].input
            seen.add(name)
        deciding = [sources[name] for name in sorted(seen & sources.keys())]
        if deciding and all(value.type.tensor_type.elem_type in NO_DATA for value in deciding):
            raise NeedsConstant(
                f'"{node.name}" (If) takes a branch by the input "{deciding[0].name}"',
                ": branches are decided while compiling, so say what it is",
                deciding[0].name,
            )


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
    _say_one_sided(slim.graph)
    slim.graph.input.extend(model.graph.input)
    slim.graph.output.extend(model.graph.output)
    for name, tensor in constants.items():
        if tensor.ByteSize() <= SMALL_BYTES and not is_uniform(tensor):
            slim.graph.initializer.append(tensor)
        else:
            slim.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    known = all(onnx.defs.has(node.op_type) for node in model.graph.node)
    _refuse_negative_sizes(slim)
    graph = _inferred(slim, strict and known).graph
    found = {value.name: value for value in [*graph.value_info, *graph.output]}
    return found | {value.name: value for value in graph.input}


def _inferred(model: onnx.ModelProto, strict: bool) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(model, strict_mode=strict)
    except (shape_inference.InferenceError, RuntimeError, ValueError, IndexError) as error:
        raise ModelError(f"the shapes of the model do not fit for a batch of 1: {_reason(error)}") from None


def _refuse_negative_sizes(slim: onnx.ModelProto) -> None:
    """Inference makes negative sizes of paddings that are, and of such a size the process is aborted at the next Slice.
    So what pads by such numbers is looked at alone, with what is in front of it."""
    constants = {tensor.name: tensor for tensor in slim.graph.initializer}
    for i, node in enumerate(slim.graph.node):
        numbers = [n for each in node.attribute if each.name in WINDOWS for n in each.ints]
        if node.op_type == "Pad" and len(node.input) > 1 and node.input[1] in constants:
            values = numpy_helper.to_array(constants[node.input[1]])
            numbers += [int(n) for n in values.reshape(-1)] if values.dtype.kind in "iu" else []
        if all(0 <= n < LARGEST_WINDOW for n in numbers):
            continue
        part = onnx.ModelProto()
        part.CopyFrom(slim)
        del part.graph.node[i + 1 :], part.graph.output[:]
        part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name)
        for value in _inferred(part, strict=False).graph.output:
            shape = [d.dim_value for d in value.type.tensor_type.shape.dim]  # 0 where it is not known
            if min(shape, default=0) < 0:
                called = f'"{node.name}" ({node.op_type})'
                raise ModelError(f"{called} makes a tensor of the shape {shape}: its window does not fit its input")


def _say_one_sided(graph: onnx.GraphProto) -> None:
    """A STFT that does not say so has one side; inference takes it to have both."""
    for node in graph.node:
        if node.op_type == "STFT" and all(each.name != "onesided" for each in node.attribute):
            node.attribute.append(onnx.helper.make_attribute("onesided", 1))


def _reason(error: Exception) -> str:
    """What shape inference says, by the user's node where it names one: the first, whose results others miss."""
    lines = str(error).strip().splitlines()
    first = next((line for line in lines if "(op_type:" in line), lines[-1])
    line = re.sub(r"\[\w+Error\] |Inference error\(s\): ", "", first)
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
