"""Every tensor gets the range that its integers will have.

What calibration saw is a range per tensor; what integers need is agreement. Ops that move numbers without computing
keep their input's range, so that they stay moves of bytes. The inputs of a concat take the concat's range: inside their
producers where the concat is the only reader, through an identity `qd.clamp` (later one `qi.requant`) where it is not.
A concat that only a result is made of is never one tensor: its parts keep their own ranges. A quantization that the
model gives stays as it is: moves behind it have it, too, and what wants another one reads an identity.

    max_pool(x : range r)                  -->  max_pool(x) : range r
    concat(conv : range r1, ...) : range r -->  concat(conv : range r, ...) : range r
    concat(shared : range r1) : range r    -->  concat(clamp(shared, -inf, inf) : range r) : range r
    sigmoid(conv : [-20, 30])              -->  sigmoid(conv : [-6.25, 6.25])
    floor(conv) : [-3.1, 7]                -->  floor(conv) : [-4, 251]
    log(conv : [0, 2.55]) : [-87, 1]       -->  log(conv) : [-4.6, 1]

Truth: exact on the float graph; it decides only where steps lie.
"""

import math
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.integerize.quantization import (
    has_range,
    set_value_bits,
    set_value_given,
    set_value_range,
    value_activation,
    value_bits,
    value_given,
    value_range,
)
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.passes.integerize.tables import reach
from dyadic.passes.rewriting import defining, module_pass
from dyadic.runtime.fixedpoint import S16_MAX


@module_pass
def place_ranges(module: ir.Operation) -> None:
    """Make ranges agree: moves keep their input's, concat inputs take the concat's, tables ignore what they flatten."""
    for block in function_bodies(module):
        body = [op.opview for op in block.operations]
        for op in body:
            if isinstance(op, qd.Function):
                narrow_to_useful_inputs(op)
            if isinstance(op, qd.Operator) and op.whole:
                count_by_one(op)
        for op in body:
            if qd.keeps_range(op):
                make_room_for_inserted(op)
                take_type(op.out, op.x)
        apart = concats_of_results(block)
        for op in reversed(body):
            if qd.joins_ranges(op) and op.operation not in apart:
                for index in range(len(op.operation.operands)):
                    give_type(op, index, op.out)
        for op in body:
            if isinstance(op, qd.Function) and op.singular:
                narrow_to_reach(op)


def take_type(value: ir.Value, like: ir.Value) -> None:
    """The range of another value, or the quantization that is given of it."""
    given = value_given(like)
    if given is None:
        set_value_range(value, *value_range(like))
    else:
        set_value_given(value, given)


def narrow_to_useful_inputs(op: qd.Function) -> None:
    """Spend no steps on inputs that the function flattens, where no one else reads them."""
    producer = defining(op.x)
    if producer is None or isinstance(producer, qd.ConstantOp) or not only_reader(op.x, op):
        return
    if value_bits(op.x) == 16:  # enough for all of them, and what 8 bits cannot tell matters
        return
    if qd.keeps_range(producer) or qd.joins_ranges(producer) or value_given(op.x) is not None:
        return
    low, high = value_range(op.x)
    useful_low, useful_high = op.useful_inputs
    low, high = max(low, useful_low), min(high, useful_high)
    if low < high:
        set_value_range(op.x, low, high)


def count_by_one(op: qd.Operator) -> None:
    """Whole numbers get steps of 1, where there are enough."""
    low, high = value_range(op.out)
    low, high = min(math.floor(low), 0), max(math.ceil(high), 0)
    bits = value_bits(op.out)
    if bits == 16 and max(-low, high) <= S16_MAX:
        set_value_range(op.out, -S16_MAX, S16_MAX)
    elif bits < 16 and high - low < 1 << bits:
        set_value_range(op.out, low, low + (1 << bits) - 1)


def narrow_to_reach(op: qd.Function) -> None:
    """Near a number without a value a function exceeds all that it makes of steps of its input: no steps for that."""
    if not has_range(op.out):  # a clamp behind it is given, and takes it in
        return
    low, high = value_range(op.out)
    lowest, highest = reach(op, value_activation(op.x))
    if value_bits(op.out) < 16:
        low, high = max(low, lowest), min(high, highest)
    else:  # enough steps for all of it
        low, high = lowest, highest
    if low < high:
        set_value_range(op.out, low, high)


def make_room_for_inserted(op: Any) -> None:
    """A padded value outside the input's range widens that range; infinities saturate instead."""
    value = op.inserted
    if value is None:
        return
    low, high = value_range(op.x)
    if math.isfinite(value) and not min(low, 0.0) <= value <= max(high, 0.0):
        widened = (min(low, value), max(high, value))
        moves = unshared_moves(op, 0)
        for each in moves or [identity(op, 0)]:
            set_value_range(each, *widened)


def give_type(reader: Any, index: int, like: ir.Value) -> None:
    """Operand `index` of `reader` gets the range of `like`, or what is given of it: in its producer, or through an
    identity clamp."""
    operand = reader.operation.operands[index]
    if value_given(operand) == value_given(like) and value_range(operand) == value_range(like):
        return
    for value in unshared_moves(reader, index) or [identity(reader, index)]:
        take_type(value, like)


def unshared_moves(reader: Any, index: int) -> list[ir.Value]:
    """Operand `index` and what it was moved from, up to what was computed, where `reader` alone reads all of them and
    nothing is given; else none."""
    operand = reader.operation.operands[index]
    moves = [operand]
    step, consumer = operand, reader
    while only_reader(step, consumer):
        producer = defining(step)
        if value_given(step) is not None:
            break
        if not qd.keeps_range(producer):
            return moves
        if producer.inserted and math.isfinite(producer.inserted):
            break  # the padded value must stay inside the range
        step, consumer = producer.x, producer
        moves.append(step)
    return []


def identity(reader: Any, index: int) -> ir.Value:
    """Operand `index` of `reader` through an identity clamp of the same width, so that it can be rounded once more."""
    operand = reader.operation.operands[index]
    with ir.InsertionPoint(reader), reader.location:
        infinity = ir.FloatAttr.get(ir.F32Type.get(), float("inf"))
        minus_infinity = ir.FloatAttr.get(ir.F32Type.get(), float("-inf"))
        same = qd.ClampOp(x=operand, low=minus_infinity, high=infinity, out=operand.type)
    if value_bits(operand) != 8:
        set_value_bits(same.out, value_bits(operand))
    reader.operation.operands[index] = same.out
    return same.out


def only_reader(value: ir.Value, op: Any) -> bool:
    """Whether `op` alone reads `value` (perhaps more than once)."""
    return all(use.owner == op.operation for use in value.uses)
