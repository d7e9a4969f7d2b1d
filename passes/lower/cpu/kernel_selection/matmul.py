"""`qi.matmul` as one launch, whose operands lie wherever they are."""

from math import prod

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.tensor_types import is_wide, shape, zero_point
from dyadic.passes.lower.cpu.kernel_selection.attention import lies, places
from dyadic.passes.lower.cpu.kernel_selection.matrix import unit_shape
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import matmul as family
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import layout_of


@selects(qi.MatmulOp)
def matmul(op: qi.MatmulOp) -> list[Launch]:
    *outer, rows, depth = shape(op.a)[1:]
    columns, zero_a, zero_b = shape(op.b)[-1], zero_point(op.a), zero_point(op.b)
    _, unit_rows = unit_shape(1, rows, prod(outer), columns * depth)
    spec = family.MatmulSpec(
        rows=rows,
        depth=depth,
        columns=columns,
        unit_rows=unit_rows,
        a=lies(op.a),
        b=lies(op.b),
        out=lies(op.out),
        form=requantize.form_of(np.array([op.shift.value])),
        clamp=requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
        left_moved=zero_a != 0,
        right_moved=zero_b != 128,
        outer=tuple(outer),
    )
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = family.pack_params(spec, op.multiplier.value, op.shift.value, zero_a, zero_b, header)
    inputs, constant = places([op.a, op.b])
    macs = prod(outer) * rows * columns * depth
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=constant, macs=macs)]
