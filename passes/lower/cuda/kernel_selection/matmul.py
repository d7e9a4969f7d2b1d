"""`qi.matmul` as one launch, whose operands lie wherever they are."""

from math import prod

from dyadic.dialects import qi
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.heads import alignment, granule, lies, places
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.families.matmul import MatmulSpec, pack_params
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import layout_of

FEW_COLUMNS = 32  # a block has so many where there are no more


@selects(qi.MatmulOp)
def matmul(op: qi.MatmulOp) -> list[Launch]:
    """Rows of a times columns of b."""
    *outer, rows, depth = shape(op.a)[1:]
    columns, zero_a, zero_b = shape(op.b)[-1], zero_point(op.a), zero_point(op.b)
    few = columns <= FEW_COLUMNS
    spec = MatmulSpec(
        rows=rows,
        depth=depth,
        columns=columns,
        a=lies(op.a),
        b=lies(op.b),
        out=lies(op.out),
        outer=tuple(outer),
        a_granule=granule(op.a),
        b_granule=min(granule(op.b), 4),
        store_bytes=alignment(op.out, columns),
        left_moved=zero_a != 0,
        right_moved=zero_b != 0,
        form=form_of([op.multiplier.value], [op.shift.value]),
        block_columns=FEW_COLUMNS if few else 64,
        warps_across=1 if few else 2,
    )
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = pack_params(spec, op.multiplier.value, op.shift.value, zero_a, zero_b, header)
    inputs, constant = places([op.a, op.b])
    macs = prod(outer) * rows * columns * depth
    return [Launch(spec, place(layout_of(op.out)), inputs, params=params, constant=constant, macs=macs)]
