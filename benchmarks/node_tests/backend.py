"""ONNX's backend interface: a model of any shapes and types as one image, computed as `qd` means it.

Networks here read and make float32 whose first dimension counts images. So a model of anything else gets a 1 in front
of each of its inputs and outputs, and casts beside those that are not float: what its operators do is all inside. What
is done behind the integers of a network's last layer needs a layer: its inputs are halves of twice the numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep
from torch_mlir import ir

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.compiler.importers.onnx_whole import FIRST, reshaped
from dyadic.dialects import new_context, qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import boundary_names, main_function, run_qd
from dyadic.passes import PIPELINE, usual
from dyadic.passes.integerize.quantization import value_given
from dyadic.runtime.last_function import LastFunction, computed

Array = Any  # numpy.ndarray of any type
HALF = "dyadic.half"  # the constant 0.5
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
BEHIND = {"ArgMax", "ArgMin", "Hardmax", "LogSoftmax", "TopK"}  # integers


@dataclass
class Network(BackendRep):
    """A prepared model that is run as one image."""

    module: ir.Module
    kinds: list[np.dtype[Any]]  # of the outputs
    factor: float = 1.0  # of float inputs

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What the model answers, as its float meaning has it, in its own types."""
        floats = [np.asarray(x, np.float32) * (self.factor if np.asarray(x).dtype.kind == "f" else 1) for x in inputs]
        made = meaning(self.module, [x[None] for x in floats])
        return tuple(of_kind(y[0], kind) for y, kind in zip(made, self.kinds, strict=True))


def prepared(model: onnx.ModelProto) -> ir.Module:
    """Import and all passes in front of calibration."""
    module = import_onnx(model, new_context())
    for one in (*PIPELINE["ingest"], *usual("prepare")):
        one.run(module.operation)
    return module


def meaning(module: ir.Module, inputs: Sequence[Array]) -> list[Array]:
    """What `qd` means by the network, in float; arrays are as the model has them."""
    function = main_function(module)
    names, results = boundary_names(function)
    given = {name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in zip(names, inputs, strict=True)}
    for index, (name, argument) in enumerate(zip(names, function.regions[0].blocks[0].arguments, strict=True)):
        if is_whole(argument_attributes(function, index)):
            given[name] = given[name][None]
        if (kind := value_given(argument)) is not None:  # what is quantized at the boundary is clamped there
            given[name] = given[name].clamp(*kind.range)
    made = run_qd(module, given)
    said = [argument_attributes(function, i, RESULTS) for i in range(len(results))]
    axes = [one[qd.BATCH_AXIS].value if qd.BATCH_AXIS in one else 0 for one in said]
    answers = [behind(made[name].detach().numpy(), one) for name, one in zip(results, said, strict=True)]
    moved = [np.moveaxis(answer, 0, axis) for answer, axis in zip(answers, axes, strict=True)]
    return [answer[0] if is_whole(one) else answer for answer, one in zip(moved, said, strict=True)]


def is_whole(said: Mapping[str, ir.Attribute]) -> bool:
    """Whether the network has one more dimension in front than the model, for whole sets of arrays."""
    return qd.FIXED in said and str(said[qd.FIXED]) == f'"{qd.FIXED_NONE}"'


def behind(values: Array, said: Mapping[str, ir.Attribute]) -> Array:
    """A result after what is done behind the integers, as it is said beside it."""
    last: Any = said.get(qd.LAST)
    if last is None:
        return values
    function = LastFunction(last["name"].value, last["axis"].value)
    if "count" in last:
        function = function._replace(entries=last["count"].value, shape=tuple(last["shape"]))
    return computed(function, values)


def of_kind(values: Array, kind: np.dtype[Any]) -> Array:
    """Numbers in a type, whole ones rounded."""
    return values.astype(kind) if kind.kind == "f" else np.rint(values).astype(kind)


class Dyadic(Backend):
    """`constants` by name: inputs that a network here wants to know while it compiles, as indices and shapes."""

    @classmethod
    def prepare(
        cls, model: onnx.ModelProto, device: str = "CPU", constants: Mapping[str, Array] | None = None, **kwargs: Any
    ) -> Network:
        factor = 2.0 if any(node.op_type in BEHIND for node in model.graph.node) else 1.0
        wrapped, kinds = as_one_image(model, constants or {}, factor)
        return Network(prepared(wrapped), kinds, factor)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


def as_one_image(
    model: onnx.ModelProto, constants: Mapping[str, Array], factor: float = 1.0
) -> tuple[onnx.ModelProto, list[np.dtype[Any]]]:
    """(the model between squeezes, unsqueezes and casts, the types of its outputs). factor: what its float inputs are
    too large by."""
    graph, opset = model.graph, next(o.version for o in model.opset_import if o.domain == "")
    inputs, before, after, results, kinds = [], [], [], [], []
    initializers = [*graph.initializer, *(numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items())]
    initializers.append(numpy_helper.from_array(np.zeros(1, np.int64), FIRST))
    initializers.append(numpy_helper.from_array(np.asarray(1 / factor, np.float32), HALF))
    known = {tensor.name for tensor in initializers}
    for value in graph.input:
        if value.name in known:
            continue
        kind, dims = value.type.tensor_type.elem_type, [d.dim_value for d in value.type.tensor_type.shape.dim]
        inputs.append(helper.make_tensor_value_info(f"{value.name} in", TensorProto.FLOAT, [1, *dims]))
        before.append(reshaped("Squeeze", f"{value.name} in", f"{value.name} real", opset))
        real = f"{value.name} real"
        if factor != 1 and kind in FLOATS:
            before.append(helper.make_node("Mul", [real, HALF], [f"{value.name} half"], f"{value.name} half"))
            real = f"{value.name} half"
        before.append(helper.make_node("Cast", [real], [value.name], f"{value.name} cast", to=kind))
    for value in graph.output:
        kinds.append(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        after.append(helper.make_node("Cast", [value.name], [f"{value.name} real"], f"{value.name} cast out", to=1))
        after.append(reshaped("Unsqueeze", f"{value.name} real", f"{value.name} out", opset))
        results.append(helper.make_tensor_value_info(f"{value.name} out", TensorProto.FLOAT, None))
    whole = helper.make_graph([*before, *graph.node, *after], "one image", inputs, results, initializers)
    made = helper.make_model(whole, opset_imports=model.opset_import, functions=model.functions)
    made.ir_version = model.ir_version
    return made, kinds
