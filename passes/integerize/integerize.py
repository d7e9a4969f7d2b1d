"""Decisions become integers: every `qd` op with its range and width becomes `qi`.

    qd.conv2d, qd.clamp, ... : tensor<..xf32>  -->  qi.quantize, qi.conv2d, ..., qi.dequantize : u8 or s16

One function an op, registered in the `convert_*` files; a clamp is fused into the producer that it alone reads. The new
op's location is fused from all the user's nodes that it computes, the layer with weights first. A layer that the user
keeps in float (`qd.weight_bits = 32`) becomes a float island between integers. Truth: within the rounding that each
result's own scale allows; from here on nothing may change a bit.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import is_mask, looked_up
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.passes.integerize import (  # noqa: F401 - they register how each op is converted
    convert_attention,
    convert_embeddings,
    convert_interpolation,
    convert_islands,
    convert_matmul,
    convert_norms,
    convert_pointwise,
    convert_products,
    convert_recurrence,
    convert_shapes,
)
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN, operands, taken_in
from dyadic.passes.integerize.conversion import Conversion, Target, converts, converts_island
from dyadic.passes.integerize.quantization import Activation, value_activation, value_given, value_name
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.passes.rewriting import defining, layer_name, module_pass
from dyadic.runtime.errors import ModelError


@module_pass
def integerize(module: ir.Operation) -> None:
    """Convert every op to integers: qd with ranges and widths --> qi."""
    for block in function_bodies(module):
        integerize_function(block)


def integerize_function(block: ir.Block) -> None:
    """One function: boundaries, then every op in order; what was float is gone at the end."""
    *body, terminator = list(block.operations)
    conversion = Conversion()
    apart = concats_of_results(block)
    first = ir.InsertionPoint(body[0] if body else terminator)
    for argument in block.arguments:
        quantize_argument(conversion, first, argument)
    for op in body:
        if op.operation not in apart:
            convert(conversion, op.opview)
    dequantize_results(conversion, terminator, apart)
    for op in reversed(body):
        op.operation.erase()
    erase_unread(block)


def quantize_argument(conversion: Conversion, first: ir.InsertionPoint, argument: ir.Value) -> None:
    """The input boundary: numbers that are looked up stay whole; what says which are valid is 0 or 1."""
    with first, ir.Location.name(value_name(argument)):
        rows, mask = looked_up(argument), is_mask(argument)
        if rows and mask:
            raise ModelError(f"{value_name(argument)}: is looked up in a table, and says which tokens are valid.")
        if is_integer(argument) and (rows or not mask):
            kind = Activation(1.0, 0).tensor([*shape(argument), qi.ID_BYTES])
            conversion.ids[argument] = qi.IdsOp(x=argument, out=kind).out
        if not is_integer(argument) or mask:
            kind = value_activation(argument).tensor(shape(argument))
            conversion.values[argument] = qi.QuantizeOp(x=argument, out=kind).out


def convert(conversion: Conversion, op: Any) -> None:
    """One op, with the clamp that it takes; a layer that an addition takes in waits for it."""
    if isinstance(op, qd.ConstantOp) or op.out in conversion.values:
        return
    if isinstance(op, qd.Layer) and taken_in(op):
        return
    converter = (converts_island if qd.is_island(op) else converts).of(type(op))
    if converter is None and qd.is_island(op):
        raise ModelError(f"{layer_name(op)}: {op.operation.name} has no weights to keep in float.")
    if converter is None:
        raise ModelError(f"{layer_name(op)}: {op.operation.name} has no integer form.")
    tail = fused_clamp(op)
    result = op.out if tail is None else tail.out
    kind = value_activation(result)
    low, high = (kind.low, kind.high) if tail is None else (kind.step(tail.low.value), kind.step(tail.high.value))
    with ir.InsertionPoint(op), fused_location(op, tail):
        conversion.values[result] = converter(
            conversion, op, Target(kind, low, high, given=value_given(result) is not None)
        )


def erase_unread(block: ir.Block) -> None:
    """Drop the reshapes and constants that later conversions looked through; an input that no one reads stays one."""
    for op in reversed(list(block.operations)[:-1]):
        if not isinstance(op.opview, qi.InputOp) and all(not list(result.uses) for result in op.operation.results):
            op.operation.erase()


def fused_clamp(op: Any) -> Any:
    """The clamp that is the only reader of `op`'s result, where `op` can take it; else None."""
    uses = list(op.out.uses)
    if not op.takes_clamp or len(uses) != 1:
        return None
    reader = uses[0].owner.opview
    return reader if isinstance(reader, qd.ClampOp) else None


def fused_location(op: Any, tail: Any) -> ir.Location:
    """All the user's nodes that one integer op computes, the layer with weights first."""
    parts = [op.location]
    if TAKES_IN in op.operation.attributes:
        parts.insert(0, defining(operands(op)[0]).location)
    if tail is not None:
        parts.append(tail.location)
    return parts[0] if len(parts) == 1 else ir.Location.fused(parts)


def every_image(x: ir.Value) -> ir.Value:
    """A constant that is a result: a slice of all of it, so that each image of a batch has its own."""
    dims = shape(x)
    starts, steps = (ir.DenseI64ArrayAttr.get([n] * len(dims)) for n in (0, 1))
    return qi.SliceOp(x=x, starts=starts, steps=steps, out=x.type).out


def dequantize_results(conversion: Conversion, terminator: Any, apart: set[ir.Operation]) -> None:
    """The output boundary: every returned value back to float32, concats of `apart` part by part."""
    made: dict[ir.Value, ir.Value] = {}

    def real(value: ir.Value) -> ir.Value:
        x = conversion.get(value)
        if isinstance(defining(x), qi.ConstantOp):
            x = every_image(x)
        return qi.DequantizeOp(x=x, out=ir.RankedTensorType.get(shape(value), ir.F32Type.get())).out

    for index, result in enumerate(terminator.operation.operands):
        waiting = [result]
        while waiting:
            value = waiting[-1]
            op = defining(value)
            join = op if op is not None and op.operation in apart else None
            missing = [] if join is None else [part for part in (join.b, join.a) if part not in made]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if value in made:
                continue
            with ir.InsertionPoint(terminator), terminator.location if join is None else join.location:
                if join is None:
                    made[value] = real(value)
                else:
                    made[value] = qi.JoinOp(a=made[join.a], b=made[join.b], axis=join.axis, out=join.out.type).out
        terminator.operation.operands[index] = made[result]
