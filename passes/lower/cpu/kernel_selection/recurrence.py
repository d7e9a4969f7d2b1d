"""`qi.recurrence` as one launch; the states before the first step are inputs where they are not all 0."""

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cpu.kernel_selection.attention import lies, places
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import recurrence as family
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.biases import low_bias
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.rewriting import defining


@selects(qi.RecurrenceOp)
def recurrence(op: qi.RecurrenceOp) -> list[Launch]:
    """All time steps of an image are one unit."""
    _, steps, _ = shape(op.x)
    weight = np.array(defining(op.weight).value, np.int8)
    given = {name: value for name, value in (("h", op.h), ("c", op.c)) if not starts_at_zero(value)}
    spec = family.RecurrenceSpec(
        kind=op.kind.value,
        steps=steps,
        hidden=weight.shape[1],
        reverse=op.reverse.value,
        cell=op.cell.value,
        wide=op.wide.value,
        state_bits=ints(op.bits)[0],
        cell_bits=ints(op.bits)[1],
        dropped=ints(op.bits)[2],
        form=requantize.form_of(np.array(ints(op.shift), np.int64), residual_shift=op.residual_shift.value),
        acc_shift=acc_shift(op),
        x=lies(op.x),
        out=lies(op.out),
        **{name: state_lies(value) for name, value in given.items()},
    )
    inputs, constant = places([op.x, *given.values()])
    packed = family.pack_weights(spec, weight)
    params = family.pack_params(rounding(op, spec), numbers(op))
    macs = steps * weight.size
    return [Launch(spec, place(layout_of(op.out)), inputs, weights=packed, params=params, constant=constant, macs=macs)]


def starts_at_zero(state: ir.Value) -> bool:
    """Whether a state is a constant 0 before the first step."""
    op = defining(state)
    return isinstance(op, qi.ConstantOp) and bool((op.evaluate() == zero_point(state)).all())


def state_lies(state: ir.Value) -> Strided:
    """One row of numbers, a byte apart."""
    layout = layout_of(state)
    return Strided(1, 0, layout.image, 1, layout.plane)


def rounding(op: qi.RecurrenceOp, spec: family.RecurrenceSpec) -> np.ndarray:
    """Of pre-activations: as of a linear layer that takes in an addition."""
    weight = np.array(defining(op.weight).value, np.int64)
    fields = (op.multiplier, op.shift, op.residual_multiplier)
    multiplier, shift, residual = (family.by_gate(spec, np.array(ints(each), np.int64)) for each in fields)
    return requantize.pack(
        family.by_gate(spec, low_bias(op)),
        multiplier,
        shift,
        residual,
        spec.form,
        [0, 0, 0, 0, op.residual_shift.value],
        family.by_gate(spec, -128 * weight.sum(1)) if spec.wide else None,  # high bytes are stored 128 larger
    )


def numbers(op: qi.RecurrenceOp) -> list[int]:
    """In the order of the kernel's places."""
    own = [zero_point(op.out), op.low.value, op.high.value]
    return [*own, *ints(op.result), *ints(op.project), *ints(op.start), zero_point(op.h), zero_point(op.c)]
