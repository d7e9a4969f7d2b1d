"""The rows of the layer table: what the integer graph, the program and the clock know of every layer.

Called when a model is compiled; the sensitivity of a layer and why it has its widths are the selection's to add.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.compiler.report.facts import program_rows
from dyadic.compiler.report_schema import Layer
from dyadic.compiler.widths.scheme import FLOAT
from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.weight_groups import GROUP
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.program import Program
from dyadic.runtime.session import StepTime

Facts = dict[str, Any]  # some fields of a `Layer`
GROUPED_MAX = 126  # of group scale * step; what is stored then are the steps, of 4 bits


def layer_rows(
    program: Program,
    lengths: Mapping[str, int],
    integer: ir.Module | ir.Operation,
    times: Sequence[StepTime] = (),
    isa: str | None = None,
) -> list[Layer]:
    """One row a layer, in the program's order; with times, also one for each side of the boundary.

    Args:
        lengths: of the artifact's sections, in bytes.
        integer: the `qi` module that the program was made of; weights may be missing, only types are read.
        times: what `Session.profile` gave, and `isa` the level that it ran.
    """
    types = graph_facts(integer)
    spent: dict[str, float] = {}
    for step in times:
        spent[step.layer] = spent.get(step.layer, 0.0) + step.median_ns / 1e3
    rows = []
    for row in program_rows(program, lengths):
        rows.append(replace(row, time_us=spent.get(row.name), isa=isa, **types.get(row.name, {})))
    if times:
        outside = {step.op: step.median_ns / 1e3 for step in times if not step.layer}
        for place, op, tensors in ((0, "quantize", program.inputs), (len(rows) + 1, "dequantize", program.outputs)):
            name = ", ".join(dict.fromkeys(tensor.name for tensor in tensors))  # parts of an output have its name
            rows.insert(place, Layer(name, op, time_us=outside.get(op)))
    return rows


def graph_facts(integer: ir.Module | ir.Operation) -> dict[str, Facts]:
    """Layer -> what the types say of it. A layer of several ops is what its op with weights is, or the last of them."""
    rows: dict[str, Facts] = {}
    for op in operations(integer):
        weight, name = getattr(op, "weight", None), layer_name(op)
        row = rows.setdefault(name, {})
        read = dict.fromkeys([*row.get("reads", ()), *layers_read(op.operation)])
        row["reads"] = tuple(one for one in read if one != name)
        if weight is not None or "weights" not in row:
            row |= activation_facts(op.out) | ({} if weight is None else weight_facts(weight))
    return rows


def layers_read(op: ir.Operation) -> Iterator[str]:
    """The layers whose results an op takes, through whatever computes nothing; an input of the network is no layer."""
    for value in op.operands:
        if isinstance(value.owner, ir.Block):
            continue
        source = value.owner.opview if isinstance(value.owner, ir.Operation) else value.owner
        if qi.has_kernel(source):
            yield layer_name(source)
        else:
            yield from layers_read(source.operation)


def operations(integer: ir.Module | ir.Operation) -> Iterable[Any]:
    """The ops that compute something of a layer."""
    for op in main_function(integer).operation.regions[0].blocks[0].operations:
        if qi.has_kernel(op.opview):
            yield op.opview


def activation_facts(value: ir.Value) -> Facts:
    """Shape as users have it, width, scale and zero point of an activation."""
    row: Facts = {"shape": tuple(shape(value)[1:])}
    kind = ir.RankedTensorType(value.type).element_type
    if isinstance(kind, quant.UniformQuantizedType):
        levels = kind.storage_type_max - kind.storage_type_min
        row |= {"activation": levels.bit_length(), "scale": kind.scale, "zero_point": kind.zero_point}
    return row


def weight_facts(weight: ir.Value) -> Facts:
    """The scheme of the weights, their shape and the range of their scales."""
    row: Facts = {"weights": weight_scheme(weight), "weight_shape": tuple(shape(weight))}
    kind = ir.RankedTensorType(weight.type).element_type
    if isinstance(kind, quant.UniformQuantizedPerAxisType):
        row["weight_scale"] = (min(kind.scales), max(kind.scales))
    return row


def weight_scheme(weight: ir.Value) -> str:
    """`w8`, `w4`, `w2`, `w4g32`: what the type stores, and the group of a constant that has one; `f32` of islands."""
    kind = ir.RankedTensorType(weight.type).element_type
    if isinstance(kind, ir.F32Type):
        return FLOAT
    constant = defining(weight)
    if constant is not None and GROUP in constant.operation.attributes:
        assert kind.storage_type_max == GROUPED_MAX, f"{layer_name(constant)} has groups in {weight.type}"
        return f"w4g{constant.operation.attributes[GROUP].value}"
    return f"w{kind.storage_type_max.bit_length() + 1}"
