"""A function of integer ops as a function of launches: what the selection of kernels of every target has in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.dialects.tensor_types import is_integer, known_activation, quantized_bounds, shape
from dyadic.passes.lower.memory.copies import is_joined
from dyadic.passes.lower.memory.views import ARENA, BUFFERS, MARK, activations, is_constant, layout_of, to_attribute
from dyadic.passes.rewriting import defining

INPUTS, OUTPUTS = "qi.inputs", "qi.outputs"

Build = Callable[[Any], None]


def outline(module: ir.Operation, build: Build, first: Build | None = None) -> None:
    """Replace the function by one without arguments; memory and boundary become its attributes.

    build: writes the launches of one op at the current insertion point. first: the same of what is written before all
    of them, for every op that makes an activation, those that the boundary makes among them.
    """
    with module.context, ir.Location.unknown():
        function = main_function(module)
        outlined = _outlined(function, ir.InsertionPoint(function.operation), build, first)
        function.operation.erase()
        outlined.operation.attributes["sym_name"] = ir.StringAttr.get("main")


def _outlined(function: Any, where: ir.InsertionPoint, build: Build, first: Build | None) -> Any:
    from torch_mlir.dialects import func

    *body, terminator = (op.opview for op in function.regions[0].blocks[0].operations)
    with where:
        outlined = func.FuncOp("outlined", ir.FunctionType.get([], []))
    for name in (BUFFERS, ARENA):
        outlined.operation.attributes[name] = function.operation.attributes[name]
    inputs, outputs = _boundary(function, body, terminator)
    outlined.operation.attributes[INPUTS], outlined.operation.attributes[OUTPUTS] = inputs, outputs
    with ir.InsertionPoint(outlined.add_entry_block()):
        if first is not None:
            for op in activations(function.regions[0].blocks[0]):
                if not is_constant(op.operation.results[0]):
                    first(op)
        for op in body:
            if qi.has_kernel(op) and not is_joined(op):
                build(op)
        func.return_([])
    return outlined


def _boundary(function: Any, body: list[Any], terminator: Any) -> tuple[ir.ArrayAttr, ir.ArrayAttr]:
    """What the runtime quantizes and dequantizes: one dictionary for each input and output."""
    argument_names, result_names = boundary_names(function)
    arguments = list(function.regions[0].blocks[0].arguments)
    inputs, outputs = {}, []
    for op in body:
        if isinstance(op, qi.InputOp):
            index = arguments.index(op.x)
            said = argument_attributes(function, index)
            given = _input(argument_names[index], op, said.get(qd.DTYPE))
            known = {"tokens": qd.TOKENS, "padding": qd.PADDING, "fixed": qd.FIXED}
            inputs[index] = ir.DictAttr.get(given | {key: said[name] for key, name in known.items() if name in said})
    for i, (name, value) in enumerate(zip(result_names, terminator.operation.operands, strict=True)):
        said = argument_attributes(function, i, RESULTS)
        known = {"tokens": qd.TOKENS, "last": qd.LAST, "batch_axis": qd.BATCH_AXIS, "given": qd.DTYPE}
        known["fixed"] = qd.FIXED
        more = {key: said[named] for key, named in known.items() if named in said}
        outputs += [ir.DictAttr.get(part | more) for part in _parts(name, value)]
    return ir.ArrayAttr.get([inputs[i] for i in range(len(arguments))]), ir.ArrayAttr.get(outputs)


def _parts(name: str, result: ir.Value) -> list[dict[str, ir.Attribute]]:
    """A dictionary for each tensor that a result is joined from, in the order of the array."""
    op = defining(result)
    if isinstance(op, qi.DequantizeOp):
        return [_tensor(name, result, op.x)]
    found, waiting = [], [(result, [0] * (len(shape(result)) - 1))]
    while waiting:
        value, start = waiting.pop()
        op = defining(value)
        if isinstance(op, qi.JoinOp):
            axis = op.axis.value
            behind = list(start)
            behind[axis - 1] += shape(op.a)[axis]
            waiting += [(op.b, behind), (op.a, start)]
            continue
        place = {"start": start, "whole": shape(result)[1:]}
        attributes = {key: ir.DenseI64ArrayAttr.get(numbers) for key, numbers in place.items()}
        found.append(_tensor(name, value, op.x) | attributes)
    return found


def _input(name: str, op: Any, given: ir.Attribute | None) -> dict[str, ir.Attribute]:
    """As `_tensor`, and what the user gives integers as; ids have the bytes of each as a dimension more."""
    tensor = _tensor(name, op.out if isinstance(op, qi.IdsOp) else op.x, op.out)
    if MARK in op.operation.attributes:
        tensor["mark"] = op.operation.attributes[MARK]
    if not is_integer(op.x):
        return tensor if given is None else tensor | {"given": given}  # of an activation's own integers
    tensor["given"] = ir.StringAttr.get("int32") if given is None else given
    if isinstance(op, qi.IdsOp):
        tensor["shape"] = ir.DenseI64ArrayAttr.get(shape(op.x))
        tensor["rows"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), rows_of(op))
    return tensor


def rows_of(op: qi.IdsOp) -> int:
    """How many rows every table has that these ids are looked up in; 2^31 where nothing reads them."""
    readers = [use.owner.opview for use in op.out.uses]
    return min((shape(one.table)[0] for one in readers if isinstance(one, qi.EmbeddingOp)), default=1 << 31)


def _tensor(name: str, user: ir.Value, quantized: ir.Value) -> dict[str, ir.Attribute]:
    kind, layout = known_activation(quantized), layout_of(quantized)
    dims = len(shape(user)) - 1  # a layout has three at least
    i64 = ir.IntegerType.get_signless(64)
    return {
        "name": ir.StringAttr.get(name),
        "shape": ir.DenseI64ArrayAttr.get(shape(user)),
        "layout": to_attribute(layout.of_last(dims)),
        "scale": ir.FloatAttr.get(ir.F32Type.get(), float(np.float32(kind.scale))),
        "zero_point": ir.IntegerAttr.get(i64, kind.zero_point),
        "steps": ir.DenseI64ArrayAttr.get(list(quantized_bounds(quantized))),
    }
