"""`qi.interpolate`."""

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernel_selection.walked import Side, width_of
from dyadic.passes.lower.cuda.kernels.families import interpolate
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import View, view


def _side(seen: View) -> Side:
    return Side((seen.row, seen.pixel, 1), seen.plane, widest([seen.row, seen.pixel, seen.offset, seen.plane]))


@selects(qi.InterpolateOp)
def interpolation(op: qi.InterpolateOp) -> list[Launch]:
    """One launch: four pixels for each of the result."""
    seen, made = view(op.x), view(op.out)
    sides = [_side(made), _side(seen)]
    spec = interpolate.InterpolateSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        out_column=made.pixel,
        out_row=made.row,
        in_plane=seen.plane,
        out_plane=made.plane,
        width=min(width_of((made.rows, made.columns, made.channels), sides), sides[1].aligned),
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
