"""Turn every integer op into calls of kernels over memory that is already planned."""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.dialects.tensor_types import is_integer, known_activation, quantized_bounds, shape, zero_point
from dyadic.passes.lower.cpu.kernel_selection.launch import Launch, place, plane_values
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families.copy import pack_fill_params
from dyadic.passes.lower.cpu.kernels.families.halo import HaloSpec
from dyadic.passes.lower.memory.copies import is_joined
from dyadic.passes.lower.memory.views import ARENA, BUFFERS, NO_HALO, layout_of, to_attribute, view
from dyadic.passes.rewriting import defining, module_pass

INPUTS, OUTPUTS = "qi.inputs", "qi.outputs"


@module_pass
def select_kernels(module: ir.Operation) -> None:
    """Replace integer ops by launches: qi.conv2d {qi.layout} --> qi.launch {kernel, spec, out, inputs, ...}; exact."""
    with module.context, ir.Location.unknown():
        function = main_function(module)
        program = ir.InsertionPoint(function.operation)
        outlined = _outline(function, program)
        function.operation.erase()
        outlined.operation.attributes["sym_name"] = ir.StringAttr.get("main")


def _outline(function: Any, where: ir.InsertionPoint) -> Any:
    """A function without arguments that launches kernels; memory and boundary become its attributes."""
    from torch_mlir.dialects import func

    block = function.regions[0].blocks[0]
    *body, terminator = (op.opview for op in block.operations)
    with where:
        outlined = func.FuncOp("outlined", ir.FunctionType.get([], []))
    for name in (BUFFERS, ARENA):
        outlined.operation.attributes[name] = function.operation.attributes[name]
    outlined.operation.attributes[INPUTS], outlined.operation.attributes[OUTPUTS] = _boundary(
        function, body, terminator
    )
    ringed: set[int] = {layout_of(op.out).buffer for op in body if isinstance(op, qi.InputOp)}
    with ir.InsertionPoint(outlined.add_entry_block()):
        for op in body:
            if not qi.has_kernel(op) or is_joined(op):
                continue
            selector = selects.of(type(op))
            assert selector is not None, f"{op.operation.name} has no kernel for this target"
            launches = selector(op)
            for launch in launches:
                launch.build(op)
            buffer = layout_of(op.out).buffer
            if launches and buffer not in ringed:
                ringed.add(buffer)
                for ring in halos(op):
                    ring.build(op)
        func.return_([])
    return outlined


def halos(op: Any) -> list[Launch]:
    """What fills the ring around op's result with its zero point, where it has one: a launch for each plane of bytes.

    It follows the first step that writes inside the ring and overlaps with it: they touch different bytes, and both
    come after the barrier behind the last reader of whatever lay there before.
    """
    layout = view(op.out)
    if layout.halo == NO_HALO:
        return []
    inner = layout.offset % layout.pixel  # a slice's channels start inside the pixel: the ring is of whole pixels
    spec = HaloSpec(
        rows=layout.rows,
        columns=layout.columns,
        channels=layout.pixel,
        column=layout.pixel,
        row=layout.row,
        image=layout.image,
        **layout.halo._asdict(),
    )
    return [
        Launch(spec, place(layout, i * layout.plane - inner), [], params=pack_fill_params(value), overlap=True)
        for i, value in enumerate(plane_values(op.out, zero_point(op.out)))
    ]


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
