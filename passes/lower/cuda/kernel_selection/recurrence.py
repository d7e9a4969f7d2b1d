"""`qi.recurrence` as one launch; the states before the first step are inputs where they are not all 0."""

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.families import recurrence as family
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of, shifts_for
from dyadic.passes.lower.launches.biases import low_bias
from dyadic.passes.lower.launches.launch import Launch, Place, constant_bytes, place
from dyadic.passes.lower.memory.views import CONSTANT, layout_of
from dyadic.passes.rewriting import defining


@selects(qi.RecurrenceOp)
def recurrence(op: qi.RecurrenceOp) -> list[Launch]:
    """All time steps of an image are one block's."""
    weight = np.array(defining(op.weight).value, np.int8)
    given = {name: value for name, value in (("h", op.h), ("c", op.c)) if not starts_at_zero(value)}
    x, out = layout_of(op.x), layout_of(op.out)
    m, s, mb = (np.array(ints(each), np.int64) for each in (op.multiplier, op.shift, op.residual_multiplier))
    either = (m | mb).tolist()
    state_bits, cell_bits, dropped = ints(op.bits)
    spec = family.RecurrenceSpec(
        kind=op.kind.value,
        hidden=weight.shape[1],
        reverse=op.reverse.value,
        cell=op.cell.value,
        wide=op.wide.value,
        state_bits=state_bits,
        cell_bits=cell_bits,
        dropped=dropped,
        in_row=x.strides[-2],
        in_plane=x.plane,
        out_row=out.strides[-2],
        out_plane=out.plane,
        acc_shift=acc_shift(op),
        form=form_of(either, s.tolist()),
        has_h="h" in given,
        has_c="c" in given,
        **{f"{name}_plane": layout_of(value).plane for name, value in given.items()},
    )
    assert x.strides[-1] == out.strides[-1] == 1
    inputs, constant = _places([op.x, *given.values()])
    high_bias = -128 * weight.astype(np.int64).sum(1)  # high bytes are stored 128 larger
    outputs = [low_bias(op), high_bias, m, mb, shifts_for(spec.form, either, s.tolist())]
    params = family.pack_params(spec, _numbers(op), outputs)
    weights, macs = family.pack_weights(spec, weight), shape(op.x)[1] * weight.size
    return [Launch(spec, place(out), inputs, weights=weights, params=params, constant=constant, macs=macs)]


def starts_at_zero(state: ir.Value) -> bool:
    """Whether a state is a constant 0 before the first step."""
    op = defining(state)
    return isinstance(op, qi.ConstantOp) and bool((op.evaluate() == zero_point(state)).all())


def _places(values: list[ir.Value]) -> tuple[list[Place], npt.NDArray[np.uint8]]:
    """Where operands begin; constants among them lie one after the other."""
    found: list[Place] = []
    constants: list[npt.NDArray[np.uint8]] = []
    for value in values:
        extra = sum(each.size for each in constants) if layout_of(value).buffer == CONSTANT else 0
        found.append(place(layout_of(value), extra))
        constants.append(constant_bytes(value))
    return found, np.concatenate(constants)


def _numbers(op: qi.RecurrenceOp) -> list[int]:
    """In the order of the kernel's places."""
    own = [zero_point(op.out), op.low.value, op.high.value]
    states = [zero_point(op.h), zero_point(op.c)]
    return [
        *own,
        *ints(op.result),
        *ints(op.project),
        *ints(op.start),
        *states,
        op.residual_shift.value,
        shape(op.x)[1],
    ]
