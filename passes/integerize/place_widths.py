"""Every tensor gets the width that its integers will have.

What select chose is a width a tensor; a few ops need agreement. Ops that move numbers keep their input's width, and the
inputs of a concat take the concat's. Functions that jump are tables of 256 entries, so their input has at most 8 bits,
and so have those of attention; what is steep near 0, logarithms, roots and quotients by their divisor, reads 16
bits. Such a width is given to the producer where this op is its only reader, else through an identity `qd.clamp` (later
one `qi.requant`). What a recurrence adds to the products of its states has 16. A constant that is added to or
multiplied with something costs nothing to be exact: it has 16 bits where the result has.

    max_pool(x : 16 bits)                 -->  max_pool(x) : 16 bits
    concat(conv : 4 bits, ...) : 8 bits   -->  concat(conv : 8 bits, ...) : 8 bits
    floor(shared : 16 bits)               -->  floor(clamp(shared, -inf, inf) : 8 bits)
    log(conv : 8 bits)                    -->  log(conv : 16 bits)

Any other op reads and makes any mixture of widths. What is rounded once has one width: that of the clamp or of the
addition which takes in the op in front of it. Truth: exact on the float graph; it decides only how fine steps are.
"""

import math
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.place_ranges import identity, only_reader
from dyadic.passes.integerize.quantization import (
    set_value_bits,
    set_value_given,
    set_value_range,
    value_bits,
    value_given,
    value_range,
)
from dyadic.passes.rewriting import defining, module_pass

LARGEST = 16  # bits of an activation


@module_pass
def place_widths(module: ir.Operation) -> None:
    """Make widths agree: moves keep their input's, concat inputs take the concat's, and readers what they can read."""
    for block in function_bodies(module):
        body = [op.opview for op in block.operations]
        for op in body:
            if qd.keeps_range(op):
                follow(op)
        for op in reversed(body):
            if isinstance(op, qd.Operator):
                for index in op.wide_operands:
                    give_width(op, index, LARGEST)
            if isinstance(op, qd.Operator) and op.widest_input < LARGEST:
                for index, operand in enumerate(op.operation.operands):
                    if not isinstance(defining(operand), qd.ConstantOp) and value_bits(operand) > op.widest_input:
                        give_width(op, index, op.widest_input)
            elif qd.joins_ranges(op):
                for index in range(len(op.operation.operands)):
                    give_width(op, index, value_bits(op.out))
            elif isinstance(op, qd.Binary) and value_bits((fused_clamp(op) or op).out) == 16:
                for operand in op.operation.operands:
                    if isinstance(defining(operand), qd.ConstantOp):
                        set_value_bits(operand, 16)


def follow(op: Any) -> None:
    """A move's result has its input's width, and so do the moves behind it."""
    if (given := value_given(op.x)) is not None:
        set_value_given(op.out, given)
    elif value_bits(op.out) != value_bits(op.x):
        set_value_bits(op.out, value_bits(op.x))


def give_width(reader: Any, index: int, wanted: int) -> None:
    """Operand `index` of `reader` gets the width `wanted`: in its producer, or through an identity clamp."""
    operand = reader.operation.operands[index]
    if value_bits(operand) == wanted:
        return
    moves = [operand]
    step, consumer = operand, reader
    while only_reader(step, consumer):
        producer = defining(step)
        if value_given(step) is not None:
            break
        if not qd.keeps_range(producer):
            for value in moves:
                set_value_bits(value, wanted)
            return
        step, consumer = producer.x, producer
        moves.append(step)
    same = identity(reader, index)
    set_value_range(same, *range_through_moves(operand))
    set_value_bits(same, wanted)


def range_through_moves(value: ir.Value) -> tuple[float, float]:
    """`qd.range` of a value; of the result of a move, which has none of its own, what follows from its input."""
    op = defining(value)
    if not qd.keeps_range(op) or qd.RANGE in op.operation.attributes:
        return value_range(value)
    low, high = range_through_moves(op.x)
    if op.inserted is not None and math.isfinite(op.inserted):
        return min(low, op.inserted), max(high, op.inserted)
    return low, high
