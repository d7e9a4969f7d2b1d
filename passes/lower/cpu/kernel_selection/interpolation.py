"""`qi.interpolate`."""

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import interpolate
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view


@selects(qi.InterpolateOp)
def interpolation(op: qi.InterpolateOp) -> list[Launch]:
    """One launch: four pixels for each of the result."""
    seen, made = view(op.x), view(op.out)
    spec = interpolate.InterpolateSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        unit_rows=rows_in_unit(made.rows, made.columns * made.channels),
        in_image=seen.image,
        out_column=made.pixel,
        out_row=made.row,
        out_image=made.image,
        in_plane=seen.plane,
        out_plane=made.plane,
    )
    params = interpolate.pack_params(
        op.multiplier.value,
        op.shift.value,
        zero_point(op.x),
        [zero_point(op.out), op.low.value, op.high.value],
        [
            (ints(op.rows), ints(op.row_shares), seen.rows, seen.row),
            (ints(op.columns), ints(op.column_shares), seen.columns, seen.pixel),
        ],
    )
    return [Launch(spec, place(made), [place(seen)], params=params)]
