"""Layers, products and tables read a residual stream through one more rounding.

A stream has 16 bits by default (`passes/residual_stream.py`); what multiplies wants 8. An identity clamp in front of
all such readers of a value is a tensor of its own, with a range and a width of its own; later it is one `qi.requant`.

    linear(x), linear(x), add(x, y)   -->   linear(c), linear(c), add(x, y)     c = clamp(x, -inf, inf), x of a stream

A stream's value that the others alone read stays as it is, and so does one that these alone read: it is no stream.
Truth: exact.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects.reference import function_bodies
from dyadic.passes import building
from dyadic.passes.residual_stream import reads_narrow, residual_stream
from dyadic.passes.rewriting import module_pass


@module_pass
def narrow_stream_reads(module: ir.Operation) -> None:
    """Give what multiplies a residual stream a copy of its own width: linear(x) --> linear(clamp(x, -inf, inf))"""
    for block in function_bodies(module):
        stream = residual_stream(block)
        made = [*block.arguments, *(op.operation.results[0] for op in list(block.operations)[:-1])]
        for value in made:
            if value in stream:
                narrow_reads(value)


def narrow_reads(value: ir.Value) -> None:
    """One value of a stream."""
    uses: list[tuple[Any, int]] = [(use.owner, use.operand_number) for use in value.uses]
    narrow = [(op, index) for op, index in uses if reads_narrow(op.opview)]
    if not narrow or len(narrow) == len(uses):
        return
    if isinstance(value, ir.OpResult):
        where, location = ir.InsertionPoint.after(value.owner), value.owner.location
    else:
        where, location = ir.InsertionPoint.at_block_begin(value.owner), narrow[0][0].location
    with where, location:
        copy = building.clamp(value)
    for op, index in narrow:
        op.operands[index] = copy
