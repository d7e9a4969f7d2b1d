"""What the model gives of a tensor's quantization is said where the tensor is made.

A clamp with `qd.given` rounds. Where what it reads is an input of the model, a concat, or something moved, it is none
of its own: the input has the given quantization, and so has the concat; and a move of what is rounded is the same as
rounding what was moved.

    clamp(argument) {qd.given}           -->  the argument {qd.given}
    clamp(concat(a, b)) {qd.given}       -->  concat(a, b) {qd.given}
    clamp(reshape(conv(x))) {qd.given}   -->  reshape(clamp(conv(x)) {qd.given})
    clamp(max_pool(y)) {qd.given}        -->  max_pool(y), where the same is given of y
    x {qd.given} * 0.7                   -->  the product {qd.given}: x's integers, of 0.7 times its scale

All that read a tensor read it rounded once some reader does, so that it has one quantization; a part that is rounded,
of what others read whole, has a rounding of its own. Truth: exact on the integers; in float, what leaves the range that
the model gives is clamped there, which is where it is rounded.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.passes.building import constant_array
from dyadic.passes.integerize.quantization import SMALLEST_SCALE, Activation, set_value_given, value_given
from dyadic.passes.rewriting import defining, module_pass

WHOLE = 1e-3  # of a step: what float32 leaves of a whole number of them


@module_pass
def take_given(module: ir.Operation) -> None:
    """Say what is given of a quantization where tensors are made: clamp(argument) {given} --> argument {given}"""
    for block in function_bodies(module):
        for op in list(block.operations):
            if isinstance(op.opview, qd.ClampOp) and qd.GIVEN in op.attributes:
                take(op.opview)
        for op in block.operations:
            if isinstance(op.opview, qd.ScaleShiftOp) and value_given(op.opview.out) is None:
                rescale(op.opview)


def rescale(op: qd.ScaleShiftOp) -> None:
    """What is multiplied by one positive number and moved by whole steps keeps its integers, if not rounded again."""
    given, scale, shift = value_given(op.x), constant_array(op.scale), constant_array(op.shift)
    if given is None or scale is None or shift is None or np.ptp(scale) or np.ptp(shift) or not scale[0] > 0:
        return
    if any(isinstance(use.owner.opview, qd.ClampOp) and qd.GIVEN in use.owner.attributes for use in op.out.uses):
        return
    factor = float(np.float32(given.scale * float(scale[0])))
    if not SMALLEST_SCALE <= factor < np.inf:
        return
    steps = float(shift[0]) / factor
    zero_point = given.zero_point - round(steps)
    if abs(steps - round(steps)) < WHOLE and (not round(steps) or (given.bits <= 8 and 0 <= zero_point <= given.high)):
        set_value_given(op.out, replace(given, scale=factor, zero_point=zero_point))


def take(op: qd.ClampOp) -> None:
    """One clamp that rounds."""
    given, source = value_given(op.out), unmoved(op.x)
    producer = defining(source)
    assert given is not None
    whole = covers(op, given)
    if value_given(source) is None and not isinstance(producer, qd.ConstantOp):
        if is_part(op.x, source):
            return
        if producer is None and not is_integer(source):
            set_value_given(source, given)
        elif qd.joins_ranges(producer):
            give_to_parts(source, given)
        elif producer is not None:
            raise_to(op, source)
            return
    if value_given(source) == given and whole:
        op.out.replace_all_uses_with(op.x)
        op.operation.erase()


def give_to_parts(joined: ir.Value, given: Activation) -> None:
    """A concat, and those that it alone reads: more than two inputs are a chain."""
    waiting = [joined]
    while waiting:
        value = waiting.pop()
        set_value_given(value, given)
        for part in defining(value).operation.operands:
            inner = qd.joins_ranges(defining(part)) and value_given(part) is None
            if inner and len(list(part.uses)) == 1:
                waiting.append(part)


def covers(op: qd.ClampOp, given: Activation) -> bool:
    """Whether it clamps to nothing less than the integers can stand for."""
    low, high = given.range
    return op.low.value < low + given.scale / 2 and op.high.value > high - given.scale / 2


def unmoved(value: ir.Value) -> ir.Value:
    """What a value was moved from."""
    op = defining(value)
    while qd.keeps_range(op) and not op.inserted and value_given(value) is None:
        value = op.x
        op = defining(value)
    return value


def is_part(value: ir.Value, source: ir.Value) -> bool:
    """Whether it was taken out of what others read whole: its range says nothing of the rest."""
    while value != source:
        op = defining(value)
        if math.prod(shape(op.out)) < math.prod(shape(op.x)) and len(list(op.x.uses)) > 1:
            return True
        value = op.x
    return False


def raise_to(op: qd.ClampOp, source: ir.Value) -> None:
    """The clamp stands behind what computed its numbers, and all read those."""
    readers = [(use.owner, use.operand_number) for use in source.uses if use.owner != op.operation]
    op.out.replace_all_uses_with(op.x)
    if source == op.x:
        readers = [(use.owner, use.operand_number) for use in source.uses if use.owner != op.operation]
    attributes: Any = {name: op.operation.attributes[name] for name in op.operation.attributes}
    with ir.InsertionPoint.after(source.owner), op.location:
        new = ir.Operation.create("qd.clamp", [source.type], [source], attributes)
    op.operation.erase()
    for reader, index in readers:
        if reader != new:
            reader.operands[index] = new.results[0]
